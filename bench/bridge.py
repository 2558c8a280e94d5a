"""A part of bench/run.py: what it costs that the listeners of a room speak different dialects.

A message is put into words once for each dialect that is present. So 1,000 listeners split over the
dialects should cost what 1,000 of one cost: the mean of the dialects alone, because their words differ in
length. The variants take turns at one server, which has server and store on one core.
"""
import statistics
import tempfile

import durable

NAME = "fan-out to 1,000 in one room, by dialect"
DIALECTS = ["qrypt", "native", "realtime-d", "realtime-r"]
LISTENERS = 1000
SIZE = 100
ALL = ",".join(DIALECTS)


def measure(bench, server_class, free_port, program):
    # Beside the binaries: the default place for temporary files may be memory.
    with tempfile.TemporaryDirectory(dir=bench.bin, prefix="bench-") as folder:
        chat = durable.Chat(bench, server_class, free_port, program, folder, ["--set", "native.messages=0"])
        runs = {variant: [] for variant in DIALECTS + [ALL]}
        try:
            for _ in range(bench.args.rounds):
                for variant, results in runs.items():
                    results.append(bench.load_quietly("bridge", chat.server, token_file=chat.tokens, conns=LISTENERS,
                                                      size=SIZE, dialects=variant))
        finally:
            chat.server.stop()
    return {"runs": runs, **summary(runs)}


def cost_us(runs, key):
    """Of a delivery, in microseconds."""
    return statistics.median(1e6 / run[key] for run in runs if run[key])


def summary(runs):
    """By the busy time of the server's core, and by the time that its process was charged for."""
    result = {}
    for name, key in (("core", "per_core_s"), ("process", "per_server_cpu_s")):
        costs = {variant: cost_us(results, key) for variant, results in runs.items()}
        mean = statistics.mean(costs[dialect] for dialect in DIALECTS)
        result[name] = {"cost_us": costs, "mixed_to_mean": costs[ALL] / mean}
    return result


def show(r):
    refused = sum(run["lost"] + run["bad"] + run["errors"] for results in r["runs"].values() for run in results)
    print(f"\n{NAME}: {SIZE} B, one message at a time, kept; server and store on one core")
    print(f"  {'us per delivery, of':<26}{'core':>8}{'process':>9}{'p50 ms':>8}")
    for variant, runs in r["runs"].items():
        name = "all four, a quarter each" if variant == ALL else f"{variant} alone"
        core, process = (r[which]["cost_us"][variant] for which in ("core", "process"))
        p50_ms = statistics.median(run["p50_us"] for run in runs) / 1e3
        print(f"  {name:<26}{core:8.2f}{process:9.2f}{p50_ms:8.1f}")
    print(f"  {'all four to their mean':<26}{r['core']['mixed_to_mean']:8.2f}{r['process']['mixed_to_mean']:9.2f}")
    if refused:
        print(f"  refused, lost or failed: {refused}")
