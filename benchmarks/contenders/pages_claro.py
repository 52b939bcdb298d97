"""This library: `rows()` with four pages read ahead."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from benchmarks.harness import Job
from claro_async import ClaroClient


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Read whole datasets, and one value of each row."""
    async with ClaroClient("bench-key", job.base_url) as claro:
        dataset = claro.dataset("bench")

        async def walk() -> int:
            seen = 0
            async for row in dataset.rows(read_ahead=4):
                if row["name"]:
                    seen += 1
            return seen

        async def work(walks: int) -> int:
            return sum([await walk() for _ in range(walks)])

        yield work
