"""A part of bench/run.py: Socket.IO beside the npm package `socket.io`, in turns, in the same run.

What counts is messages per second of processor time that the server's process was charged for; the busy
time of its core is shown beside it. bench/socketio.c and bench/peers/socketio-server.js do the same.

Where each message costs a call of its own, the kernel's share is most of the cost; there the raw TCP servers
run too and show what is possible at all: what they reach, as a multiple of the npm server's figure.
"""
import http.client
import pathlib
import statistics
import time

NAME = "socket.io"
WAYS = ["parley", "npm"]
PACKETS = 1_000_000
REFUSE_MAX_MS = 200
ROOMY = 16_000_000  # a limit of a payload that lets 10^6 small packets come

ROWS = [
    # name, mode, options, how many times the npm server's figure is wanted; the raw servers' part: mode,
    # options, messages for one of ours
    ("echo with ack 20 B, 1 in flight, 100 clients", "sio-echo", {"conns": 100, "depth": 1, "size": 20}, 10,
     ("echo", {"conns": 100, "size": 40}, 1)),
    ("echo with ack 20 B, 16 in flight", "sio-echo", {"conns": 100, "depth": 16, "size": 20}, 10, None),
    ("to a room of 1,000, 100 B, one at a time", "sio-fanout", {"conns": 1000, "size": 100}, 10,
     ("fanout", {"conns": 1000, "size": 112}, 1)),
    ("to a room, 8 publishers, 512 in flight", "sio-fanout",
     {"conns": 1000, "size": 100, "publishers": 8, "window": 512}, 10, None),
    ("polling, round trips of a POST and a GET", "sio-poll", {"conns": 100, "size": 20}, 5,
     ("echo", {"conns": 200, "size": 700}, 2)),
    ("idle in a room, bytes of user memory each", "sio-idle", {}, 10, None),
]
# What 10^6 packets of one payload may be: nothing, a pong, one that means nothing, a small event.
TINY = {"empty": "", "pong": "3", "noop": "6", "event": '42["x"]'}


class Servers:
    """One of either kind; each is measured alone while the other one idles."""

    def __init__(self, bench, server_class, free_port):
        self.bench, self.server_class, self.free_port = bench, server_class, free_port

    def start(self, way, max_payload=None):
        here = pathlib.Path(__file__).resolve().parent
        peers = here.parent / "build/peers/node_modules"
        port, core = self.free_port(), self.bench.server_core
        if way == "parley":
            command = [self.bench.bin / "bench-socketio", "--port", port]
            command += ["--max-payload", max_payload] if max_payload else []
        else:
            command = ["node", here / "peers/socketio-server.js", port] + ([max_payload] if max_payload else [])
        return self.server_class(way, command, port, core, {"NODE_PATH": str(peers)})


def measure(bench, server_class, free_port, _program):
    servers = Servers(bench, server_class, free_port)
    return {"rows": [{"row": row[0], "wanted": row[3], "mode": row[1], "runs": measure_row(servers, row),
                      "limit": measure_limit(servers, row[4])} for row in ROWS],
            "tiny": {way: measure_tiny(servers, way) for way in WAYS}}


def measure_row(servers, row):
    """{way: [result of each round]}. Memory: each time a new process."""
    _, mode, options, _, _ = row
    bench, runs = servers.bench, {way: [] for way in WAYS}
    if mode == "sio-idle":
        for _ in range(bench.args.rounds):
            for way, results in runs.items():
                with Running(servers.start(way)) as server:
                    results.append(bench.load(mode, server, conns=bench.idle_conns()))
        return runs
    with Running(servers.start("parley")) as ours, Running(servers.start("npm")) as theirs:
        for _ in range(bench.args.rounds):
            for server in (ours, theirs):
                runs[server.name].append(bench.load_quietly(mode, server, **options))
    return runs


def measure_limit(servers, raw):
    """Per second of processor time, of the better raw server; None: not wanted, or there is none."""
    bench, best = servers.bench, []
    for name in bench.raw if raw else []:
        mode, options, messages = raw
        with Running(bench.start(name, options["size"])) as server:
            runs = [bench.load_quietly(mode, server, raw=True, **options) for _ in range(bench.args.rounds)]
        best.append(statistics.median(run["per_server_cpu_s"] for run in runs) / messages)
    return max(best, default=None)


