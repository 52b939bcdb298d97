"""This library: a dataset exported to a file, or read as a stream of record batches."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, cast

from benchmarks.harness import Job
from claro_async import ClaroClient, Dataset


async def take(dataset: Dataset, via: Literal["auto", "rows"]) -> int:
    """Read all batches in another thread; return how many rows they had."""

    def work() -> int:
        with dataset.open_reader(via=via) as reader:
            return sum(batch.num_rows for batch in reader)

    return await asyncio.to_thread(work)


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Read the whole dataset so many times; a unit is a row."""
    path = job.arguments["path"]
    via = cast("Literal['auto', 'rows']", job.arguments["via"])
    async with ClaroClient("bench-key", job.base_url) as claro:

        async def read(dataset: Dataset) -> int:
            if path == "reader":
                return await take(dataset, via)
            return (await dataset.export(path, via=via)).rows

        async def work(times: int) -> int:
            return sum([await read(claro.dataset("bench")) for _ in range(times)])

        await read(claro.dataset("small"))  # what is loaded once is no growth
        yield work
