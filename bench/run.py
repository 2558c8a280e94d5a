#!/usr/bin/env python3
"""Measures Parley beside two npm peers and the kernel's limit, all in one run, and prints one table.

Each row starts the servers anew, pinned to one core, and lets them take turns under the load
generator, which has the other core. Figures are medians over the rounds and, for messages, per
second in which the server's core was busy: a server that idles half of the time is not slower for it.
Nothing is built here; `npm ci` puts the peers under build/peers once. Results go to build/bench.json.
"""
import argparse
import json
import os
import pathlib
import platform
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # nothing but build/ is written to
import bridge  # noqa: E402
import durable  # noqa: E402
import socketio  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent / "build"
PEERS = BUILD / "peers"
FILES_WANTED = 40000
NOISY_PCT = 20  # of the server's core spent on something that is not the server: measure again

ROWS = [
    # name, unit, mode, arguments, size, raw servers too
    ("echo 20 B, 1 in flight, 100 connections", "echo", {"conns": 100, "depth": 1}, 20, True),
    ("echo 20 B, 16 in flight", "echo", {"conns": 100, "depth": 16}, 20, True),
    ("echo 16 KiB, 1 in flight", "echo", {"conns": 100, "depth": 1}, 16384, True),
    ("fan-out 100 B to 1,000, one at a time", "fanout", {"conns": 1000}, 100, True),
    ("fan-out burst, 8 publishers, 512 in flight", "fanout",
     {"conns": 1000, "publishers": 8, "window": 512}, 100, True),
    ("handshakes", "storm", {"conns": 64}, 20, False),
    ("idle, bytes of user memory per connection", "idle", {"conns": 10000}, 20, False),
]


class Failed(Exception):
    """A server or the generator did not do its part; the text says which."""


