"""Other clients as they come, each pulled along by a pool of workers, as aiohttp in ``tuned`` is.

``arguments["client"]`` is the package's name. URLs and bodies are made beforehand, and replies are
parsed by orjson. The packages are looked up when they are wanted: those that are missing are left
out of the table, see `benchmarks.peers`.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import orjson

from benchmarks.harness import Job

HEADERS = {"Authorization": "Bearer bench-key", "Content-Type": "application/json"}
Send = Callable[[str, bytes], Awaitable[bytes]]


@asynccontextmanager
async def _httpx(package: Any, job: Job) -> AsyncIterator[Send]:
    limits = package.Limits(max_connections=job.concurrency)
    async with package.AsyncClient(headers=HEADERS, limits=limits) as client:

        async def send(url: str, body: bytes) -> bytes:
            content: bytes = (await client.patch(url, content=body)).content
            return content

        yield send


@asynccontextmanager
async def _niquests(package: Any, job: Job) -> AsyncIterator[Send]:
    async with package.AsyncSession(pool_maxsize=job.concurrency) as session:
        session.headers.update(HEADERS)

        async def send(url: str, body: bytes) -> bytes:
            content: bytes = (await session.patch(url, data=body)).content
            return content

        yield send


@asynccontextmanager
async def _wreq(package: Any, _: Job) -> AsyncIterator[Send]:
    client = package.Client(headers=HEADERS)

    async def send(url: str, body: bytes) -> bytes:
        response = await client.patch(url, body=body)
        content: bytes = await response.bytes()
        return content

    yield send


@asynccontextmanager
async def _pyreqwest(package: Any, _: Job) -> AsyncIterator[Send]:
    builder = importlib.import_module(f"{package.__name__}.client").ClientBuilder()
    async with builder.default_headers(HEADERS).build() as client:

        async def send(url: str, body: bytes) -> bytes:
            response = await client.patch(url).body_bytes(body).build().send()
            return bytes(await response.bytes())

        yield send


@asynccontextmanager
async def _requests(package: Any, job: Job) -> AsyncIterator[Send]:
    """A thread for each request under way; its session is taken from those that are idle."""
    idle = [package.Session() for _ in range(job.concurrency)]
    for session in idle:
        session.headers.update(HEADERS)

    def patch(url: str, body: bytes) -> bytes:
        session = idle.pop()
        try:
            content: bytes = session.patch(url, data=body).content
            return content
        finally:
            idle.append(session)

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(job.concurrency) as threads:
        yield lambda url, body: loop.run_in_executor(threads, patch, url, body)


CLIENTS: Mapping[str, Callable[[Any, Job], AbstractAsyncContextManager[Send]]] = {
    "httpx": _httpx,
    "httpx2": _httpx,
    "niquests": _niquests,
    "pyreqwest": _pyreqwest,
    "requests": _requests,
    "wreq": _wreq,
}


async def _pull(send: Send, prepared: Iterator[tuple[str, bytes]]) -> None:
    for url, body in prepared:
        orjson.loads(await send(url, body))


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Send requests that were prepared before the clock starts."""
    name = job.arguments["client"]
    prepared = [
        (
            f"{job.base_url}/datasets/bench/cells/cell_{row}_1",
            orjson.dumps({"value": f"Updated Widget {row}"}),
        )
        for row in range(max(job.requests, job.warmup))
    ]
    async with CLIENTS[name](importlib.import_module(name), job) as send:

        async def work(requests: int) -> int:
            queue = iter(prepared[:requests])
            await asyncio.gather(*(_pull(send, queue) for _ in range(job.concurrency)))
            return requests

        yield work
