"""This library: `update_cells` with all of its features on, with a journal where it is told so."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from benchmarks.harness import Job
from claro_async import ClaroClient, Event
from claro_async.transport.events import Instrumentation


def hook() -> Callable[[Event], None]:
    """A hook that does nothing."""

    def ignore(_: Event) -> None:
        pass

    return ignore


def otel() -> Instrumentation:
    """Spans and metrics that go nowhere, one of a hundred edits with a span of its own."""
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415 - for this contender alone
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: PLC0415 - see above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - see above

    from claro_async.connectors.otel import OpenTelemetry  # noqa: PLC0415 - see above

    return OpenTelemetry(
        tracer_provider=TracerProvider(), meter_provider=MeterProvider([InMemoryMetricReader()])
    )


def nobody() -> None:
    """Nobody watches."""


WATCHERS: Mapping[str, Callable[[], Any]] = {"nobody": nobody, "hook": hook, "otel": otel}


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Edit cells that a generator makes on the way.

    Of the arguments, ``journals`` is a folder for journals, and ``on_event`` says who watches: a
    ``hook`` that does nothing, or ``otel``, with the SDK and no exporter.
    """
    folder = job.arguments.get("journals")
    on_event = WATCHERS[job.arguments.get("on_event", "nobody")]()
    async with ClaroClient("bench-key", job.base_url, on_event=on_event) as claro:
        dataset = claro.dataset("bench")

        async def work(requests: int) -> int:
            edits = ((f"cell_{row}_1", f"Updated Widget {row}") for row in range(requests))
            report = await dataset.update_cells(
                edits,
                max_concurrency=job.concurrency,
                skip_unchanged=False,
                journal=Path(mkdtemp(dir=folder), "run.claro") if folder else None,
            )
            if report.updated != requests:
                raise RuntimeError(f"not all edits were made: {report}")
            return requests

        yield work
