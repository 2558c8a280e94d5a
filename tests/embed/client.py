"""A small WebSocket client and a process that serves, for the tests of the library in Python."""
import base64
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import time

PATIENCE_S = 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    def __init__(self, command, env=None, **options):
        self.child = subprocess.Popen([str(c) for c in command], env=env, **options)

    def stop(self):
        """SIGTERM; the exit code."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(PATIENCE_S)


@contextlib.contextmanager
def started(command, port, env=None, **options):
    """A process that accepts connections at this port; killed at the end if it still runs."""
    process = Process(command, env, **options)
    try:
        until = time.monotonic() + PATIENCE_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.child.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"{command} does not serve, exit {process.child.poll()}")
            time.sleep(0.02)
        yield process
    finally:
        if process.child.poll() is None:
            process.child.kill()
            process.child.wait()
        if process.child.stdout:
            process.child.stdout.close()


class Client:
    """Text frames only, masked with zeros."""

    def __init__(self, port, path):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self.stream = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                            "Sec-WebSocket-Version: 13\r\n\r\n".encode())
        status = self.stream.readline()
        if b" 101 " not in status:
            raise AssertionError(f"{path}: {status}")
        while self.stream.readline() != b"\r\n":
            pass

    def close(self):
        self.stream.close()
        self.socket.close()

    def send(self, value):
        body = (value if isinstance(value, str) else json.dumps(value)).encode()
        assert len(body) < 65536
        size = bytes([0x80 | len(body)]) if len(body) < 126 else b"\xfe" + struct.pack("!H", len(body))
        self.socket.sendall(b"\x81" + size + bytes(4) + body)

    def text(self):
        """The next text; other frames are passed over."""
        while True:
            first, size = self.stream.read(2)
            if size == 126:
                size = struct.unpack("!H", self.stream.read(2))[0]
            elif size == 127:
                size = struct.unpack("!Q", self.stream.read(8))[0]
            body = self.stream.read(size)
            if first & 15 == 1:
                return body.decode()
            if first & 15 == 8:
                raise AssertionError(f"closed: {body}")

    def json(self):
        return json.loads(self.text())
