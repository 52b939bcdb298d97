"""What edits cost with and without a watcher: ``python -m benchmarks.watched URL ROUNDS``.

Prints the seconds of CPU by which an edit costs more, as JSON. The clients take turns in one
process, a few milliseconds each, so that whatever else the machine does weighs on all alike.
"""

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from claro_async import ClaroClient, Event
from claro_async.connectors.otel import OpenTelemetry

EDITS = [(f"cell_{row}_1", f"Updated Widget {row}") for row in range(200)]
WARM_UP = 5  # rounds


def ignore(_: Event) -> None:
    """Do nothing, which is the least that a hook can do."""


def telemetry() -> OpenTelemetry:
    """Spans and metrics that go nowhere; one of a hundred edits has a span of its own."""
    return OpenTelemetry(
        tracer_provider=TracerProvider(), meter_provider=MeterProvider([InMemoryMetricReader()])
    )


async def cpu_each(claro: ClaroClient) -> float:
    """Seconds of CPU for an edit."""
    began = time.process_time()
    report = await claro.dataset("bench").update_cells(EDITS, skip_unchanged=False)
    spent = time.process_time() - began
    if report.updated != len(EDITS):
        raise RuntimeError(f"not all edits were made: {report}")
    return spent / len(EDITS)


async def measure(base_url: str, rounds: int) -> Mapping[str, float]:
    """Let the clients take turns; the medians of the differences count."""
    hooks = {"nobody": None, "hook": ignore, "otel": telemetry()}
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(ClaroClient("key", base_url, on_event=hook))
            for name, hook in hooks.items()
        }
        turns = [
            {name: await cpu_each(client) for name, client in clients.items()}
            for _ in range(WARM_UP + rounds)
        ][WARM_UP:]
    found = {"nobody": statistics.median(turn["nobody"] for turn in turns)}
    for name in ("hook", "otel"):
        found[name] = statistics.median(turn[name] - turn["nobody"] for turn in turns)
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[1], int(sys.argv[2])))))
