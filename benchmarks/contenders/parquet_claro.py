"""This library: a dataset exported to Parquet."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from benchmarks.harness import Job
from claro_async import ClaroClient


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Export the whole dataset so many times; a unit is a row."""
    async with ClaroClient("bench-key", job.base_url) as claro:
        dataset = claro.dataset("bench")

        async def work(exports: int) -> int:
            rows = 0
            for _ in range(exports):
                result = await dataset.export(job.arguments["path"], via="rows")
                rows += result.rows
            return rows

        yield work
