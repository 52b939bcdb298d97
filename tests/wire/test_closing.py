"""A client that is closed while calls are under way or wait: each ends, by name, and at once."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from claro_async import (
    ClaroClient,
    ClientClosedError,
    ConnectionFailedError,
    OtherLoopError,
    OutcomeUnknownError,
    TransferError,
)
from claro_async.transport.events import ReplyReceived
from tests.watching import until
from tests.wire.operations import CELL, DATASET, DATASOURCE, session_of
from tests.wire.raw_server import RawRequest, RawServer, answering, reply
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from claro_async.emulator import Emulator

SENT = {"nothing": b"", "half a head": reply(b"{}")[:20], "half a body": reply(b'{"a": 1}')[:-4]}

ENDED = (ClientClosedError, ConnectionFailedError)


async def _stand_still(sent: bytes, _: RawRequest, writer: asyncio.StreamWriter) -> None:
    writer.write(sent)
    await asyncio.Event().wait()


async def some_turns() -> None:
    """Let the event loop read what has come."""
    for _ in range(50):
        await asyncio.sleep(0)


def files_in(folder: Path) -> list[Path]:
    """What is left there."""
    return list(folder.iterdir())


@pytest.mark.parametrize("sent", SENT)
@pytest.mark.parametrize("call", ["read", "change", "upload", "bulk", "export", "rows"])
async def test_closing_ends_what_is_under_way(
    sent: str, call: str, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Whatever of the reply has come, reads fail, and changes are in doubt."""
    async with RawServer(partial(_stand_still, SENT[sent])) as server:
        client = connect(server.base_url)
        dataset = client.dataset(DATASET)
        calls: dict[str, Callable[[], object]] = {
            "read": dataset.get,
            "change": lambda: dataset.update_cell(CELL, 1),
            "upload": lambda: dataset.upload_datasource(
                CELL, b"a", filename="a.csv", linked_before=None
            ),
            "bulk": lambda: dataset.update_cells([(CELL, 1)], skip_unchanged=False),
            "export": lambda: dataset.export(tmp_path / "a.csv"),
            "rows": lambda: dataset.rows().first(),
        }

        async def work() -> object:
            return await calls[call]()  # type: ignore[misc]

        task = asyncio.create_task(work())
        await until(lambda: len(server.requests) > 0)
        await some_turns()
        await client.aclose()
        if call == "bulk":
            report = await task
            assert (report.unknown, report.total) == (1, 1)  # type: ignore[attr-defined]
            return
        in_doubt = call in {"change", "upload"}
        with pytest.raises(OutcomeUnknownError if in_doubt else ENDED):
            await task
    assert files_in(tmp_path) == []


QUOTA = {"X_RateLimit_Limit": "9", "X_RateLimit_Remaining": "9", "X_RateLimit_Reset": "60"}


async def _then_stand_still(request: RawRequest, writer: asyncio.StreamWriter) -> None:
    if request.target.endswith("/first"):
        writer.write(reply(**QUOTA))  # else only one request would be under way
    else:
        await asyncio.Event().wait()


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT"])
async def test_closing_ends_a_wait_for_a_connection(
    method: str, connect: Callable[..., ClaroClient]
) -> None:
    """Who waits for one hears that nothing was sent; nobody is cancelled whom nobody cancelled."""
    async with RawServer(_then_stand_still) as server:
        client = connect(server.base_url, max_connections=1)
        await client.request("GET", "/first")
        calls = [asyncio.ensure_future(client.request(method, f"/{each}")) for each in range(3)]
        await until(lambda: len(server.requests) > 1)
        await some_turns()
        await client.aclose()
        first, *waiting = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(first, ConnectionFailedError if method == "GET" else OutcomeUnknownError)
        assert {type(error) for error in waiting} == {ConnectionFailedError}
        assert all("the client was closed" in str(error) for error in waiting)
        assert len(server.requests) == 2


async def test_closing_ends_a_wait_for_an_address(connect: Callable[..., ClaroClient]) -> None:
    """A call whose server's address is looked up ends as a call that was not sent."""
    client = connect("http://localhost:9/api/v2")
    asked = asyncio.Event()

    async def resolve(*_: object, **__: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    connector = session_of(client)._session.connector
    connector._resolver.resolve = resolve  # type: ignore[union-attr]
    call = asyncio.ensure_future(client.request("PATCH", "/x", json={}, idempotent=True))
    await asked.wait()
    await client.aclose()
    with pytest.raises(ConnectionFailedError, match="the client was closed"):
        await call


async def test_closing_ends_a_download_that_stalls(emulator: Emulator, tmp_path: Path) -> None:
    """The target is as before, and the call does not wait for the next byte."""
    emulator.faults.add("download", "stall")
    client = ClaroClient(emulator.api_key, emulator.base_url)
    task = asyncio.ensure_future(client.datasource(DATASOURCE).download(tmp_path / "a.csv"))
    await until(lambda: emulator.ledger.count("download") > 0)
    await some_turns()
    await client.aclose()
    with pytest.raises((ClientClosedError, TransferError)):
        await task
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("shared", [False, True])
async def test_closing_ends_a_wait_for_the_quota(
    *, shared: bool, emulator: Emulator, tmp_path: Path
) -> None:
    """Who waits for a permit hears that the client is closed, alone and where it is shared."""
    emulator.faults.add("listDatasets", "rate_limit", retry_after=60)
    throttled = asyncio.Event()

    def note(event: object) -> None:
        if isinstance(event, ReplyReceived):
            throttled.set()

    quota = f"file://{tmp_path / 'quota'}" if shared else None
    client = ClaroClient(emulator.api_key, emulator.base_url, quota=quota, on_event=note)

    async def work() -> None:
        await client.datasets.list()

    task = asyncio.create_task(work())
    await throttled.wait()
    await some_turns()
    await client.aclose()
    with pytest.raises(ClientClosedError):
        await task


async def test_a_job_ends_when_its_client_is_closed() -> None:
    """What every further edit would get stops it: the rest is not sent, and nothing failed."""
    async with RawServer(answering(reply(b"{}", 503))) as server:
        client = ClaroClient("key", server.base_url)
        edits = [(f"cell_{row}_1", row) for row in range(50)]
        job = client.dataset(DATASET).update_cells(edits, skip_unchanged=False, max_concurrency=2)
        task = asyncio.ensure_future(job)
        await until(lambda: len(server.requests) > 0)
        await some_turns()
        await client.aclose()
        report = await task
    assert (report.failed, report.updated, report.total) == (0, 0, 50)
    assert report.not_sent >= 48
    assert isinstance(report.stopped_by, ClientClosedError)


async def test_another_event_loop_does_not_close_the_client(emulator: Emulator) -> None:
    """Closing it elsewhere says so by name, and the client goes on where it was opened."""
    async with ClaroClient(emulator.api_key, emulator.base_url) as client:
        await client.datasets.list()
        with pytest.raises(OtherLoopError):
            await asyncio.to_thread(asyncio.run, client.aclose())
        assert (await client.datasets.list()).datasets
