"""aiohttp, orjson and pyarrow by hand: pages to lists of columns, lists to row groups."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson
import pyarrow as pa
from pyarrow import parquet

from benchmarks.harness import Job

TYPES = {"string": pa.string(), "number": pa.float64()}
GROUP = 64  # pages in a row group


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Write the whole dataset so many times; a unit is a row."""
    headers = {"Authorization": "Bearer bench-key"}
    url = f"{job.base_url}/datasets/bench/data"
    async with aiohttp.ClientSession(headers=headers) as session:

        async def fetch(page: int) -> Any:
            params = {"page": page, "limit": 1000}
            async with session.get(url, params=params) as response:
                return orjson.loads(await response.read())

        async def export() -> int:
            rows, pages, page = 0, 1, 1
            writer: Any = None
            columns: list[list[Any]] = []
            while page <= pages:
                data = await fetch(page)
                pages = data["pagination"]["totalPages"]
                names = [column["name"] for column in data["columns"]]
                types = [TYPES[column["type"]] for column in data["columns"]]
                columns = columns or [[] for _ in names]
                for at, values in enumerate(columns):
                    values.extend([row[at]["value"] for row in data["rows"]])
                rows += len(data["rows"])
                if page % GROUP == 0 or page == pages:
                    pairs = zip(columns, types, strict=True)
                    made = pa.table([pa.array(*pair) for pair in pairs], names=names)
                    writer = writer or parquet.ParquetWriter(job.arguments["path"], made.schema)
                    writer.write_table(made)
                    columns = []
                page += 1
            writer.close()
            return rows

        async def work(exports: int) -> int:
            return sum([await export() for _ in range(exports)])

        yield work
