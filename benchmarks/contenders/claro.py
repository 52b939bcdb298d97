"""This library: `update_cells` with all of its features on, with a journal where it is told so."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.harness import Job
from claro_async import ClaroClient


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Edit cells that a generator makes on the way; ``journals`` is a folder for journals."""
    folder = job.arguments.get("journals")
    async with ClaroClient("bench-key", job.base_url) as claro:
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
