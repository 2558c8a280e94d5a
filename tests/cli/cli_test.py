#!/usr/bin/env python3
"""Proves what the command line promises: output and exit codes of each sub-command, run as a process."""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
SECRET = "0123456789abcdefghijklmnopqrstuv"


def parley(*args, env=None, cwd=None, typed=None):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PARLEY_", "JWT_", "SUPABASE_", "WEBSOCKET_"))}
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=60, cwd=cwd, input=typed,
                          env={**kept, **(env or {})}, check=False)


def decode(token):
    head, body, signature = token.split(".")
    pad = lambda s: base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))
    return json.loads(pad(head)), json.loads(pad(body)), f"{head}.{body}".encode(), pad(signature)


class InDirectory(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory(prefix="parley-cli-")
        self.addCleanup(held.cleanup)
        self.dir = pathlib.Path(held.name)

    def write(self, name, text, mode=0o600):
        path = self.dir / name
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return str(path)


class Usage(InDirectory):
    def test_help_goes_to_stdout_and_is_no_error(self):
        for args in (["--help"], ["-h"], ["help"]):
            done = parley(*args)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for name in ("token", "user", "hash", "check", "backup", "verify", "version", "chat"):
                self.assertIn(f"  {name} ", done.stdout)
            self.assertNotIn("  docs ", done.stdout)
        for command in ("token", "user", "hash", "check", "backup", "verify", "version", "chat", "docs", "help"):
            done = parley(command, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout, parley("help", command).stdout)
            self.assertTrue(done.stdout.startswith(f"usage: parley {command}"))

    def test_mistakes_go_to_stderr_with_2(self):
        for args in ([], ["nonsense"], ["check", "--nonsense"], ["check", "word"], ["check", "--config"],
                     ["check", "--config", "a", "--config", "b"], ["check", "--print=yes"], ["check", "--set", "x"],
                     ["token"], ["token", "--user", ""], ["token", "--user", "a", "--ttl", "0"],
                     ["token", "--user", "a", "--ttl", "1 day"], ["backup"], ["backup", "a", "b"], ["user"],
                     ["user", "add"], ["user", "list", "alice"], ["user", "remove", "alice"],
                     ["user", "add", "alice", "secret"], ["hash", "secret"], ["hash", "--set", "workers=1"],
                     ["docs", "nothing"],
                     ["version", "--set", "workers=1"], ["chat"], ["chat", "ws://127.0.0.1:1"],
                     ["chat", "ftp://127.0.0.1:1", "--token", "t"], ["chat", "ws://127.0.0.1:1", "--token", ""],
                     ["chat", "ws://127.0.0.1:1", "--token", "t", "--with", "a", "--conversation", "b"]):
            done = parley(*args)
            self.assertEqual((done.returncode, done.stdout), (2, ""), args)
            self.assertNotEqual(done.stderr, "", args)

    def test_version_names_the_libraries(self):
        done = parley("version")
        self.assertEqual(done.returncode, 0)
        for name in ("parley", "openssl 3", "sqlite 3", "zlib 1", "simdjson ", "engines epoll"):
            self.assertRegex(done.stdout, rf"(?m)^{name}")
        self.assertEqual(parley("--version").stdout, done.stdout)

    def test_docs_are_the_committed_page(self):
        page = pathlib.Path(__file__).parents[2] / "docs" / "configuration.md"
        self.assertEqual(parley("docs", "configuration").stdout, page.read_text(encoding="utf-8"))


class Check(InDirectory):
    def check(self, text, *args, env=None):
        path = self.write("c.json", text)
        done = parley("check", "--config", path, "--data", str(self.dir / "data"), *args, env=env)
        return done.returncode, done.stdout.replace(path, "c.json")

    def test_all_mistakes_with_their_lines(self):
        code, out = self.check('{\n"engine": "steam",\n"limits": {\n  "brust": 1},\n"origins": ["*"]\n}\n')
        self.assertEqual(code, 1)
        self.assertIn("c.json:2:11: error: engine must be one of", out)
        self.assertIn('c.json:4:3: error: unknown option "limits.brust"', out)
        self.assertIn("c.json:5:12: error: origins", out)
        self.assertRegex(out, r"(?m)^3 errors, \d+ warnings$")

    def test_warnings_alone_are_success(self):
        code, out = self.check('{"listen": "0.0.0.0:8080"}')
        self.assertEqual(code, 0)
        self.assertIn("c.json:1:12: warning: listen", out)
        self.assertRegex(out, r"(?m)^0 errors, [1-9]")

    def test_levels_and_masks(self):
        code, out = self.check('{"workers": 2, "limits.burst": 3, "engine": "epoll"}', "--print", "--set",
                               "limits.burst=5", env={"PARLEY_LIMITS_BURST": "4", "PARLEY_ENGINE": "auto",
                                                      "JWT_SECRET": SECRET})
        self.assertEqual(code, 0)
        for line in (r"workers += 2 \(file\)", r"limits.burst += 5 \(flag\)", r"engine += auto \(environment\)",
                     r"auth.secret += \*\*\* \(environment\)", r"store.readers += 2 \(default\)"):
            self.assertRegex(out, rf"(?m)^{line}$")
        self.assertNotIn(SECRET, out)

    def test_a_login_that_everybody_tries_is_refused(self):
        """The hash is of "admin", which `parley hash` would not make."""
        admin = "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$I8tcvU9sTSBP+qFETjO/PD5MqUyH5yfIDArgSyTMras"
        good = parley("hash", typed="a secret word").stdout.strip()
        rows = (({"admin_user": "admin", "admin_password_hash": admin}, "the password is the user's name"),
                ({"admin_user": "root", "admin_password_hash": admin}, "tries first"),
                ({"admin_user": "root", "admin_password_hash": "admin"}, "not an argon2id hash"),
                ({"admin_user": "root"}, "needs socketio.admin_password_hash"),
                ({"admin_password_hash": good}, "needs socketio.admin_user"))
        for options, why in rows:
            code, out = self.check(json.dumps({"socketio": options}))
            self.assertEqual(code, 1, options)
            self.assertIn(why, out)
            self.assertNotIn(good, out)
        code, out = self.check(json.dumps({"socketio": {"admin_user": "root", "admin_password_hash": good}}), "--print")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"(?m)^socketio.admin_password_hash += \*\*\* ")
        done = parley("serve", "--data", str(self.dir / "data"), "--listen", f"unix:{self.dir}/s", "--set",
                      "socketio.admin_user=admin", env={"PARLEY_SOCKETIO_ADMIN_PASSWORD_HASH": admin})
        self.assertEqual(done.returncode, 1)
        self.assertIn("the password is the user's name", done.stderr)

    def test_no_such_file(self):
        done = parley("check", "--config", str(self.dir / "nothing.json"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot read", done.stdout)


class Token(InDirectory):
    def test_signed_with_a_given_secret(self):
        secret = self.write("secret", SECRET + "\n")
        for how, env in ((["--secret-file", secret], None), ([], {"JWT_SECRET": SECRET}),
                         (["--secret-file", secret], {"JWT_SECRET": "x" * 40})):
            before = int(time.time())
            done = parley("token", "--user", "alice", "--name", "Alice \"A\"", "--ttl", "90s", *how, env=env)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, r"\A[\w-]+\.[\w-]+\.[\w-]+\n\Z")
            head, body, signed, signature = decode(done.stdout.strip())
            self.assertEqual(head["alg"], "HS256")
            self.assertEqual(signature, hmac.new(SECRET.encode(), signed, hashlib.sha256).digest())
            self.assertEqual((body["sub"], body["userId"], body["username"], body["name"]),
                             ("alice", "alice", "alice", 'Alice "A"'))
            self.assertIn(body["exp"] - before, range(90, 100))
        self.assertEqual(os.listdir(self.dir), ["secret"])

    def test_the_data_directory_gets_one_key_for_its_owner_alone(self):
        data = self.dir / "data"
        first = parley("token", "--user", "alice", "--data", str(data))
        self.assertEqual((first.returncode, first.stderr), (0, ""))
        key = data / "jwt.key"
        self.assertEqual(stat.S_IMODE(key.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(data.stat().st_mode), 0o700)
        secret = key.read_bytes().rstrip(b"\n")
        second = parley("token", "--user", "bob", "--data", str(data))
        for done in (first, second):
            _, _, signed, signature = decode(done.stdout.strip())
            self.assertEqual(signature, hmac.new(secret, signed, hashlib.sha256).digest())

    def test_bad_secrets_give_no_token(self):
        everybody = self.write("open", SECRET, 0o644)
        for how, env in (([], {"JWT_SECRET": "short"}), (["--secret-file", everybody], None),
                         (["--secret-file", str(self.dir / "nothing")], None),
                         (["--set", "auth.jwks=/x"], None)):
            done = parley("token", "--user", "a", *how, env=env)
            self.assertEqual((done.returncode, done.stdout), (1, ""), how)
            self.assertNotIn("short", done.stderr)


class Store(InDirectory):
    def test_there_is_nothing_to_copy_or_verify(self):
        data = str(self.dir / "nothing")
        for args in (["backup", str(self.dir / "copy")], ["verify"]):
            done = parley(*args, "--data", data)
            self.assertEqual(done.returncode, 1, args)
            self.assertNotEqual(done.stderr, "")
        self.assertEqual(os.listdir(self.dir), [])

    def test_what_is_no_store_is_not_whole(self):
        self.write("parley.db", "this is no database, but it is long enough to look like one\n" * 40)
        done = parley("verify", "--data", str(self.dir))
        self.assertEqual(done.returncode, 1)


class Hash(InDirectory):
    """The password comes by standard input alone; what is printed can be configured."""

    def test_a_hash_alone_on_stdout_with_a_salt_of_its_own(self):
        made = [parley("hash", typed=typed) for typed in ("a secret word\n", "a secret word")]
        for done in made:
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertRegex(done.stdout, r"^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}\n$")
        self.assertNotEqual(made[0].stdout, made[1].stdout)

    def test_no_password_no_hash(self):
        for typed, why in (("", "no password"), ("short\n", "6 to 1024"), ("x" * 1025 + "\n", "6 to 1024")):
            done = parley("hash", typed=typed)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(why, done.stderr)


class User(InDirectory):
    """Without a server; with one: tests/live/accounts.test.js."""

    def user(self, *args, typed=None):
        return parley("user", *args, "--data", str(self.dir), typed=typed)

    def rows(self):
        done = self.user("list")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [line.split()[1:] for line in done.stdout.splitlines()]

    def test_from_nothing_to_locked_out(self):
        done = self.user("add", "Alice", typed="secret word\n")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "Alice added\n", ""))
        self.assertEqual(self.user("add", "bob", typed="secret word").returncode, 0)  # no newline at the end
        self.assertEqual(self.rows(), [["account", "enabled", "Alice"], ["account", "enabled", "bob"]])
        for name, changes in (("disable", "is disabled"), ("enable", "is enabled"), ("disable", "is disabled")):
            done = self.user(name, "ALICE")
            self.assertEqual((done.returncode, done.stdout), (0, f"Alice {changes}\n"))
        self.assertEqual(self.rows()[0], ["account", "disabled", "Alice"])
        self.assertEqual(self.user("passwd", "bob", typed="another word\n").stdout, "bob has a new password\n")
        self.assertEqual(parley("verify", "--data", str(self.dir)).returncode, 0)

    def test_what_is_refused_says_why(self):
        self.assertEqual(self.user("add", "alice", typed="secret word\n").returncode, 0)
        for args, typed, why in ((("add", "alice"), "secret word\n", "taken"), (("add", "ALICE"), "secret word\n", "taken"),
                                 (("add", "al-ice"), "secret word\n", "may only contain"),
                                 (("add", "al"), "secret word\n", "at least 3"), (("add", "carol"), "short\n", "6 to 1024"),
                                 (("add", "carol"), "x" * 1025 + "\n", "6 to 1024"), (("add", "carol"), "", "no password"),
                                 (("passwd", "carol"), "secret word\n", "no such account"),
                                 (("disable", "carol"), None, "no such user"), (("enable", "carol"), None, "no such user")):
            done = self.user(*args, typed=typed)
            self.assertEqual((done.returncode, done.stdout), (1, ""), args)
            self.assertIn(why, done.stderr)
        self.assertEqual(self.rows(), [["account", "enabled", "alice"]])

    def test_a_password_is_kept_as_a_hash_alone(self):
        self.assertEqual(self.user("add", "alice", typed="a very secret word\n").returncode, 0)
        kept = b"".join(path.read_bytes() for path in self.dir.iterdir() if path.is_file())
        self.assertIn(b"$argon2id$v=19$m=19456,t=2,p=1$", kept)
        self.assertNotIn(b"a very secret word", kept)
        for path in self.dir.iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0, path)

    def test_a_store_that_is_not_ours_is_left_alone(self):
        path = self.write("parley.db", "this is no database\n" * 100)
        done = self.user("add", "alice", typed="secret word\n")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(pathlib.Path(path).read_text(encoding="utf-8"), "this is no database\n" * 100)


if __name__ == "__main__":
    unittest.main()
