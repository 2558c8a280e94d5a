"""What `cmake --install` puts into a directory of its own, for the tests that build with it."""
import os
import pathlib
import subprocess

SOURCE = pathlib.Path(__file__).resolve().parents[2]
STRICT = ["-pedantic", "-Wall", "-Wextra", "-Werror"]


def run(*command, **options):
    """Its output; an AssertionError with all that it said when it fails."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode:
        raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class Stage:
    def __init__(self, build, where):
        self.build, self.root = pathlib.Path(build).resolve(), pathlib.Path(where)
        self.install()
        packages = self.find("parley.pc").parent
        self.lib = packages.parent
        self.prefix = self.find("bin/parley").parent.parent
        self.env = {**os.environ, "LD_LIBRARY_PATH": str(self.lib), "PKG_CONFIG_PATH": str(packages),
                    "CMAKE_PREFIX_PATH": str(self.prefix)}

    def install(self):
        run("cmake", "--install", self.build, env={**os.environ, "DESTDIR": str(self.root)})

    def find(self, name):
        return next(self.root.rglob(name))

    def flags(self, package="parley"):
        return run("pkg-config", "--cflags", "--libs", package, env=self.env).split()
