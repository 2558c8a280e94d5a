"""The last part of bench/run.py: acknowledged messages of the chat server, which are on disk.

Server and store share one core. A flush of the disk is counted twice, independently: by the server's own
metrics during the runs, and by strace, where it is installed, in a run of its own (strace slows a server
down, so that run gives no speed).
"""
import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request

NAME = "durable acknowledgements, QryptChat dialect"
PEOPLE = 50
IN_FLIGHT = 64
STEADY_RATE = 10000
SIGNED_IN = 2000
ROOMS = 100


def base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(secret, user):
    now = int(time.time())
    claims = {"sub": user, "username": user, "name": user, "iat": now, "exp": now + 3600}
    parts = [base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signature = hmac.new(secret.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join(parts + [base64url(signature)])


def disk_flush_us(folder, count=100):
    """What one fdatasync costs here, for orientation."""
    path = os.path.join(folder, "flush")
    taken = []
    with open(path, "wb", buffering=0) as f:
        for _ in range(count):
            f.write(b"x" * 4096)
            begin = time.monotonic()
            os.fdatasync(f.fileno())
            taken.append((time.monotonic() - begin) * 1e6)
    os.unlink(path)
    return statistics.median(taken)


class Chat:
    """A chat server with an empty store in `folder`, and tokens for its people."""

    def __init__(self, bench, server_class, free_port, program, folder, more=()):
        secret, self.admin_key = secrets.token_hex(32), secrets.token_hex(24)
        self.tokens = os.path.join(folder, "tokens")
        with open(self.tokens, "w", encoding="ascii") as f:
            f.writelines(token(secret, f"bench-{i}") + "\n" for i in range(PEOPLE))
        port = free_port()
        command = [program, "serve", "--data", os.path.join(folder, "data"), "--workers", 1,
                   "--listen", f"127.0.0.1:{port}", "--set", "limits.enabled=false", *more]
        env = {"JWT_SECRET": secret, "PARLEY_ADMIN_KEY": self.admin_key}
        self.bench = bench
        self.server = server_class("parley", command, port, bench.server_core, env)

    def load(self, **options):
        return self.bench.load("qrypt", self.server, token_file=self.tokens, **options)

    def metrics(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.server.port}/metrics",
                                         headers={"Authorization": f"Bearer {self.admin_key}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read().decode()
        found = {}
        for name in ("parley_store_commits_total", "parley_messages_stored_total"):
            match = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)", text, re.M)
            found[name] = float(match[1]) if match else None
        return found["parley_store_commits_total"], found["parley_messages_stored_total"]


def commits_per_message(before, after):
    if None in before + after or after[1] == before[1]:
        return None
    return (after[0] - before[0]) / (after[1] - before[1])


def strace_flushes(chat, **options):
    """(flushes, acknowledgements) of one run under strace, warm-up included; None without strace."""
    if not shutil.which("strace"):
        return None
    with tempfile.NamedTemporaryFile("r") as out:
        tracer = subprocess.Popen(["strace", "-c", "-f", "-e", "trace=fdatasync,fsync", "-o", out.name,
                                   "-p", str(chat.server.pid)], stderr=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            if tracer.poll() is not None:
                return None
            before = chat.metrics()
            chat.load(**options)
            time.sleep(0.2)
            after = chat.metrics()
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(20)
        calls = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s.*\b(?:fdatasync|fsync)$", out.read(), re.M)
    return sum(map(int, calls)), after[1] - before[1] if after[1] is not None else None


def measure_speed(chat, rounds):
    busy = {"conns": PEOPLE, "depth": IN_FLIGHT, "size": 100}
    before = chat.metrics()
    result = {"saturated": [chat.load(**busy) for _ in range(rounds)]}
    result["commits_per_message"] = commits_per_message(before, chat.metrics())
    result["steady"] = [chat.load(conns=PEOPLE, size=100, rate=STEADY_RATE) for _ in range(rounds)]
    flushes = strace_flushes(chat, **busy)
    result["strace"] = flushes and {"flushes": flushes[0], "messages": flushes[1]}
    return result


def measure(bench, server_class, free_port, program):
    """Speed and memory, each with a new server: memory that a load has left free would hide the other."""
    def with_chat(do):
        # Beside the binaries: the default place for temporary files may be memory.
        with tempfile.TemporaryDirectory(dir=bench.bin, prefix="bench-") as folder:
            chat = Chat(bench, server_class, free_port, program, folder)
            try:
                return do(chat)
            finally:
                chat.server.stop()

    result = with_chat(lambda chat: measure_speed(chat, bench.args.rounds))
    conns = min(bench.idle_conns(), SIGNED_IN)
    result["signed_in"] = with_chat(lambda chat: chat.load(conns=conns, rooms=min(ROOMS, conns), depth=0))
    result["disk_flush_us"] = disk_flush_us(bench.bin)
    return result


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def show(r):
    busy, steady = r["saturated"], r["steady"]
    refused = sum(run["bad"] + run["lost"] + run["errors"] for run in busy + steady)
    print(f"\n{NAME}: {PEOPLE} connections; server and store on one core")
    print(f"  {IN_FLIGHT} in flight each    {median(busy, 'per_s'):.0f}/s, {median(busy, 'per_core_s'):.0f} per busy "
          f"second; p50 {median(busy, 'p50_us') / 1e3:.1f} ms, p99 {median(busy, 'p99_us') / 1e3:.1f} ms")
    print(f"  at {STEADY_RATE}/s         {median(steady, 'per_s'):.0f}/s; p50 {median(steady, 'p50_us') / 1e3:.2f} ms, "
          f"p99 {median(steady, 'p99_us') / 1e3:.2f} ms")
    if r["commits_per_message"] is not None:
        print(f"  commits per message  {r['commits_per_message']:.4f} (the server's metrics)")
    if r["strace"] and r["strace"]["messages"]:
        share = r["strace"]["flushes"] / r["strace"]["messages"]
        print(f"  flushes per message  {share:.4f} (strace: {r['strace']['flushes']} fdatasync and fsync)")
    print(f"  one fdatasync here   {r['disk_flush_us']:.0f} us")
    print(f"  idle, signed in and in a room: {r['signed_in']['pss_per_connection']:.0f} bytes of user memory each")
    if refused:
        print(f"  refused, lost or failed: {refused}")
