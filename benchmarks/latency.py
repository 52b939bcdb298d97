"""How much of what the connections could carry is used, when each reply takes 20 ms."""

from collections.abc import Iterator

from benchmarks.harness import Bench, Figure, Job, server

LATENCY_MS = 20.0
IN_FLIGHT = 64
REQUESTS = 12_800
TARGET = 0.95


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare requests a second with bare asyncio streams."""
    amount = bench.amount(REQUESTS)
    with server(latency_ms=LATENCY_MS) as url:
        jobs = {
            "claro": Job("claro", url, amount, IN_FLIGHT * 8, IN_FLIGHT),
            "streams": Job("streams", url, amount, IN_FLIGHT * 8, IN_FLIGHT),
        }
        series = bench.run(jobs, bench.rounds(5))
    ceiling = IN_FLIGHT / (LATENCY_MS / 1000)
    for name in jobs:
        rate = series.rate(name)
        bench.note(
            f"at {LATENCY_MS:.0f} ms, {name}: {rate:.0f} a second, {rate / ceiling:.1%} of"
            f" {IN_FLIGHT} / {LATENCY_MS:.0f} ms"
        )
    ratio = series.rate_ratio("claro", "streams")
    name = "PATCH at 20 ms, rate / bare streams"
    yield Figure(name, ratio, "x", f"at least {TARGET:.2f}", met=ratio >= TARGET)
