"""What it costs a request that somebody watches the client: a hook, and OpenTelemetry."""

from collections.abc import Iterator

from benchmarks.harness import Bench, Figure, Job, server

REQUESTS = 8000
TARGETS_US = {"hook": 10.0, "otel": 40.0}
LABELS = {"hook": "on_event", "otel": "OpenTelemetry, bulk edits"}


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare the CPU of an edit with that of one that nobody watches."""
    amount = bench.amount(REQUESTS)
    with server() as url:
        jobs = {
            name: Job("claro", url, amount, 500, arguments={"on_event": name})
            for name in ("nobody", *TARGETS_US)
        }
        series = bench.run(jobs, bench.rounds(9))
    bench.note(f"CPU a PATCH that nobody watches: {series.cpu_each('nobody') * 1e6:.1f} us")
    for name, target in TARGETS_US.items():
        more = series.cpu_more(name, "nobody") * 1e6
        text = f"at most {target:.0f}"
        yield Figure(f"{LABELS[name]}, CPU a request", more, "us", text, met=more <= target)