def note(text):
    print(text, file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A process pinned to a core, which has said that it is ready."""

    def __init__(self, name, command, port, core, env=None):
        self.name, self.port, self.core = name, port, core
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            ["taskset", "-c", str(core)] + [str(word) for word in command],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})})
        self.pid = self.process.pid
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise

    def said(self):
        return os.pread(self.log.fileno(), 65536, 0).decode(errors="replace")

    def wait_ready(self):
        deadline = time.monotonic() + 20
        while "ready" not in self.said():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{self.name} did not become ready: {self.said()[-400:].strip()}")
            time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Bench:
    def __init__(self, args):
        self.args = args
        self.bin = BUILD / args.preset
        self.raw = []  # those of the raw servers that this machine can have
        cores = sorted(os.sched_getaffinity(0))
        self.server_core, self.load_core = cores[0], cores[min(1, len(cores) - 1)]
        self.seconds, self.warm = (0.5, 0.2) if args.quick else (args.seconds, 1)
        self.commands = {
            "parley": lambda port, size: [self.bin / "bench-server", "--port", port],
            "ws": lambda port, size: ["node", HERE / "peers/ws-server.js", port],
            "uwebsockets": lambda port, size: ["node", HERE / "peers/uws-server.js", port],
            "raw-epoll": lambda port, size: [self.bin / "bench-raw-epoll", "--port", port, "--size", size],
            "raw-uring": lambda port, size: [self.bin / "bench-raw-uring", "--port", port, "--size", size],
        }

    def start(self, name, size):
        port = free_port()
        env = {"NODE_PATH": str(PEERS / "node_modules")}
        return Server(name, self.commands[name](port, size), port, self.server_core, env)

    def load(self, mode, server, **options):
        """One run of the generator against a server."""
        command = [self.bin / "bench-load", mode, "--json", "--port", server.port,
                   "--server-pid", server.pid, "--server-core", server.core,
                   "--cpu", self.load_core, "--warm", self.warm, "--seconds", self.seconds]
        for key, value in options.items():
            command += [f"--{key.replace('_', '-')}"] + ([] if value is True else [value])
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)
        if not done.stdout.startswith("{"):
            raise Failed(f"{server.name}, {mode}: {done.stderr.strip()[-400:]}")
        return json.loads(done.stdout)

    def load_quietly(self, mode, server, **options):
        """As load; once more if something else was busy on the server's core, and the better of the two."""
        first = self.load(mode, server, **options)
        if self.args.quick or noise(first) <= NOISY_PCT:
            return first
        return min(first, self.load(mode, server, **options), key=noise)

    def run_row(self, row, names):
        """{server: [result of each round]}; a server that fails has none."""
        name, mode, options, size, has_raw = row
        options = dict(options, size=size)
        if mode == "idle":
            options["conns"] = self.idle_conns()
        results = {n: [] for n in names if has_raw or not n.startswith("raw")}
        servers = {}
        try:
            for n in results:
                if mode != "idle":
                    servers[n] = self.start(n, size)
            for _ in range(self.args.rounds):
                for n in results:
                    results[n].append(self.run_once(mode, n, servers.get(n), options))
        finally:
            for server in servers.values():
                server.stop()
        return results

    def run_once(self, mode, name, server, options):
        if server:
            raw = {"raw": True} if name.startswith("raw") else {}
            return self.load_quietly(mode, server, **options, **raw)
        server = self.start(name, options["size"])  # memory: each time a new process
        try:
            return self.load(mode, server, **options)
        finally:
            server.stop()

    def idle_conns(self):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500
        return min(1000 if self.args.quick else 10000, limit)


def noise(result):
    return result.get("core_busy_pct", 0) - result.get("server_cpu_pct", 0)


def value_of(results):
    """The figure of the table: of each run the memory of a connection, or the messages of a busy core."""
    if not results:
        return None
    key = "pss_per_connection" if results[0]["mode"] == "idle" else "per_core_s"
    return statistics.median(r[key] for r in results)


def ratio(a, b):
    return a / b if a is not None and b else None


def summary(row, results):
    values = {name: value_of(runs) for name, runs in results.items()}
    limits = [v for name, v in values.items() if name.startswith("raw") and v]
    parley = values.get("parley")
    return {
        "row": row[0], "values": values,
        "to_ws": ratio(parley, values.get("ws")),
        "to_uwebsockets": ratio(parley, values.get("uwebsockets")),
        "to_limit": ratio(parley, max(limits)) if limits else None,
        "lost_or_bad": {n: sum(r["lost"] + r["bad"] + r["errors"] for r in runs)
                        for n, runs in results.items()},
        "p50_us": {n: statistics.median(r["p50_us"] for r in runs) for n, runs in results.items() if runs},
        "p99_us": {n: statistics.median(r["p99_us"] for r in runs) for n, runs in results.items() if runs},
        "load_bound": sorted(n for n, runs in results.items() if any(r.get("load_bound") for r in runs)),
        "noisy": sorted(n for n, runs in results.items() if any(noise(r) > NOISY_PCT for r in runs)),
        "runs": results,
    }


# ---- the table ----

def figure(value):
    if value is None:
        return "-"
    if value >= 999500:
        return f"{value / 1e6:.2f}M"
    return f"{value / 1e3:.1f}k" if value >= 10000 else f"{value:.0f}"


def times(value):
    return "-" if value is None else f"{value:.2f}"


def print_table(summaries, names):
    columns = names + ["/ws", "/uwebsockets", "/limit"]
    width = max(len(s["row"]) for s in summaries)
    print("\nper busy second of the server's core; medians; the last three columns are Parley's ratio to them")
    print(" " * width + "".join(f"{c:>13}" for c in columns))
    for s in summaries:
        cells = [figure(s["values"].get(n)) for n in names]
        cells += [times(s["to_ws"]), times(s["to_uwebsockets"]), times(s["to_limit"])]
        print(f"{s['row']:<{width}}" + "".join(f"{c:>13}" for c in cells))
        wrong = {n: count for n, count in s["lost_or_bad"].items() if count}
        if wrong:
            print("    lost, bad or failed: " + ", ".join(f"{n} {count}" for n, count in wrong.items()))
        if s["noisy"]:
            print("    something else was busy on the core, do not compare: " + ", ".join(s["noisy"]))


# ---- preparation ----

def raise_file_limit():
    for hard in (FILES_WANTED, resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, max(hard, 1)))
            return
        except (ValueError, OSError):
            continue


