"""The journal: a job that ended early goes on, a job that is done can be set back."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import AuthenticationError, ClaroClient, JournalError
from claro_async.bulk.journal import Journal
from claro_async.bulk.states import State
from tests.bulk.journals import ALONE, states, states_by_cell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from claro_async import BulkProgress, Dataset
    from claro_async.emulator import Emulator


def names(rows: int, prefix: str = "new") -> list[tuple[str, Any]]:
    """New names for the first rows of a dataset."""
    return [(f"cell_{row}_1", f"{prefix} {row}") for row in range(1, rows + 1)]


async def interrupt(dataset: Dataset, edits: list[tuple[str, Any]], journal: Path) -> None:
    """Run an update and cancel it once some edits are applied."""

    def on_progress(progress: BulkProgress) -> None:
        if progress.updated:
            job.cancel()

    job = asyncio.ensure_future(
        dataset.update_cells(edits, journal=journal, max_concurrency=4, on_progress=on_progress)
    )
    with suppress(asyncio.CancelledError):
        await job
    assert job.cancelled()


async def test_the_file(tmp_path: Path, make_dataset: Callable[..., Dataset]) -> None:
    """A journal is one SQLite file, for its owner only, without the key, and nothing beside it."""
    path = tmp_path / "run.claro"

    await make_dataset(3).update_cells(names(3), journal=path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["run.claro"]  # noqa: PTH208 - blocks no more than the rest
    assert b"emulator-key" not in path.read_bytes()
    assert await states(path) == {State.UPDATED: 3}
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


async def test_the_intent_comes_first(
    tmp_path: Path,
    connect: Callable[..., ClaroClient],
    make_dataset: Callable[..., Dataset],
) -> None:
    """When a request goes out, the journal on disk already says that its edit is sent."""
    from claro_async.transport.events import RequestSent  # noqa: PLC0415

    path = tmp_path / "run.claro"
    seen: list[bool] = []

    def on_event(event: object) -> None:
        if isinstance(event, RequestSent) and event.operation == "updateCell":
            # the write-ahead log is what would be found after a kill at this moment
            copy = tmp_path / f"copy{len(seen)}"
            copy.write_bytes(path.read_bytes())
            log = path.with_name(path.name + "-wal").read_bytes()
            copy.with_name(copy.name + "-wal").write_bytes(log)
            cell = event.path.rpartition("/")[2]
            seen.append(states_by_cell(copy)[cell] is State.SENT)

    dataset_id = make_dataset(8).dataset_id
    await connect(on_event=on_event).dataset(dataset_id).update_cells(names(8), journal=path)

    assert seen == [True] * 8


async def test_resume_goes_on_from_the_file_alone(
    tmp_path: Path,
    emulator: Emulator,
    make_dataset: Callable[..., Dataset],
    connect: Callable[..., ClaroClient],
) -> None:
    """After a cancellation a new client ends the job; nothing that was done is sent again."""
    dataset, path = make_dataset(300), tmp_path / "run.claro"
    await interrupt(dataset, names(300), path)
    before = {edit.cell_id for edit in emulator.ledger.edits}
    unknown = (await states(path)).get(State.UNKNOWN, 0)
    assert 0 < len(before) < 300
    assert unknown <= 4

    report = await connect().resume_updates(path)

    assert (report.updated, report.total) == (300, 300)
    values = emulator.values(dataset.dataset_id)
    assert all(values[cell] == value for cell, value in names(300))
    assert len(emulator.ledger.edits) == 300
    assert report.requests == 300 - len(before)


async def test_resume_of_a_complete_job_sends_nothing(
    tmp_path: Path, emulator: Emulator, client: ClaroClient, make_dataset: Callable[..., Dataset]
) -> None:
    """A job that is done stays done: its report is given again without a request."""
    path = tmp_path / "run.claro"
    await make_dataset(5).update_cells([*names(5), ("nowhere", 1)], journal=path)
    emulator.ledger.clear()

    report = await client.resume_updates(path)

    assert (report.updated, report.failed, report.total) == (5, 1, 6)
    assert type(report.failures[0].error).__name__ == "CellNotFoundError"
    assert emulator.ledger.requests == []


async def test_resume_after_the_key_was_mended(
    tmp_path: Path, emulator: Emulator, make_dataset: Callable[..., Dataset], client: ClaroClient
) -> None:
    """Edits that were stopped by a wrong key are sent on resume: nothing counts as failed."""
    dataset, path = make_dataset(20), tmp_path / "run.claro"
    async with ClaroClient("wrong", emulator.base_url) as wrong:
        report = await wrong.dataset(dataset.dataset_id).update_cells(names(20), journal=path)
    assert isinstance(report.stopped_by, AuthenticationError)

    report = await client.resume_updates(path)

    assert (report.updated, report.total) == (20, 20)


async def test_resume_settles_what_was_under_way(
    tmp_path: Path, emulator: Emulator, make_dataset: Callable[..., Dataset], client: ClaroClient
) -> None:
    """An edit whose reply never came is looked up: applied ones are not sent again."""
    dataset, path = make_dataset(10), tmp_path / "run.claro"
    applied = emulator.faults.add("updateCell", "reset", apply=True, match="cell_3_1")
    lost = emulator.faults.add("updateCell", "reset", apply=False, match="cell_4_1")
    first = await dataset.update_cells(names(10), journal=path)
    assert (first.updated, first.unknown) == (8, 2)
    applied.remove()
    lost.remove()
    emulator.ledger.clear()

    report = await client.resume_updates(path)

    assert (report.updated, report.unknown, report.pages_read) == (10, 0, 1)
    assert [edit.cell_id for edit in emulator.ledger.edits] == ["cell_4_1"]


async def test_revert_sets_back_what_is_certain(
    tmp_path: Path, emulator: Emulator, make_dataset: Callable[..., Dataset], client: ClaroClient
) -> None:
    """Cells that still hold what the job wrote get their values back; the rest is listed."""
    dataset, path = make_dataset(6), tmp_path / "run.claro"
    before = emulator.values(dataset.dataset_id)
    emulator.faults.add("updateCell", "reset", apply=True, match="cell_2_1", times=1)
    await dataset.update_cells(names(6), journal=path)
    await dataset.update_cell("cell_5_1", "somebody else")

    report = await client.revert_updates(path)

    after = emulator.values(dataset.dataset_id)
    kept = {"cell_2_1": "new 2", "cell_5_1": "somebody else"}
    assert after == {**before, **kept}
    assert (report.updated, report.skipped_count) == (4, 2)
    reasons = {skip.cell_id: skip.reason for skip in report.skipped}
    assert "first reply was lost" in reasons["cell_2_1"]
    assert "changed since" in reasons["cell_5_1"]


async def test_a_second_revert_finds_nothing_to_do(
    tmp_path: Path, emulator: Emulator, make_dataset: Callable[..., Dataset], client: ClaroClient
) -> None:
    """Once set back, a job is not set back again, and the report says so."""
    dataset, path = make_dataset(3), tmp_path / "run.claro"
    await dataset.update_cells(names(3), journal=path)
    await client.revert_updates(path)
    emulator.ledger.clear()

    report = await client.revert_updates(path)

    assert report.nothing_to_do
    assert "set back already" in report.skipped[0].reason
    assert emulator.ledger.edits == []


async def test_a_revert_can_be_resumed(
    tmp_path: Path, emulator: Emulator, make_dataset: Callable[..., Dataset], client: ClaroClient
) -> None:
    """A revert that was cancelled is gone on with by calling it again."""
    dataset, path = make_dataset(200), tmp_path / "run.claro"
    before = emulator.values(dataset.dataset_id)
    await dataset.update_cells(names(200), journal=path)

    def on_progress(progress: BulkProgress) -> None:
        if progress.updated:
            job.cancel()

    job = asyncio.ensure_future(
        client.revert_updates(path, max_concurrency=4, on_progress=on_progress)
    )
    with suppress(asyncio.CancelledError):
        await job
    assert emulator.values(dataset.dataset_id) != before

    report = await client.revert_updates(path)

    assert (report.updated, report.total) == (200, 200)
    assert emulator.values(dataset.dataset_id) == before


async def test_without_values(
    tmp_path: Path, make_dataset: Callable[..., Dataset], client: ClaroClient
) -> None:
    """With journal_values=False no value stays in the file of a job, and none is set back."""
    path = tmp_path / "run.claro"
    edits = [(f"cell_{row}_1", f"secret {row}") for row in range(1, 80)]

    await make_dataset(80).update_cells(edits, journal=path, journal_values=False)

    assert b"secret" not in path.read_bytes()
    assert b"name 1" not in path.read_bytes()
    with pytest.raises(JournalError, match="without values"):
        await client.revert_updates(path)


async def test_an_existing_file_is_never_overwritten(
    tmp_path: Path, emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """A file that exists is refused before anything is sent, and the message names the way on."""
    path = tmp_path / "run.claro"
    path.write_bytes(b"something dear")

    with pytest.raises(JournalError, match="exists already: go on with resume_updates"):
        await make_dataset(3).update_cells(names(3), journal=path)

    assert path.read_bytes() == b"something dear"
    assert emulator.ledger.requests == []


@pytest.mark.parametrize("kind", ["missing", "text", "database", "damaged", "unstaged"])
async def test_what_is_no_journal_is_refused_and_left(
    tmp_path: Path, client: ClaroClient, make_dataset: Callable[..., Dataset], kind: str
) -> None:
    """A missing, foreign or damaged file is refused with a clear error, and not a byte changes."""
    path = tmp_path / "run.claro"
    if kind == "text":
        path.write_text("cell_id,value\n" * 1000)
    elif kind == "database":
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE t (x)")
        connection.close()
    elif kind == "damaged":
        await make_dataset(500).update_cells(names(500), journal=path)
        content = bytearray(path.read_bytes())
        content[4096:40960] = bytes(range(256)) * 144
        path.write_bytes(content)
    elif kind == "unstaged":
        meta = {"values": "kept", "base_url": "", "dataset_id": "d"}
        await (await Journal.create(path, meta, ALONE)).aclose()
    before = path.read_bytes() if path.exists() else None

    with pytest.raises(
        JournalError, match=r"no such|not a journal|another program|damaged|start again"
    ):
        await client.resume_updates(path)

    assert (path.read_bytes() if path.exists() else None) == before


async def test_one_at_a_time(
    tmp_path: Path, client: ClaroClient, make_dataset: Callable[..., Dataset]
) -> None:
    """A journal that is open is refused to everybody else."""
    path = tmp_path / "run.claro"
    await make_dataset(3).update_cells(names(3), journal=path)
    journal = await Journal.open(path, ALONE)

    with pytest.raises(JournalError, match="in use"):
        await client.resume_updates(path)
    await journal.aclose()

    assert (await client.resume_updates(path)).updated == 3


async def test_another_api_is_refused(tmp_path: Path, make_dataset: Callable[..., Dataset]) -> None:
    """A journal of a job on one API is not gone on with on another."""
    path = tmp_path / "run.claro"
    await make_dataset(3).update_cells(names(3), journal=path)

    async with ClaroClient("key", "http://127.0.0.1:1/api/v2") as elsewhere:
        with pytest.raises(JournalError, match="this client talks to"):
            await elsewhere.resume_updates(path)


async def test_bad_items_of_a_generator_are_in_the_journal(
    tmp_path: Path, client: ClaroClient, make_dataset: Callable[..., Dataset]
) -> None:
    """Items that cannot be sent count as failed, now and when the job is looked at later."""
    path = tmp_path / "run.claro"
    edits: Any = (item for item in [("cell_1_1", "x"), 5, ("cell_2_1", float("nan"))])

    report = await make_dataset(2).update_cells(edits, journal=path)
    again = await client.resume_updates(path)

    for each in (report, again):
        assert (each.updated, each.failed, each.total) == (1, 2, 3)
        assert [type(failure.error) for failure in each.failures] == [TypeError, ValueError]
