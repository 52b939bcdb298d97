"""httpx the usual way: `gather`, a semaphore, `client.patch(json=...)`, `response.json()`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx

from benchmarks.harness import Job


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Make a task for each edit."""
    semaphore = asyncio.Semaphore(job.concurrency)
    async with httpx.AsyncClient(headers={"Authorization": "Bearer bench-key"}) as client:

        async def edit(row: int) -> None:
            url = f"{job.base_url}/datasets/bench/cells/cell_{row}_1"
            async with semaphore:
                response = await client.patch(url, json={"value": f"Updated Widget {row}"})
                response.raise_for_status()
                response.json()

        async def work(requests: int) -> int:
            await asyncio.gather(*(edit(row) for row in range(requests)))
            return requests

        yield work
