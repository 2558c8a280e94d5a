#!/usr/bin/env python3
"""docs_test.py BUILD: proves that every block of code in docs/embedding.md is good: compiled as a stranger
would, with what `cmake --install BUILD` put in place, and whatever is a program is started and talked to.

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

PAGE = SOURCE / "docs/embedding.md"
BLOCK = re.compile(r"^```(\w*)[ ]?([^\n]*)\n(.*?)^```$", re.M | re.S)
PRINTED = "127.0.0.1:8080"
PREAMBLE = "".join(f"#include <{name}>\n" for name in
                   ("parley/parley.h", "poll.h", "stdio.h", "stdlib.h", "string.h"))


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="parley-docs-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.stage = Stage(BUILD, cls.dir / "stage")
        cls.port = free_port()
        text = PAGE.read_text().replace(PRINTED, f"127.0.0.1:{cls.port}")
        cls.blocks = BLOCK.findall(text)
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

    def test_every_block_is_of_a_kind_that_is_tested(self):
        kinds = {(lang, name) for lang, name, _ in self.blocks}
        self.assertEqual(kinds, {("c", ""), ("c", "echo.c"), ("c", "stop.c"), ("cpp", "counter.cpp"),
                                 ("cmake", ""), ("js", ""), ("sh", "install"), ("sh", "build")})
        self.assertEqual(PAGE.read_text().count("```"), 2 * len(self.blocks))

    def test_functions_compile(self):
        functions = self.of("c")
        self.assertGreaterEqual(len(functions), 8)
        for code in functions:
            with self.subTest(code.splitlines()[0]):
                run("cc", "-std=c11", "-D_DEFAULT_SOURCE", *STRICT, "-Wno-unused-function", "-fsyntax-only",
                    *self.stage.flags(), "-x", "c", "-", input=PREAMBLE + code)

    def test_what_is_typed_to_install_is_a_target(self):
        for line in "".join(self.of("sh", "install")).splitlines():
            self.assertIn("cmake --install", run(*line.split(), "-n", cwd=SOURCE))

    def test_what_is_typed_builds_and_starts_the_first_program(self):
        *before, start = "".join(self.of("sh", "build")).splitlines()
        script = "\n".join([*before, f"exec {start}"])
        with self.serving(["bash", "-ec", script]) as echo:
            client = Client(self.port, "/echo")
            client.send("hello")
            self.assertEqual(client.text(), "hello")
            client.close()
            self.browser()
            echo.child.terminate()
            echo.child.wait(20)

    def browser(self):
        """The page's JavaScript, where Node and a WebSocket for it are."""
        package = SOURCE / "tests/live/node_modules/ws"
        if not shutil.which("node") or not package.is_dir():
            self.skipTest("no Node with the package ws")
        code = f"globalThis.WebSocket = require('{package}');\n" + "".join(self.of("js"))
        code += "socket.addEventListener('message', () => socket.close());\n"
        self.assertEqual(run("node", "-e", code, timeout=30), "hello\n")

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

    def test_links_lead_somewhere(self):
        links = re.findall(r"[\w`]\]\(([^)#]+)\)", PAGE.read_text())
        self.assertGreater(len(links), 5)
        for link in links:
            self.assertTrue((PAGE.parent / link).exists(), link)


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    unittest.main()
