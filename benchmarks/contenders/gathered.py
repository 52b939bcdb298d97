"""aiohttp the usual way: `gather`, a semaphore, `session.patch(json=...)`, `response.json()`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.harness import Job


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Make a task for each edit."""
    semaphore = asyncio.Semaphore(job.concurrency)
    headers = {"Authorization": "Bearer bench-key"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def edit(row: int) -> None:
            url = f"{job.base_url}/datasets/bench/cells/cell_{row}_1"
            async with (
                semaphore,
                session.patch(url, json={"value": f"Updated Widget {row}"}) as response,
            ):
                response.raise_for_status()
                await response.json()

        async def work(requests: int) -> int:
            await asyncio.gather(*(edit(row) for row in range(requests)))
            return requests

        yield work
