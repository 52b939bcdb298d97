"""A health check, and a stop that lets what is under way finish."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import (
    AuthenticationError,
    ClaroClient,
    ClaroError,
    ClientClosedError,
    CommunicationsMiningClient,
    ConnectionFailedError,
    EditStatus,
    OutcomeUnknownError,
    journal_status,
)
from claro_async.emulator import Emulator
from tests.clocks import ManualClock
from tests.watching import until
from tests.wire.operations import CELL, DATASET, fill

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

GRACE = 10


@pytest.fixture
def clock() -> ManualClock:
    """Time that tests move."""
    return ManualClock()


@pytest.fixture
async def emulator(clock: ManualClock) -> AsyncIterator[Emulator]:
    """An emulator with a dataset, whose replies can be held up."""
    async with Emulator(clock=clock.time, sample_world=False) as running:
        fill(running)
        yield running


@pytest.fixture
async def client(emulator: Emulator, clock: ManualClock) -> AsyncIterator[ClaroClient]:
    """A client of it."""
    made = ClaroClient("emulator-key", emulator.base_url, clock=clock)
    yield made
    await made.aclose()


def sent(emulator: Emulator, operation: str) -> int:
    """How many requests of an operation reached the server."""
    return sum(each.operation == operation for each in emulator.ledger.requests)


async def test_a_ping_is_one_request(emulator: Emulator, client: ClaroClient) -> None:
    """It says how long it took, what is left of the quota, and the server's request id."""
    result = await client.ping()
    assert [each.operation for each in emulator.ledger.requests] == ["listDatasets"]
    assert result.seconds >= 0
    limit = result.rate_limit
    assert limit.limit is not None
    assert limit.remaining == limit.limit - 1
    assert pickle.loads(pickle.dumps(result)) == result  # noqa: S301
    assert json.loads(json.dumps(result.to_dict()))["rate_limit"]["remaining"] == limit.remaining


async def test_a_ping_with_a_wrong_key(emulator: Emulator) -> None:
    """What is wrong comes as the error that any call would get."""
    async with ClaroClient("wrong", emulator.base_url) as client:
        with pytest.raises(AuthenticationError):
            await client.ping()


async def test_a_ping_of_the_second_api() -> None:
    """The mining client asks for its list of datasets, once."""
    async with (
        Emulator() as emulator,
        CommunicationsMiningClient("emulator-mining-token", emulator.mining_base_url) as mining,
    ):
        result = await mining.ping()
        assert [each.operation for each in emulator.ledger.requests] == ["mining.listAllDatasets"]
    assert result.seconds >= 0


async def test_a_call_under_way_is_finished(emulator: Emulator, client: ClaroClient) -> None:
    """A closing client refuses new calls by name, and lets the one on its way end."""
    fault = emulator.faults.add("getDataset", "stall", after_bytes=1)
    call = asyncio.ensure_future(client.dataset(DATASET).get())
    await until(lambda: bool(fault.waiters))
    closing = asyncio.ensure_future(client.aclose(GRACE))
    await until(client._core.closing.is_set)
    with pytest.raises(ClientClosedError, match="the client is closing"):
        await client.dataset(DATASET).update_cell(CELL, 1)
    with pytest.raises(ClientClosedError, match="the client is closing"):
        await client.dataset(DATASET).update_cells([(CELL, 1)])
    assert not closing.done()
    fault.release()
    assert (await call).dataset_id == DATASET
    await closing
    with pytest.raises(ClientClosedError, match="the client is closed"):
        await client.ping()
    assert sent(emulator, "updateCell") == 0


async def test_the_grace_has_an_end(
    emulator: Emulator, client: ClaroClient, clock: ManualClock
) -> None:
    """What is not finished in time ends with an error, and the client is closed."""
    fault = emulator.faults.add("getDataset", "stall", after_bytes=1)
    call = asyncio.ensure_future(client.dataset(DATASET).get())
    await until(lambda: bool(fault.waiters))
    closing = asyncio.ensure_future(client.aclose(GRACE))
    await until(client._core.closing.is_set)
    clock.advance(GRACE)
    await closing
    with pytest.raises(ConnectionFailedError, match="nothing was changed"):
        await call
    fault.release()


@pytest.mark.parametrize("stop", [None, asyncio.Event()], ids=["no stop", "a stop of its own"])
async def test_a_bulk_job_stops_with_its_report(
    emulator: Emulator, client: ClaroClient, tmp_path: Path, stop: asyncio.Event | None
) -> None:
    """Edits on their way are applied, no other is sent, and the report and the journal say so."""
    journal = tmp_path / "run.claro"
    dataset_id = emulator.add_dataset("Long", ["a"], [[n] for n in range(40)])
    cells = [row.cell("a").cell_id async for row in client.dataset(dataset_id).rows()]
    fault = emulator.faults.add("updateCell", "stall", after_bytes=1)
    job = asyncio.ensure_future(
        client.dataset(dataset_id).update_cells(
            [(cell, "new") for cell in cells],
            max_concurrency=2,
            skip_unchanged=False,
            journal=journal,
            stop=stop,
        )
    )
    await until(lambda: bool(fault.waiters))
    closing = asyncio.ensure_future(client.aclose(GRACE))
    await until(client._core.closing.is_set)
    fault.remove()
    fault.release()
    report = await job
    await closing
    assert report.stop_requested
    applied = sent(emulator, "updateCell")
    assert 0 < applied <= 2
    assert report.updated == applied
    assert report.not_sent == 40 - applied
    assert report.unknown == 0
    assert journal_status(journal).counts[EditStatus.UPDATED] == applied


