"""Bare asyncio streams: what the event loop and the server can do when HTTP costs nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from benchmarks.harness import Job

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HEADER = b"content-length:"


async def _exchange(connection: Connection, request: bytes) -> bytes:
    reader, writer = connection
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    at = head.lower().index(HEADER) + len(HEADER)
    return await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))


@asynccontextmanager
async def opened(job: Job) -> AsyncIterator[Callable[[int], Awaitable[int]]]:
    """Send one prebuilt request again and again on as many connections as are wanted."""
    parts = urlsplit(job.base_url)
    body = b'{"value":"Updated Widget Name"}'
    request = (
        f"PATCH {parts.path}/datasets/bench/cells/cell_1_1 HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: Bearer bench-key\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    connections = [
        await asyncio.open_connection(parts.hostname, parts.port) for _ in range(job.concurrency)
    ]

    async def work(requests: int) -> int:
        numbers = iter(range(requests))

        async def pull(connection: Connection) -> None:
            for _ in numbers:
                await _exchange(connection, request)

        await asyncio.gather(*map(pull, connections))
        return requests

    yield work
    for _, writer in connections:
        writer.close()
        await writer.wait_closed()
