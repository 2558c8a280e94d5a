#!/usr/bin/env python3
"""install_test.py BUILD: proves that what `cmake --install BUILD` puts in place is all that a stranger needs.

The chat of examples/ is built outside of this project by pkg-config and by find_package, as C11 and as
C++17, with the shared and the static library; each is started and two clients talk through it."""
import itertools
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from client import Client, free_port, started  # noqa: E402
from stage import SOURCE, STRICT, Stage, run  # noqa: E402

HEADERS = ("parley.h", "socketio.h")
LANGUAGES = {"c": ["cc", "-std=c11", "chat.c"], "cxx": ["c++", "-std=c++17", "chat.cpp"]}


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="parley-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.stage = Stage(BUILD, cls.dir / "stage")
        cls.outside = cls.dir / "outside"
        shutil.copytree(SOURCE / "tests/embed/outside", cls.outside)
        shutil.copy(SOURCE / "examples/chat.c", cls.outside / "chat.c")
        shutil.copy(SOURCE / "examples/chat.c", cls.outside / "chat.cpp")

    def talk(self, program, library):
        """What is written reaches the other one, and SIGTERM ends it with 0."""
        needed = run("ldd", program, env=self.stage.env)
        self.assertEqual("libparley.so.0" in needed, library != "static", needed)
        port = free_port()
        with started([program, f"127.0.0.1:{port}"], port, self.stage.env) as chat:
            alice, bob = (Client(port, "/api/ws/chat") for _ in range(2))
            self.assertEqual([alice.json()["type"], bob.json()["type"]], ["connected"] * 2)
            bob.send({"type": "join", "username": "Bob"})
            bob.send({"type": "typing", "username": "Bob"})
            self.assertEqual(alice.json(), {"type": "typing", "username": "Bob"})
            alice.send({"type": "message", "username": "Alice", "text": "h\u00e9llo"})
            heard = bob.json()
            self.assertEqual((heard["type"], heard["from"], heard["text"]), ("chat-message", "Alice", "h\u00e9llo"))
            alice.close()
            bob.close()
            self.assertEqual(chat.stop(), 0)

    def test_pkg_config(self):
        for language, (compiler, *rest) in LANGUAGES.items():
            for package in ("parley", "parley-static"):
                with self.subTest(language=language, package=package):
                    flags = self.stage.flags(package)
                    program = self.outside / f"{language}-{package}"
                    run(compiler, *STRICT, *rest, "-o", program, *flags, cwd=self.outside)
                    self.talk(program, "static" if package == "parley-static" else "shared")

    def test_find_package(self):
        build = self.outside / "build"
        run("cmake", "-S", self.outside, "-B", build, env=self.stage.env)
        run("cmake", "--build", build, env=self.stage.env)
        for language in LANGUAGES:
            for library in ("parley", "static"):
                with self.subTest(language=language, library=library):
                    self.talk(build / f"{language}_{library}", library)

    def test_each_header_alone_in_every_language(self):
        languages = ["c11", "gnu11", "c17", "c2x", "c++17", "gnu++17", "c++20"]
        compilers = [c for c in ("gcc", "clang") if shutil.which(c)]
        include = self.stage.find("include/parley").parent
        for compiler in compilers:
            for language, header in itertools.product(languages, HEADERS):
                with self.subTest(compiler=compiler, language=language, header=header):
                    run(compiler, "-x", "c++" if "++" in language else "c", f"-std={language}", *STRICT,
                        "-Wshadow", "-Wconversion", "-I", include, "-fsyntax-only", "-",
                        input=f"#include <parley/{header}>\nint main(void) {{ return 0; }}\n")

    def test_only_public_names(self):
        headers = [self.stage.find(header) for header in HEADERS]
        run(SOURCE / "tools/symbols.py", *headers, self.stage.lib / "libparley.so", self.stage.lib / "libparley.a")

    def test_no_path_of_the_build_is_left(self):
        for name in ("parley.pc", "parley-static.pc", "parley-targets.cmake", "parley-config.cmake"):
            text = self.stage.find(name).read_text()
            self.assertNotIn(str(SOURCE), text, name)
            self.assertNotIn(str(self.dir), text, name)

    def test_the_manual_knows_every_command(self):
        text = (self.stage.prefix / "share/man/man1/parley.1").read_text()
        commands = re.findall(r"^  (\w+) ", run(self.stage.prefix / "bin/parley", "help"), flags=re.M)
        self.assertGreater(len(commands), 5)
        for command in commands:
            self.assertIn(f".B {command}\n", text)
        self.assertIn("parley_why", (self.stage.prefix / "share/man/man3/parley.h.3").read_text())

    def test_the_unit_starts_what_was_installed(self):
        unit = self.stage.find("parley.service").read_text()
        command = re.search(r"^ExecStart=(\S+) serve --config (\S+)", unit, flags=re.M)
        self.assertTrue((self.stage.root / command[1].lstrip("/")).is_file())
        config = self.stage.root / command[2].lstrip("/")
        run(self.stage.prefix / "bin/parley", "check", "--config", config)

    def test_installing_again_keeps_the_configuration(self):
        config = self.stage.find("parley.json")
        config.write_text('{"listen": ["127.0.0.1:9"]}')
        self.stage.install()
        self.assertEqual(config.read_text(), '{"listen": ["127.0.0.1:9"]}')

    def test_the_chats_are_short(self):
        for name, lines in (("chat.c", 40), ("socketio_chat.c", 60)):
            self.assertLessEqual(len((SOURCE / "examples" / name).read_text().splitlines()), lines)


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    unittest.main()
