"""This library: pages of a dataset with so many read ahead, and one value of each row."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from benchmarks.harness import Job
from claro_async import ClaroClient


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Read whole datasets; a unit is a row."""
    read_ahead = int(job.arguments["read_ahead"])
    async with ClaroClient("bench-key", job.base_url) as claro:

        async def walk() -> int:
            seen = 0
            async for page in claro.dataset("bench").rows(read_ahead=read_ahead).pages():
                seen += sum(1 for row in page if row["name"])
            return seen

        async def work(walks: int) -> int:
            return sum([await walk() for _ in range(walks)])

        yield work
