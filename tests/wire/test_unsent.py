"""Of a request that a server does not read: the rest goes nowhere, and nobody waits for it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from claro_async import APIStatusError, OutcomeUnknownError
from tests.watching import until
from tests.wire.deaf_server import DeafServer, narrow
from tests.wire.operations import session_of
from tests.wire.raw_server import reply
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from claro_async import ClaroClient

SMALL, LARGE = "x" * 60_000, "x" * 2_000_000
EARLY = reply(b'{"error": {"message": "too large"}}', 413)


def sending(client: ClaroClient, text: str) -> asyncio.Task[object]:
    """A request on its way."""
    narrow(session_of(client))

    async def send() -> object:
        return await client.request("PATCH", "/x", json=text, idempotent=True)

    return asyncio.create_task(send())


def unsent(client: ClaroClient) -> int:
    """How many bytes wait to be sent."""
    connector = session_of(client)._session.connector
    assert connector is not None
    transports = [protocol.transport for protocol in connector._acquired]
    return sum(each.get_write_buffer_size() for each in transports if each is not None)


@asynccontextmanager
async def half_sent(
    text: str, connect: Callable[..., ClaroClient]
) -> AsyncIterator[tuple[DeafServer, ClaroClient, asyncio.Task[object]]]:
    """A server that reads nothing, a client, and a request of its that waits to be sent."""
    async with DeafServer() as server:
        client = connect(server.base_url)
        task = sending(client, text)
        await until(lambda: unsent(client) > 0)
        yield server, client, task


@pytest.mark.parametrize("text", [SMALL, LARGE], ids=["small", "large"])
async def test_closing_does_not_wait_for_the_server(
    text: str, connect: Callable[..., ClaroClient]
) -> None:
    """A client whose server reads nothing can be closed, and its request is in doubt."""
    async with half_sent(text, connect) as (_, client, task), asyncio.timeout(10):
        await client.aclose()
        with pytest.raises(OutcomeUnknownError):
            await task


@pytest.mark.parametrize("text", [SMALL, LARGE], ids=["small", "large"])
async def test_what_was_given_up_is_not_sent_later(
    text: str, connect: Callable[..., ClaroClient]
) -> None:
    """After a cancellation the server finds a piece of a request, which it cannot carry out."""
    async with half_sent(text, connect) as (server, _, task):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(10):
            assert 0 < len(await server.read()) < len(text)


async def test_a_reply_to_half_a_request_leaves_no_usable_connection(
    connect: Callable[..., ClaroClient],
) -> None:
    """The next request does not wait behind what the server did not read of the last one."""
    async with DeafServer(EARLY) as server:
        client = connect(server.base_url)
        for number in (1, 2):
            async with asyncio.timeout(10):
                with pytest.raises(APIStatusError, match="too large"):
                    await sending(client, SMALL)
            assert len(server.connections) == number
