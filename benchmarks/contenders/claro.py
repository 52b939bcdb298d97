"""This library: `update_cells` with all of its features on, with a journal where it is told so.

``arguments``: ``journals`` is a folder for journals; ``clock`` says which clock, see `CLOCKS`;
``lane`` is ``off`` where requests are to go through aiohttp's ``ClientSession``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.harness import Job
from claro_async import ClaroClient, Network
from claro_async.transport.clock import SystemClock


class CountedClock(SystemClock):
    """A clock that goes on by a microsecond whenever it is read.

    Under valgrind all takes fifty times as long, and not always the same: what goes by the time
    would then come up at other moments than usual, and at others in each run.
    """

    def __init__(self) -> None:
        self.monotonic = count(0.0, 1e-6).__next__


CLOCKS: Mapping[str, type[SystemClock]] = {"system": SystemClock, "counted": CountedClock}


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Edit cells that a generator makes on the way."""
    folder, clock = job.arguments.get("journals"), CLOCKS[job.arguments.get("clock", "system")]
    network = Network(lane=job.arguments.get("lane") != "off")
    async with ClaroClient("bench-key", job.base_url, clock=clock(), network=network) as claro:
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
