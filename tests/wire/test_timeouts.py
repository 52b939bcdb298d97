"""Timeouts are per phase; waiting for quota or a connection is not a phase. Real, short times."""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING

import pytest

from claro_async import (
    ClaroClient,
    ConfigurationError,
    OutcomeUnknownError,
    RequestTimeoutError,
    RetryPolicy,
    Timeout,
)
from claro_async._generated.claro_api.datasets import upload_datasource
from claro_async.transport.bodies import Upload
from tests.wire.operations import CELL, DATASET, transport_of
from tests.wire.raw_server import RawRequest, RawServer, answering, reply
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from claro_async.emulator import Emulator

ONCE = RetryPolicy(max_attempts=1)
SHORT = 0.05


async def forever(*_: object) -> None:
    """Do nothing."""
    await asyncio.Event().wait()


async def test_the_first_byte(connect: Callable[..., ClaroClient]) -> None:
    """A server that says nothing is given up after `first_byte`."""
    async with RawServer(forever) as server:
        client = connect(server.base_url, retry=ONCE, timeout=Timeout(first_byte=SHORT))
        with pytest.raises(RequestTimeoutError):
            await client.request("GET", "/x")


async def test_half_a_head_is_no_first_byte(connect: Callable[..., ClaroClient]) -> None:
    """A server that stops in the middle of its headers is given up, too."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-")
        await forever()

    async with RawServer(answer) as server:
        client = connect(server.base_url, retry=ONCE, timeout=Timeout(first_byte=SHORT))
        with pytest.raises(RequestTimeoutError):
            await client.request("GET", "/x")


async def test_each_half_a_head_has_its_own_time(connect: Callable[..., ClaroClient]) -> None:
    """Heads that stop half-way, one begun after the other, are all given up; whole ones are not."""

    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        if request.target.endswith("/whole"):
            writer.write(reply(b"[1]"))
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-")
        await forever()

    async with RawServer(answer) as server:
        client = connect(server.base_url, retry=ONCE, timeout=Timeout(first_byte=SHORT))
        stalled = []
        for _ in range(3):
            stalled.append(asyncio.ensure_future(client.request("GET", "/half")))
            assert await client.request("GET", "/whole") == [1]
        ends = await asyncio.gather(*stalled, return_exceptions=True)
    assert [type(end) for end in ends] == [RequestTimeoutError] * 3


async def test_between_two_bytes(connect: Callable[..., ClaroClient]) -> None:
    """A reply that stops coming is given up after `idle`, however long `first_byte` is."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"[1, 2, 3]")[:-3])
        await forever()

    async with RawServer(answer) as server:
        client = connect(server.base_url, retry=ONCE, timeout=Timeout(first_byte=60, idle=SHORT))
        with pytest.raises(RequestTimeoutError):
            await client.request("GET", "/x")


async def test_a_slow_reply_that_moves_lives(connect: Callable[..., ClaroClient]) -> None:
    """A reply that takes far longer than any timeout arrives as long as bytes keep coming."""
    body = json.dumps(list(range(60))).encode()

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        whole = reply(body)
        writer.write(whole[: -len(body)])
        for at in range(0, len(body), 10):
            await pause(0.02)
            writer.write(body[at : at + 10])

    async with RawServer(answer) as server:
        client = connect(server.base_url, retry=ONCE, timeout=Timeout(first_byte=0.3, idle=0.3))
        assert await client.request("GET", "/x") == list(range(60))


async def pause(seconds: float) -> None:
    """Let real time pass: what a timeout of a socket is measured against."""
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(seconds, done.set_result, None)
    await done


async def test_a_slow_upload_that_moves_lives(
    emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """An upload may take longer than `first_byte` and `idle` together."""

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(25):
            await pause(0.02)
            yield b"a,b\n" * 100

    client = connect(emulator.base_url, timeout=Timeout(first_byte=0.3, idle=0.3))
    await client.dataset(DATASET).upload_datasource(CELL, slow(), filename="t.csv")
    assert emulator.ledger.uploads[0].size == 10_000
    assert emulator.ledger.count("uploadDatasource") == 1


async def test_an_upload_that_stalls(connect: Callable[..., ClaroClient]) -> None:
    """An upload that the server stops taking is given up after `idle`."""
    async with RawServer(forever, read_bodies=False) as server:
        client = connect(server.base_url, retry=ONCE, timeout=Timeout(first_byte=60, idle=SHORT))
        transport = transport_of(client)
        upload = Upload(b"x" * 60_000_000, file_name="t.csv")
        with pytest.raises(OutcomeUnknownError, match="Timeout"):
            await transport.call(upload_datasource(DATASET, CELL, file=upload))


async def test_a_large_json_body_that_stalls(connect: Callable[..., ClaroClient]) -> None:
    """A large body that the server stops taking is given up after `idle`."""
    async with RawServer(forever, read_bodies=False) as server:
        client = connect(server.base_url, retry=ONCE, timeout=Timeout(first_byte=60, idle=SHORT))
        async with asyncio.timeout(5):
            with pytest.raises(OutcomeUnknownError, match="Timeout"):
                await client.request("POST", "/x", json="x" * 60_000_000)


async def test_waiting_for_a_connection_does_not_count(
    connect: Callable[..., ClaroClient],
) -> None:
    """With one connection, calls that wait for it longer than every timeout all succeed."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        await pause(0.04)
        writer.write(reply())

    async with RawServer(answer) as server:
        limits = Timeout(connect=0.3, first_byte=0.3, idle=0.3)
        client = connect(server.base_url, retry=ONCE, timeout=limits, max_connections=1)
        await asyncio.gather(*(client.request("GET", "/x") for _ in range(12)))
        assert server.connections == 1


async def test_waiting_for_the_quota_does_not_count(
    connect: Callable[..., ClaroClient],
) -> None:
    """A call that waits for the quota longer than every timeout is then given its full time."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        await pause(0.04)
        fields = {"X_RateLimit_Limit": "1", "X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "50"}
        writer.write(reply(**fields))

    async with RawServer(answer) as server:
        limits = Timeout(connect=0.3, first_byte=0.3, idle=0.3)
        client = connect(server.base_url, retry=ONCE, timeout=limits)
        await asyncio.gather(*(client.request("GET", "/x") for _ in range(4)))


@pytest.mark.parametrize("field", ["connect", "first_byte", "idle"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_timeouts_that_make_no_sense(field: str, value: float) -> None:
    """Zero, negative and NaN are refused when the settings are made."""
    with pytest.raises(ConfigurationError, match=field):
        Timeout(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_attempts", 0),
        ("base_delay", -1.0),
        ("max_delay", -0.1),
        ("max_rate_limit_waits", -1),
        ("base_delay", float("nan")),
    ],
)
def test_policies_that_make_no_sense(field: str, value: float) -> None:
    """A policy with less than one attempt, or with negative delays, is refused."""
    with pytest.raises(ConfigurationError, match=field):
        RetryPolicy(**{field: value})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="max_connections"):
        ClaroClient("key", "https://127.0.0.1/api/v2", max_connections=0)


@pytest.mark.parametrize("phase", ["connect", "first_byte", "idle"])
async def test_a_phase_without_a_limit(phase: str) -> None:
    """An infinite limit is none, for requests of the API as for all that a client opens."""
    async with RawServer(answering(reply(b'{"a": 1}'))) as server:
        timeout = Timeout(**{phase: math.inf})
        async with ClaroClient("key", server.base_url, timeout=timeout) as client:
            assert await client.request("GET", "/x") == {"a": 1}
