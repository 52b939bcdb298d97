"""Cancellation is prompt, and leaves no task, connection, permit or timer behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from claro_async.transport.events import QuotaPaused, RequestSent, RetryScheduled
from tests.watching import of_kind, until
from tests.wire.operations import CELL, DATASET, OPERATIONS, gate_of, send, session_of
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator
    from claro_async.transport.events import Event
    from tests.clocks import ManualClock


def assert_clean(client: ClaroClient, clock: ManualClock) -> None:
    """Nothing is under way, waits or is due."""
    assert gate_of(client)._unanswered == 0
    connector = session_of(client)._session.connector
    assert connector is not None
    assert not connector._acquired
    assert not connector._waiters
    assert clock.pending == []


async def cancelled(task: asyncio.Task[object]) -> None:
    """Cancel a task; it must end at once, and as cancelled."""
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task


def tasks() -> set[str]:
    """The coroutines of the tasks of this loop, but for the emulator's own."""
    return {
        str(task.get_coro())
        for task in asyncio.all_tasks()
        if task is not asyncio.current_task() and "RequestHandler" not in str(task.get_coro())
    }


@pytest.mark.parametrize("turns", range(24))
@pytest.mark.parametrize("operation", ["getDatasetData", "updateCell", "uploadDatasource"])
async def test_at_any_moment_of_a_call(
    operation: str,
    turns: int,
    emulator: Emulator,
    client: ClaroClient,
    clock: ManualClock,
) -> None:
    """After any number of turns of the loop, a cancelled call ends at once and leaves nothing."""
    before = tasks()
    task = asyncio.ensure_future(send(client, operation))
    for _ in range(turns):
        await asyncio.sleep(0)
    if task.done():
        return
    await cancelled(task)
    await until(lambda: emulator.ledger.in_flight == 0)
    await until(lambda: tasks() <= before)
    assert_clean(client, clock)
    emulator.ledger.clear()
    await send(client, "listDatasets")
    assert emulator.ledger.count("listDatasets", 200) == 1


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
async def test_while_the_server_thinks(
    operation: str,
    emulator: Emulator,
    client: ClaroClient,
    clock: ManualClock,
    events: list[Event],
) -> None:
    """A call that is cancelled while it waits for a reply is not sent again."""
    emulator.faults.add(operation, "slow", delay=60)
    task = asyncio.ensure_future(send(client, operation))
    await until(lambda: emulator.ledger.in_flight == 1)
    await cancelled(task)
    await until(lambda: emulator.ledger.in_flight == 0)
    assert_clean(client, clock)
    assert len(of_kind(events, RequestSent)) == emulator.ledger.count() == 1


async def test_in_the_middle_of_a_reply(
    emulator: Emulator, client: ClaroClient, clock: ManualClock
) -> None:
    """A call that is cancelled while it reads closes its connection."""
    emulator.faults.add("getDatasetData", "stall", after_bytes=20)
    task = asyncio.ensure_future(send(client, "getDatasetData"))
    await until(lambda: bool(emulator.ledger.requests))
    for _ in range(20):
        await asyncio.sleep(0)
    await cancelled(task)
    assert_clean(client, clock)
    emulator.faults.clear()
    await send(client, "getDatasetData")
    first, second = emulator.ledger.requests
    assert first.connection_id != second.connection_id


async def test_while_backing_off(
    emulator: Emulator, client: ClaroClient, clock: ManualClock, events: list[Event]
) -> None:
    """A call that is cancelled between two attempts makes no second one."""
    emulator.faults.add("updateCell", "status", status=503)
    task = asyncio.ensure_future(send(client, "updateCell"))
    await until(lambda: bool(of_kind(events, RetryScheduled)))
    await cancelled(task)
    assert_clean(client, clock)
    assert emulator.ledger.count("updateCell") == 1


async def test_while_the_quota_is_used_up(
    emulator: Emulator, client: ClaroClient, clock: ManualClock, events: list[Event]
) -> None:
    """A call that is cancelled while it waits for the quota does not hold the others up."""
    emulator.faults.add("updateCell", "rate_limit", times=1, retry_after=60)
    waiting = [asyncio.ensure_future(send(client, "updateCell")) for _ in range(5)]
    await until(lambda: bool(of_kind(events, QuotaPaused)))
    await cancelled(waiting[0])
    await cancelled(waiting[3])
    await asyncio.gather(waiting[1], waiting[2], waiting[4])
    assert_clean(client, clock)
    assert emulator.ledger.count("updateCell", 200) == 3


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are listed on Linux")
@pytest.mark.parametrize("turns", [0, 1, 2, 5, 9, 14, 20, 30, 50])
async def test_an_upload_lets_its_file_go(
    turns: int, emulator: Emulator, client: ClaroClient, tmp_path: Path, clock: ManualClock
) -> None:
    """A cancelled upload closes the file it opened, wherever it was."""
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n" * 1_000_000)
    task = asyncio.ensure_future(client.dataset(DATASET).upload_datasource(CELL, path))
    for _ in range(turns):
        await asyncio.sleep(0)
    if not task.done():
        await cancelled(task)
    await until(lambda: path not in open_files())
    await until(lambda: emulator.ledger.in_flight == 0)
    assert_clean(client, clock)


def open_files() -> set[Path]:
    """The files that this process has open."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.add(link.readlink())
        except OSError:
            continue
    return found


async def test_many_at_once(
    emulator: Emulator, connect: Callable[..., ClaroClient], clock: ManualClock
) -> None:
    """A task group of 200 calls over 4 connections that is cancelled leaves a working client."""
    emulator.faults.add("getDataset", "slow", delay=60, times=3)
    client = connect(emulator.base_url, max_connections=4)
    await client.datasets.list()

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(200):
                group.create_task(client.dataset(DATASET).get())

    task = asyncio.ensure_future(all_of_them())
    await until(lambda: emulator.ledger.in_flight == 3)
    await cancelled(task)
    await until(lambda: emulator.ledger.in_flight == 0)
    assert_clean(client, clock)
    await client.dataset(DATASET).get()


async def test_a_turn_that_is_not_used_goes_to_the_next(
    emulator: Emulator, connect: Callable[..., ClaroClient], clock: ManualClock
) -> None:
    """Where who is next for a connection is cancelled at that very moment, who follows gets it."""
    client = connect(emulator.base_url, max_connections=1)
    await client.datasets.list()  # which tells the quota
    emulator.faults.add("getDataset", "slow", delay=60, times=1)
    first, second, third = (
        asyncio.ensure_future(send(client, operation))
        for operation in ("getDataset", "listDatasets", "listDatasources")
    )
    connector = session_of(client)._session.connector
    assert connector is not None
    await until(lambda: sum(map(len, connector._waiters.values())) == 2)
    original = connector._release_waiter

    def wake_and_cancel() -> None:
        connector._release_waiter = original  # type: ignore[method-assign]
        original()
        second.cancel()

    connector._release_waiter = wake_and_cancel  # type: ignore[method-assign]
    await cancelled(first)
    async with asyncio.timeout(5):
        await third
    assert second.cancelled()
    await until(lambda: emulator.ledger.in_flight == 0)
    assert_clean(client, clock)


async def test_a_deadline_of_the_caller_s_own(
    emulator: Emulator, client: ClaroClient, clock: ManualClock
) -> None:
    """`asyncio.timeout` around a call ends it as a TimeoutError, and nothing is left."""
    emulator.faults.add("getDataset", "slow", delay=60)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await client.dataset(DATASET).get()
    assert_clean(client, clock)