def install_peers():
    """The peers' packages, as locked; again only when the lock file changes."""
    PEERS.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "peers/package-lock.json").read_bytes()
    stamp = PEERS / "installed"
    if stamp.exists() and stamp.read_bytes() == lock:
        return
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / "peers" / name, PEERS / name)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=PEERS, check=True,
                   stdout=subprocess.DEVNULL)
    stamp.write_bytes(lock)


def usable_servers(bench, asked):
    """Those asked for; what the machine cannot have (no io_uring, no node) is named and left out."""
    usable = []
    for name in asked:
        first = str(bench.commands[name](1, 1)[0])
        if not shutil.which(first):
            note(f"{name}: {first} is not there")
        else:
            usable.append(name)
    if "raw-uring" in usable:
        try:
            bench.start("raw-uring", 20).stop()
        except Failed as failure:
            note(f"raw-uring: left out ({failure})")
            usable.remove("raw-uring")
    return usable


def machine():
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                if line.startswith("model name")), platform.machine())
    return {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release(),
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--quick", action="store_true", help="a smoke run of less than a minute")
    p.add_argument("--rounds", type=int, default=None, help="of which the median counts (3; quick 1)")
    p.add_argument("--seconds", type=float, default=4, help="measured in each run")
    p.add_argument("--preset", default="release", help="whose binaries: build/PRESET")
    p.add_argument("--rows", default="", help="only rows whose name contains this; 'socket.io', 'by dialect' and 'durable' for the last parts")
    p.add_argument("--servers", default="parley,ws,uwebsockets,raw-epoll,raw-uring")
    args = p.parse_args()
    args.rounds = args.rounds or (1 if args.quick else 3)
    return args


def measure_rows(bench, names, wanted):
    summaries, failures = [], []
    for row in ROWS:
        if wanted not in row[0] or not names:
            continue
        note(f"{row[0]} ...")
        try:
            summaries.append(summary(row, bench.run_row(row, names)))
            note("    " + ", ".join(f"{n} {figure(v)}" for n, v in summaries[-1]["values"].items()))
        except Failed as failure:
            failures.append(f"{row[0]}: {failure}")
    return summaries, failures


def measure_part(bench, part, wanted, needs):
    """A part with a program of its own: `socketio`, `bridge` or `durable`."""
    program = bench.bin / needs
    if wanted not in part.NAME or "parley" not in bench.args.servers.split(","):
        return None, []
    if not program.exists():
        return None, [f"{program} is not there"]
    note(f"{part.NAME} ...")
    try:
        return part.measure(bench, Server, free_port, program), []
    except (Failed, OSError) as failure:
        return None, [f"{part.NAME}: {failure}"]


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the servers are stopped too
    bench = Bench(args)
    if not (bench.bin / "bench-load").exists():
        sys.exit(f"{bench.bin / 'bench-load'} is not there: build the {args.preset} preset first")
    raise_file_limit()
    asked = args.servers.split(",")
    if {"ws", "uwebsockets"} & set(asked) or args.rows in socketio.NAME:
        install_peers()
    names = usable_servers(bench, asked)
    bench.raw = [name for name in names if name.startswith("raw")]
    summaries, failures = measure_rows(bench, names, args.rows)
    stock, bad = measure_part(bench, socketio, args.rows, "bench-socketio")
    mixed, wrong = measure_part(bench, bridge, args.rows, "parley")
    lasting, more = measure_part(bench, durable, args.rows, "parley")
    if summaries:
        print_table(summaries, names)
    if stock:
        socketio.show(stock)
        bad += socketio.failures(stock)
    if mixed:
        bridge.show(mixed)
    if lasting:
        durable.show(lasting)
    more += wrong + bad
    for failure in failures + more:
        print(f"failed: {failure}")
    result = {"machine": machine(), "rounds": args.rounds, "quick": args.quick, "rows": summaries,
              "socketio": stock, "bridge": mixed, "durable": lasting, "failures": failures + more}
    (BUILD / "bench.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 1 if failures or more or set(asked) - set(names) - {"raw-uring"} else 0


if __name__ == "__main__":
    sys.exit(main())
