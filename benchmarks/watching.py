"""What it costs a request that somebody watches the client: a hook, and OpenTelemetry."""

import json
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.harness import TIMEOUT, Bench, Figure, server

ROUNDS = 160
TARGETS_US = {"hook": 10.0, "otel": 50.0}
LABELS = {"hook": "on_event", "otel": "OpenTelemetry, bulk edits"}


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare the CPU of an edit with that of one that nobody watches."""
    with server() as url:
        command = [sys.executable, "-m", "benchmarks.watched", url, str(bench.amount(ROUNDS))]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT)
    found = json.loads(done.stdout)
    bench.note(f"CPU a PATCH that nobody watches: {found['nobody'] * 1e6:.1f} us")
    for name, target in TARGETS_US.items():
        more = found[name] * 1e6
        text = f"at most {target:.0f}"
        yield Figure(f"{LABELS[name]}, CPU a request", more, "us", text, met=more <= target)
