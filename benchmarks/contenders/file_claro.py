"""This library: a file up or down, of so many mebibytes a request."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.harness import Job
from claro_async import ClaroClient


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Move the file again and again; a unit is a mebibyte."""
    path = Path(job.arguments["path"])
    mebibytes = int(job.arguments["mebibytes"])
    async with ClaroClient("bench-key", job.base_url) as claro:

        async def work(requests: int) -> int:
            for _ in range(requests):
                if job.arguments["way"] == "down":
                    await claro.datasource("file").download(path)
                else:
                    dataset = claro.dataset("bench")
                    await dataset.upload_datasource(
                        "cell_1_1", path, max_size=1 << 40, linked_before=None
                    )
            return requests * mebibytes

        yield work