async def test_outcomes_end_with_the_stop(emulator: Emulator, client: ClaroClient) -> None:
    """A stream of outcomes ends with those of the edits that were on their way."""
    fault = emulator.faults.add("updateCell", "stall", after_bytes=1)
    edits: list[Any] = [(f"cell_{row}_{column}", "x") for row in (1, 2) for column in (1, 2)]
    updates = client.dataset(DATASET).iter_updates(edits, max_concurrency=1, skip_unchanged=False)
    async with updates as outcomes:
        await until(lambda: bool(fault.waiters))
        closing = asyncio.ensure_future(client.aclose(GRACE))
        await until(client._core.closing.is_set)
        fault.remove()
        fault.release()
        seen: list[Any] = [outcome.edit async for outcome in outcomes]
        assert [edit.cell_id for edit in seen] == ["cell_1_1"]
        await closing
        assert outcomes.report.not_sent == 3


async def test_work_of_many_calls_is_finished(
    emulator: Emulator, client: ClaroClient, tmp_path: Path
) -> None:
    """An export asks for its link, fetches the file and is whole, though the client closes."""
    fault = emulator.faults.add("getDataset", "stall", after_bytes=1, times=1)
    export = asyncio.ensure_future(client.dataset(DATASET).export(tmp_path / "out.csv"))
    await until(lambda: bool(fault.waiters))
    closing = asyncio.ensure_future(client.aclose(GRACE))
    await until(client._core.closing.is_set)
    fault.release()
    assert (await export).rows == 2
    await closing
    assert (tmp_path / "out.csv").read_text().count("Widget") == 2


async def test_a_change_in_doubt_is_still_read_back(
    emulator: Emulator, client: ClaroClient
) -> None:
    """A task type whose reply is lost while the client closes is confirmed by reading."""
    fault = emulator.faults.add("getDataset", "stall", after_bytes=1, times=1)
    emulator.faults.add("updateColumnTaskType", "reset", times=1, apply=True)
    change = asyncio.ensure_future(
        client.dataset(DATASET).set_task_type("col_1", "web_enrich", confirm="col_1")
    )
    await until(lambda: bool(fault.waiters))
    closing = asyncio.ensure_future(client.aclose(GRACE))
    await until(client._core.closing.is_set)
    fault.release()
    assert (await change).confirmed_by_read
    await closing


async def test_a_walk_ends_at_its_next_page(emulator: Emulator, client: ClaroClient) -> None:
    """Rows that were read are handed out; the next page is a new call."""
    dataset_id = emulator.add_dataset("Pages", ["a"], [[n] for n in range(5)])
    seen = []

    async def walk() -> None:
        async for row in client.dataset(dataset_id).rows(limit=2, read_ahead=0):
            seen.append(row["a"])
            if len(seen) == 1:
                await client.aclose(GRACE)

    with pytest.raises(ClientClosedError):
        await walk()
    assert seen[0] == 0
    assert len(seen) < 5


async def test_closing_twice_and_with_nothing_to_do(client: ClaroClient) -> None:
    """With nothing under way there is no wait; a second time is harmless."""
    await client.ping()
    await client.aclose(GRACE)
    await client.aclose(GRACE)
    await client.aclose()


async def test_a_cancelled_grace_closes_at_once(emulator: Emulator, client: ClaroClient) -> None:
    """A program that waits no longer has its connections closed all the same."""
    fault = emulator.faults.add("getDataset", "stall", after_bytes=1)
    call = asyncio.ensure_future(client.dataset(DATASET).get())
    await until(lambda: bool(fault.waiters))
    closing = asyncio.ensure_future(client.aclose(GRACE))
    await until(client._core.closing.is_set)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    with pytest.raises(ConnectionFailedError, match="nothing was changed"):
        await call
    fault.release()


@pytest.mark.parametrize("after_bytes", [0, 1])
async def test_without_a_grace_calls_end_at_once(
    emulator: Emulator, client: ClaroClient, after_bytes: int
) -> None:
    """A read and a change that are under way fail by name, before and within their replies."""
    faults = [
        emulator.faults.add(operation, "stall", after_bytes=after_bytes)
        for operation in ("getDataset", "updateCell")
    ]
    dataset = client.dataset(DATASET)
    await client.ping()  # the first reply says how many may be under way
    read = asyncio.ensure_future(dataset.get())
    change = asyncio.ensure_future(dataset.update_cell(CELL, 1))
    await until(lambda: all(fault.waiters for fault in faults))
    await client.aclose()
    with pytest.raises(ConnectionFailedError, match="nothing was changed"):
        await read
    with pytest.raises(OutcomeUnknownError):
        await change
    for fault in faults:
        fault.release()


async def test_a_download_under_way_ends_at_once(
    emulator: Emulator, client: ClaroClient, tmp_path: Path
) -> None:
    """Without a grace a download whose bytes stall fails, and leaves no file."""
    fault = emulator.faults.add("download", "stall", after_bytes=3)
    source = client.datasource("datasource-1")
    download = asyncio.ensure_future(source.download(tmp_path / "out.csv"))
    await until(lambda: bool(fault.waiters))
    await client.aclose()
    with pytest.raises(ClaroError):
        await download
    assert not any(tmp_path.glob("*"))  # noqa: ASYNC240 - a test
    fault.release()


async def test_a_negative_grace_is_refused(client: ClaroClient) -> None:
    """The error names the argument."""
    with pytest.raises(ValueError, match="grace must not be negative"):
        await client.aclose(-1)
