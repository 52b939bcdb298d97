"""aiohttp, orjson and pyarrow by hand: each export in memory, parsed whole, a row group each."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pyarrow as pa
from pyarrow import parquet

from benchmarks.harness import Job

TYPES = {"string": pa.string(), "number": pa.float64()}
ROWS = 100_000


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Write the whole dataset so many times; a unit is a row."""
    headers = {"Authorization": "Bearer bench-key"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def window(url: str, skip: int) -> Any:
            wanted = {"format": "json", "rowCount": ROWS, "skip": skip}
            async with session.post(f"{url}/export", json=wanted) as response:
                link = await response.json()
            async with session.get(link["downloadUrl"]) as response:
                return orjson.loads(await response.read())

        async def export(dataset: str) -> int:
            url = f"{job.base_url}/datasets/{dataset}"
            async with session.get(url) as response:
                details = await response.json()
            fields = [(column["name"], TYPES[column["type"]]) for column in details["columns"]]
            schema = pa.schema(fields)
            with parquet.ParquetWriter(job.arguments["path"], schema) as writer:
                for skip in range(0, details["rowCount"], ROWS):
                    writer.write_table(pa.Table.from_pylist(await window(url, skip), schema))
            return int(details["rowCount"])

        async def work(times: int) -> int:
            return sum([await export("bench") for _ in range(times)])

        await export("small")  # what is loaded once is no growth
        yield work
