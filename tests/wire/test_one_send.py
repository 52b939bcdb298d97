"""One attempt is one send: what arrives is counted at the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from claro_async import ConnectionFailedError, OutcomeUnknownError, RetryPolicy
from claro_async.transport.events import RequestSent, RetryScheduled
from tests.wire.operations import DATASET, OPERATIONS, READS, send
from tests.wire.raw_server import RawRequest, RawServer, reply, reset
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator
    from claro_async.transport.events import Event

OF_METHOD = {
    "GET": "getDataset",
    "PUT": "updateColumnTaskType",
    "DELETE": "deleteDataset",
    "PATCH": "updateCell",
}


@pytest.mark.parametrize("kind", ["reset", "disconnect"])
@pytest.mark.parametrize("method", OF_METHOD)
async def test_a_dropped_connection_is_not_tried_again_behind_our_back(
    method: str, kind: str, emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """With one attempt allowed, a request whose connection drops reaches the server once."""
    operation = OF_METHOD[method]
    emulator.faults.add(operation, kind)
    client = connect(emulator.base_url, retry=RetryPolicy(max_attempts=1))
    wanted = ConnectionFailedError if operation in READS else OutcomeUnknownError
    with pytest.raises(wanted, match="1 attempt"):
        await send(client, operation)
    assert [record.method for record in emulator.ledger.requests] == [method]


@pytest.mark.parametrize("kind", ["reset", "disconnect"])
@pytest.mark.parametrize("method", OF_METHOD)
async def test_a_kept_connection_that_drops_is_not_replaced_behind_our_back(
    method: str, kind: str, emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """On a connection that has served before, too, a request that drops is sent once.

    One that must not be sent twice is not sent on such a connection at all.
    """
    operation = OF_METHOD[method]
    client = connect(emulator.base_url, retry=RetryPolicy(max_attempts=1))
    await client.datasets.list()
    emulator.faults.add(operation, kind)
    with pytest.raises((ConnectionFailedError, OutcomeUnknownError)):
        await send(client, operation)
    first, second = emulator.ledger.requests
    assert (first.connection_id == second.connection_id) is (method != "PUT")
    assert emulator.ledger.count(operation) == 1


@pytest.mark.parametrize("operation", sorted(set(OPERATIONS) - {"uploadDatasource"}))
async def test_every_send_is_told(
    operation: str,
    emulator: Emulator,
    connect: Callable[..., ClaroClient],
    events: list[Event],
) -> None:
    """There is one event for each request that the server counts, with attempts from 1."""
    emulator.faults.add(operation, "rate_limit", times=1, retry_after=1)
    emulator.faults.add(operation, "disconnect", times=1)
    client = connect(emulator.base_url)
    if operation == "updateColumnTaskType":
        with pytest.raises(OutcomeUnknownError):
            await send(client, operation)
    else:
        await send(client, operation)
    sent = [event for event in events if isinstance(event, RequestSent)]
    assert len(sent) == emulator.ledger.count()
    assert [event.attempt for event in sent] == list(range(1, len(sent) + 1))
    assert {event.operation for event in sent} == {operation}
    assert len([event for event in events if isinstance(event, RetryScheduled)]) == len(sent) - 1


async def test_a_stale_connection_is_left_before_anything_is_written(
    connect: Callable[..., ClaroClient],
) -> None:
    """A kept connection that the server has closed meanwhile costs no attempt."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(reply())
        await writer.drain()
        writer.close()

    async with RawServer(answer) as server:
        client = connect(server.base_url, retry=RetryPolicy(max_attempts=1))
        await client.request("GET", "/ping")
        for _ in range(5):  # the end of the connection arrives
            await asyncio.sleep(0)
        await client.request("PUT", f"/datasets/{DATASET}/columns/c/task-type", json={})
        assert [request.connection for request in server.requests] == [1, 2]


async def test_a_reset_in_the_middle_of_a_reply_is_not_sent_again_by_aiohttp(
    connect: Callable[..., ClaroClient],
) -> None:
    """A reply that breaks off in its headers counts as one attempt of unknown outcome."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        await writer.drain()
        reset(writer)

    async with RawServer(answer) as server:
        client = connect(server.base_url, retry=RetryPolicy(max_attempts=1))
        for method in ("PUT", "DELETE", "PATCH", "POST"):
            with pytest.raises(OutcomeUnknownError):
                await client.request(method, "/thing", json={})
        assert [request.method for request in server.requests] == ["PUT", "DELETE", "PATCH", "POST"]
