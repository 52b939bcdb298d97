"""An upload is given up when nothing moves, not when it is slow."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from claro_async import OutcomeUnknownError, RetryPolicy, Timeout
from tests.wire.raw_server import reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from claro_async import ClaroClient

SIZE = 1_000_000
IDLE = 0.2
PIECE, PAUSE = 16_384, 0.01  # so a second or so for all of it
LIMITS = {
    "timeout": Timeout(first_byte=IDLE, idle=IDLE),
    "retry": RetryPolicy(max_attempts=1),
}
DONE = {
    "cellId": "c",
    "datasourceId": "d",
    "fileName": "f.txt",
    "fileSize": SIZE,
    "uploadedAt": "2024-03-14T15:30:00Z",
    "linkedAt": "2024-03-14T15:30:00Z",
}


@asynccontextmanager
async def sipping(stop_after: int) -> AsyncIterator[str]:
    """A server that takes a body in small sips, up to so many bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = 0
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        writers.append(writer)
        while got < min(SIZE, stop_after):
            got += len(await reader.read(PIECE))
            rest = loop.create_future()
            loop.call_later(PAUSE, rest.set_result, None)
            await rest
        if stop_after >= SIZE:
            writer.write(reply(json.dumps(DONE).encode(), Connection="close"))
            await writer.drain()
        else:
            await loop.create_future()  # until it is called off

    tasks: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []
    sock = socket.socket()
    # small windows, so that it is the reader who sets the pace
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)
    sock.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(serve, sock=sock, limit=PIECE)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}/api/v2"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.close()


async def test_a_slow_line_is_not_a_stall(connect: Callable[..., ClaroClient]) -> None:
    """An upload that takes several times all limits arrives, as bytes keep moving."""
    loop = asyncio.get_running_loop()
    async with sipping(stop_after=SIZE) as base_url:
        dataset = connect(base_url, **LIMITS).dataset("d")
        began = loop.time()
        result = await dataset.upload_datasource(
            "c", b"x" * SIZE, filename="f.txt", linked_before=None
        )
        assert loop.time() - began > 2 * IDLE
    assert result.datasource_id == "d"


async def test_a_stall_in_the_middle_is_noticed(connect: Callable[..., ClaroClient]) -> None:
    """A server that takes part of the body and then nothing is given up."""
    async with sipping(stop_after=SIZE // 4) as base_url:
        dataset = connect(base_url, **LIMITS).dataset("d")
        async with asyncio.timeout(20):
            with pytest.raises(OutcomeUnknownError, match="no byte of the request moved"):
                await dataset.upload_datasource(
                    "c", b"x" * SIZE, filename="f.txt", linked_before=None
                )