class Running:
    def __init__(self, server):
        self.server = server

    def __enter__(self):
        return self.server

    def __exit__(self, *_):
        self.server.stop()


# ---- a payload of 10^6 tiny packets ----

def cpu_ms(pid):
    """Of all threads, to the nanosecond: a tick of /proc/PID/stat would be 10 ms."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / 1e6


class Poller:
    """A client that polls, in the namespace "/"."""

    def __init__(self, port):
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.path = "/socket.io/?EIO=4&transport=polling"
        _, hello = self.ask("GET")
        self.path += "&sid=" + hello.split('"sid":"')[1].split('"')[0]
        self.ask("POST", "40")
        self.ask("GET")

    def ask(self, method, body=None):
        self.line.request(method, self.path, body)
        answer = self.line.getresponse()
        return answer.status, answer.read().decode()


def refuse_ms(server, packet):
    """(processor time of one such payload, whether it was refused: by the answer, or the session is gone)."""
    client = Poller(server.port)
    payload = "\x1e".join([packet] * PACKETS)
    before = cpu_ms(server.pid)
    try:
        status, _ = client.ask("POST", payload)
        time.sleep(0.3)
        spent = cpu_ms(server.pid) - before
        refused = status != 200 or client.ask("GET")[0] != 200 or client.ask("GET")[0] != 200
    except (OSError, http.client.HTTPException):
        spent, refused = cpu_ms(server.pid) - before, True
    client.line.close()
    return {"ms": spent, "refused": refused}


def measure_tiny(servers, way):
    """With the default limit of a payload, and with one that lets it in."""
    result = {}
    for limit, max_payload in (("default limit", None), ("16 MB let in", ROOMY)):
        with Running(servers.start(way, max_payload)) as server:
            result[limit] = {name: refuse_ms(server, packet) for name, packet in TINY.items()}
    return result


# ---- the table ----

def medians(row, key):
    return {way: statistics.median(run[key] for run in runs) for way, runs in row["runs"].items()}


def is_idle(row):
    return row["mode"] == "sio-idle"


def show_row(row, width):
    key = "pss_per_connection" if is_idle(row) else "per_server_cpu_s"
    a = medians(row, key)
    ratio = a["npm"] / a["parley"] if is_idle(row) else a["parley"] / a["npm"]
    possible = f"{row['limit'] / a['npm']:10.1f}" if row["limit"] else f"{'':10}"
    b = None if is_idle(row) else medians(row, "per_core_s")
    core = f"{b['parley']:11.0f}{b['npm']:9.0f}{b['parley'] / b['npm']:7.1f}" if b else ""
    print(f"  {row['row']:<{width}}{a['parley']:10.0f}{a['npm']:9.0f}{ratio:7.1f}{row['wanted']:8}{possible}{core}")
    wrong = sum(run["lost"] + run["bad"] + run["errors"] for runs in row["runs"].values() for run in runs)
    if wrong:
        print(f"    lost, bad or failed: {wrong}")


def show(r):
    width = max(len(row["row"]) for row in r["rows"])
    print(f"\n{NAME}: per second of the server's processor time, and per busy second of its core; medians")
    print(f"  {'':<{width}}{'parley':>10}{'npm':>9}{'times':>7}{'wanted':>8}{'possible':>10}"
          f"{'core':>11}{'npm':>9}{'times':>7}")
    for row in r["rows"]:
        show_row(row, width)
    print(f"  a payload of {PACKETS:,} tiny packets, ms of processor time (at most {REFUSE_MAX_MS} are wanted):")
    for way, limits in r["tiny"].items():
        for limit, kinds in limits.items():
            cells = ", ".join(f"{name} {one['ms']:.1f}{'' if one['refused'] else ' (taken)'}"
                              for name, one in kinds.items())
            print(f"    {way:<7} {limit:<14} {cells}")


def failures(r):
    """What must hold on any machine: the payload is refused, and in time."""
    return [f"{NAME}: 10^6 packets ({name}, {limit}): {one['ms']:.0f} ms, {'' if one['refused'] else 'not '}refused"
            for limit, kinds in r["tiny"]["parley"].items() for name, one in kinds.items()
            if not one["refused"] or one["ms"] > REFUSE_MAX_MS]
