"""aiohttp and orjson, one page after the other: the loop most people write first."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import orjson

from benchmarks.harness import Job


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Read whole datasets of so many pages, and one value of each row."""
    headers = {"Authorization": "Bearer bench-key"}
    url = f"{job.base_url}/datasets/bench/data"
    async with aiohttp.ClientSession(headers=headers) as session:

        async def walk() -> int:
            page = pages = 1
            seen = 0
            while page <= pages:
                params = {"page": page, "limit": 1000}
                async with session.get(url, params=params) as response:
                    data = orjson.loads(await response.read())
                pages = data["pagination"]["totalPages"]
                at = [column["name"] for column in data["columns"]].index("name")
                seen += sum(1 for row in data["rows"] if row[at]["value"])
                page += 1
            return seen

        async def work(walks: int) -> int:
            return sum([await walk() for _ in range(walks)])

        yield work
