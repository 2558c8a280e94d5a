#!/usr/bin/env python3
"""Proves that two `parley chat` talk through a server, also one that is killed and started again meanwhile."""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
WAIT_S = 30
ENV = {k: v for k, v in os.environ.items() if not k.startswith(("PARLEY_", "JWT_", "SUPABASE_", "WEBSOCKET_"))}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Chat:
    """One client: what it printed is in `out` and `err`, as lines."""

    def __init__(self, url, token, *args):
        self.process = subprocess.Popen([PROGRAM, "chat", url, *args], env={**ENV, "PARLEY_TOKEN": token}, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.out, self.err = [], []
        self.readers = [threading.Thread(target=self.read, args=(stream, to), daemon=True)
                        for stream, to in ((self.process.stdout, self.out), (self.process.stderr, self.err))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def read(stream, to):
        with stream:
            for line in stream:
                to.append(line[:-1])

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def finish(self):
        self.process.stdin.close()
        code = self.process.wait(WAIT_S)
        for reader in self.readers:
            reader.join(WAIT_S)
        return code


def eventually(what):
    until = time.monotonic() + WAIT_S
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


class TwoPeople(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory(prefix="parley-chat-")
        self.addCleanup(held.cleanup)
        self.dir = pathlib.Path(held.name)
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}"
        self.start()
        self.alice, self.bob = self.token("alice"), self.token("bob")

    def start(self):
        with open(self.dir / "log", "ab") as log:
            size = log.tell()
            self.server = subprocess.Popen([PROGRAM, "serve", "--data", str(self.dir / "data"), "--listen",
                                            f"127.0.0.1:{self.port}", "--set", "limits.enabled=false"],
                                           env=ENV, stdout=log, stderr=log)
        self.addCleanup(self.stop, self.server)
        self.assertTrue(eventually(lambda: b"ready" in (self.dir / "log").read_bytes()[size:]))

    @staticmethod
    def stop(server, how=signal.SIGTERM):
        server.send_signal(how)
        server.wait(WAIT_S)

    def token(self, user):
        return subprocess.run([PROGRAM, "token", "--user", user, "--data", str(self.dir / "data")], env=ENV, text=True,
                              capture_output=True, check=True).stdout.strip()

    def chat(self, *args):
        chat = Chat(self.url, *args)
        self.addCleanup(lambda: chat.process.poll() is None and (chat.process.kill(), chat.process.wait()))
        return chat

    def heard(self, chat, line):
        self.assertTrue(eventually(lambda: line in chat.out), (line, chat.out, chat.err))

    def test_the_first_waits_for_the_second(self):
        alice = self.chat(self.alice, "--with", "bob")
        alice.say("are you there?")
        self.assertTrue(eventually(lambda: "* waiting for bob to sign in..." in alice.err))
        bob = self.chat(self.bob)
        self.heard(bob, "alice: are you there?")
        bob.say("escape \x1b[2J and \u202e")
        self.heard(alice, r"bob: escape \x1b[2J and \u202e")
        self.assertEqual((alice.finish(), bob.finish()), (0, 0))
        self.assertEqual(alice.out, bob.out)

    def test_nothing_is_lost_or_doubled_when_the_server_is_killed(self):
        self.chat(self.bob).finish()  # so that alice can name him
        before = self.chat(self.alice, "--with", "bob")
        for i in range(40):
            before.say(f"old {i}")
        self.assertEqual(before.finish(), 0)
        bob = self.chat(self.bob, "--with", "alice")
        alice = self.chat(self.alice, "--with", "bob")
        for chat in (alice, bob):  # both have loaded their page: what is said now comes after it
            self.heard(chat, "alice: old 39")
        said = [f"message {i}" for i in range(60)]
        for i, text in enumerate(said):
            alice.say(text)
            if i == 20:
                self.heard(bob, "alice: message 5")
                self.stop(self.server, signal.SIGKILL)
            elif i == 50:
                self.start()
        self.heard(bob, "alice: message 59")
        self.assertEqual((alice.finish(), bob.finish()), (0, 0))
        last = [f"old {i}" for i in range(20, 40)]  # shown at first; what is older never is
        self.assertEqual([f"alice: {text}" for text in last + said], alice.out)
        self.assertEqual(alice.out, bob.out)

    def test_a_refused_token_is_final(self):
        chat = self.chat("no token", "--with", "bob")
        self.assertEqual(chat.finish(), 1)
        self.assertEqual(chat.err, ["parley: signing in failed: Invalid or expired token"])

    def test_a_script_that_could_not_speak_fails(self):
        self.stop(self.server)
        chat = self.chat(self.alice, "--with", "bob")
        chat.say("lost")
        self.assertEqual(chat.finish(), 1)
        self.assertEqual(chat.out, [])


if __name__ == "__main__":
    unittest.main()
