#!/usr/bin/env python3
"""docs_test.py BUILD: proves that every block of code in docs/embedding.md and docs/embedding-socketio.md is
good: compiled as a stranger would, with what `cmake --install BUILD` put in place, and whatever is a program is
started and talked to.

A block that is named is a file: ```c echo.c. One that is not is a function, and is compiled."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from client import Client, free_port, started  # noqa: E402
from stage import SOURCE, STRICT, Stage, run  # noqa: E402

BLOCK = re.compile(r"^```(\w*)[ ]?([^\n]*)\n(.*?)^```$", re.M | re.S)
PRINTED = "127.0.0.1:8080"
PREAMBLE = "".join(f"#include <{name}>\n" for name in
                   ("parley/parley.h", "parley/socketio.h", "poll.h", "pthread.h", "stdio.h", "stdlib.h", "string.h"))
PACKAGES = SOURCE / "tests/live/node_modules"


def setUpModule():
    global DIR, STAGE
    DIR = pathlib.Path(tempfile.mkdtemp(prefix="parley-docs-"))
    unittest.addModuleCleanup(shutil.rmtree, DIR)
    STAGE = Stage(BUILD, DIR / "stage")


class Page:
    """What holds for each page. PAGE: its file; KINDS: the blocks that it has; FUNCTIONS: at least so many."""

    @classmethod
    def setUpClass(cls):
        cls.dir = DIR / cls.__name__
        cls.dir.mkdir()
        cls.stage = STAGE
        cls.port = free_port()
        cls.text = (SOURCE / cls.PAGE).read_text()
        cls.blocks = BLOCK.findall(cls.text.replace(PRINTED, f"127.0.0.1:{cls.port}"))
        for _, name, code in cls.blocks:
            if "." in name:
                (cls.dir / name).write_text(code)

    def of(self, language, name=""):
        return [code for lang, given, code in self.blocks if (lang, given) == (language, name)]

    def build(self, name):
        compiler, standard = ("c++", "c++17") if name.endswith(".cpp") else ("cc", "c11")
        program = self.dir / pathlib.Path(name).stem
        run(compiler, f"-std={standard}", *STRICT, "-o", program, self.dir / name, *self.stage.flags())
        return program

    def serving(self, command):
        return started(command, self.port, self.stage.env, cwd=self.dir, stdout=subprocess.PIPE, text=True)

    def typed(self):
        """The program, built and started by what the page says."""
        *before, start = "".join(self.of("sh", "build")).splitlines()
        return self.serving(["bash", "-ec", "\n".join([*before, f"exec {start}"])])

    def browse(self, package, before, after):
        """What the page's JavaScript prints, where Node and the package for it are."""
        if not shutil.which("node") or not (PACKAGES / package).is_dir():
            self.skipTest(f"no Node with the package {package}")
        code = before.format(f"require('{PACKAGES / package}')") + "".join(self.of("js")) + after
        return run("node", "-e", code, timeout=30)

    def test_every_block_is_of_a_kind_that_is_tested(self):
        self.assertEqual({(lang, name) for lang, name, _ in self.blocks}, self.KINDS)
        self.assertEqual(self.text.count("```"), 2 * len(self.blocks))

    def test_functions_compile(self):
        functions = self.of("c")
        self.assertGreaterEqual(len(functions), self.FUNCTIONS)
        for code in functions:
            with self.subTest(code.splitlines()[0]):
                run("cc", "-std=c11", "-D_DEFAULT_SOURCE", *STRICT, "-Wno-unused-function", "-fsyntax-only",
                    *self.stage.flags(), "-x", "c", "-", input=PREAMBLE + code)

    def test_links_lead_somewhere(self):
        links = [link for link in re.findall(r"[\w`]\]\(([^)#]+)\)", self.text) if "://" not in link]
        self.assertGreaterEqual(len(links), self.LINKS)
        for link in links:
            self.assertTrue(((SOURCE / self.PAGE).parent / link).exists(), link)


class Embedding(Page, unittest.TestCase):
    PAGE = "docs/embedding.md"
    KINDS = {("c", ""), ("c", "echo.c"), ("c", "stop.c"), ("cpp", "counter.cpp"), ("cmake", ""), ("js", ""),
             ("sh", "install"), ("sh", "build")}
    FUNCTIONS, LINKS = 8, 6

    def test_what_is_typed_to_install_is_a_target(self):
        for line in "".join(self.of("sh", "install")).splitlines():
            self.assertIn("cmake --install", run(*line.split(), "-n", cwd=SOURCE))

    def test_what_is_typed_builds_and_starts_the_first_program(self):
        with self.typed() as echo:
            client = Client(self.port, "/echo")
            client.send("hello")
            self.assertEqual(client.text(), "hello")
            client.close()
            heard = self.browse("ws", "globalThis.WebSocket = {};\n",
                                "socket.addEventListener('message', () => socket.close());\n")
            self.assertEqual(heard, "hello\n")
            echo.child.terminate()
            echo.child.wait(20)

    def test_the_cmake_project_builds(self):
        project = self.dir / "project"
        project.mkdir()
        (project / "CMakeLists.txt").write_text("".join(self.of("cmake")))
        shutil.copy(self.dir / "echo.c", project)
        run("cmake", "-S", project, "-B", project / "build", env=self.stage.env)
        run("cmake", "--build", project / "build", env=self.stage.env)
        self.assertTrue((project / "build/echo").is_file())

    def test_a_signal_stops(self):
        with self.serving([self.build("stop.c")]) as program:
            client = Client(self.port, "/quiet")
            client.close()
            self.assertEqual(program.stop(), 0)
            self.assertEqual(program.child.stdout.read(), "everybody was told\n")

    def test_a_lambda_counts(self):
        with self.serving([self.build("counter.cpp")]):
            client = Client(self.port, "/count")
            for n in (1, 2):
                client.send("x")
                self.assertEqual(client.json(), {"type": "count", "n": n})
            client.close()


class SocketIO(Page, unittest.TestCase):
    PAGE = "docs/embedding-socketio.md"
    KINDS = {("c", ""), ("c", "hello.c"), ("cpp", "counter.cpp"), ("js", ""), ("sh", "build")}
    FUNCTIONS, LINKS = 8, 4
    # Engine.IO and Socket.IO in frames: open, connect to "/", then events.
    PATH = "/socket.io/?EIO=4&transport=websocket"

    def connect(self):
        client = Client(self.port, self.PATH)
        self.assertTrue(client.text().startswith("0{"))
        client.send("40")
        self.assertTrue(client.text().startswith("40{"))
        return client

    def test_what_is_typed_builds_and_starts_the_first_program(self):
        with self.typed() as hello:
            client = self.connect()
            client.send('427["hello",{"a":[1]}]')
            self.assertEqual([client.text(), client.text()], ['42["greeting","Hello",{"a":[1]}]', "437[true]"])
            client.close()
            heard = self.browse("socket.io-client", "const {{ io }} = {};\n",
                                "socket.emit('hello', 1, () => socket.close());\n")
            self.assertEqual(heard, "Hello Ada\ntrue\nHello 1\n")
            hello.child.terminate()
            hello.child.wait(20)

    def test_a_lambda_counts(self):
        with self.serving([self.build("counter.cpp")]):
            client = self.connect()
            client.send('42["x"]')
            client.send('420["y",1]')
            self.assertEqual(client.text(), "430[2]")
            client.close()


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    unittest.main()
