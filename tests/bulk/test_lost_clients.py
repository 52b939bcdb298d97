"""A job whose client may send nothing more: nothing is called failed, and another goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import ClaroClient, ClientClosedError, OutcomeUnknownError, RunClosedError
from claro_async.emulator import Emulator
from claro_async.transport.quota.stores.memory import MemoryQuotaStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

ROWS = 30
EDITS = [(f"cell_{row}_1", f"new {row}") for row in range(1, ROWS + 1)]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator in this event loop, without datasets."""
    async with Emulator(sample_world=False) as running:
        yield running


def add_dataset(emulator: Emulator) -> str:
    """A dataset with one column."""
    return emulator.add_dataset("table", ["name"], [["old"]] * ROWS)


async def when(condition: Callable[[], bool]) -> None:
    """Give the loop away until something is so."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)


async def test_a_closed_run_is_taken_over(tmp_path: Path, emulator: Emulator) -> None:
    """When the run is closed, the rest of the job is not sent, and another run sends it."""
    dataset_id, store, path = add_dataset(emulator), MemoryQuotaStore(), tmp_path / "run.claro"
    address = (emulator.api_key, emulator.base_url)
    async with (
        ClaroClient(*address, quota=store, run="dead") as dead,
        ClaroClient(*address, quota=store, run="alive") as alive,
    ):
        job = asyncio.ensure_future(
            dead.dataset(dataset_id).update_cells(EDITS, journal=path, max_concurrency=1)
        )
        await when(lambda: emulator.ledger.count("updateCell") >= 2)
        await alive.close_run("dead")
        report = await job
        assert isinstance(report.stopped_by, RunClosedError)
        assert report.failed == 0
        assert report.not_sent > 0
        again = await dead.resume_updates(path)
        assert (again.failed, again.not_sent) == (0, report.not_sent)

        taken_over = await alive.resume_updates(path)

    assert taken_over.updated == ROWS
    assert emulator.values(dataset_id) == dict(EDITS)


@pytest.mark.parametrize("kind", ["journal", "stream"])
async def test_a_client_that_is_closed_ends_its_jobs(
    tmp_path: Path, emulator: Emulator, kind: str
) -> None:
    """A job ends with its report when its client is closed, and a new client goes on with it."""
    dataset_id, path = add_dataset(emulator), tmp_path / "run.claro"
    client = ClaroClient(emulator.api_key, emulator.base_url)
    options: dict[str, Any] = {"journal": path} if kind == "journal" else {}
    job = asyncio.ensure_future(
        client.dataset(dataset_id).update_cells(iter(EDITS), max_concurrency=1, **options)
    )
    await when(lambda: emulator.ledger.count("updateCell") >= 2)
    await client.aclose()
    report = await job

    assert isinstance(report.stopped_by, ClientClosedError)
    assert report.failed == 0
    assert report.total == ROWS
    if kind == "journal":
        async with ClaroClient(emulator.api_key, emulator.base_url) as other:
            assert (await other.resume_updates(path)).updated == ROWS


@pytest.mark.parametrize("ending", ["run", "client"])
async def test_an_edit_in_doubt_stays_so_where_no_attempt_may_follow(
    tmp_path: Path, emulator: Emulator, ending: str
) -> None:
    """A lost reply, and then no permit for another attempt: unknown, neither failed nor unsent."""
    dataset_id, store, path = add_dataset(emulator), MemoryQuotaStore(), tmp_path / "run.claro"
    address = (emulator.api_key, emulator.base_url)
    emulator.faults.add("updateCell", "reset", apply=True)
    zombie = ClaroClient(*address, quota=store, run="dead")
    async with ClaroClient(*address, quota=store) as engine:
        job = asyncio.ensure_future(
            zombie.dataset(dataset_id).update_cells(EDITS[:1], journal=path)
        )
        await when(lambda: emulator.ledger.count("updateCell") >= 1)
        await (engine.close_run("dead") if ending == "run" else zombie.aclose())
        report = await job
        assert report.unknown == 1
        assert isinstance(report.failures[0].error, OutcomeUnknownError)
        emulator.faults.clear()
        assert (await engine.resume_updates(path)).updated == 1
    await zombie.aclose()
