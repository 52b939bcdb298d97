"""aiohttp by hand: ``iter_chunked`` to a file, and a form with an open file."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from benchmarks.harness import Job


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Move the file again and again; a unit is a mebibyte."""
    path = Path(job.arguments["path"])
    mebibytes = int(job.arguments["mebibytes"])
    headers = {"Authorization": "Bearer bench-key"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def download() -> None:
            url = f"{job.base_url}/datasources/file/download"
            async with session.post(url, json={}) as response:
                link = await response.json()
            async with session.get(link["downloadUrl"]) as response:
                with path.open("wb") as file:  # noqa: ASYNC230 - as most people write it
                    async for chunk in response.content.iter_chunked(2**16):
                        file.write(chunk)

        async def upload() -> None:
            url = f"{job.base_url}/datasets/bench/cells/cell_1_1/upload-datasource"
            with path.open("rb") as file:  # noqa: ASYNC230 - as most people write it
                form = aiohttp.FormData()
                form.add_field("file", file, filename=path.name)
                async with session.post(url, data=form) as response:
                    await response.json()

        async def work(requests: int) -> int:
            for _ in range(requests):
                await (download() if job.arguments["way"] == "down" else upload())
            return requests * mebibytes

        yield work
