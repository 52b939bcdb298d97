"""A column is backed up before it is wiped, and restored from that file."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from claro_async import ColumnNotFoundError, PermissionDeniedError, TransferError
from claro_async.emulator import NewCell
from claro_async.transfers import arrowfiles, backup_file
from claro_async.transport.events import ReplyReceived
from tests.folders import names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from claro_async import ClaroClient, Dataset
    from claro_async.emulator import Emulator
    from claro_async.transport.events import Event
    from tests.clocks import ManualClock

VALUES: list[Any] = [None, "text", "29", 29, 29.5, 2**64, True, [], {"a": [None, "ü"]}, "", "null"]
COLUMNS = [{"name": "k", "type": "string"}, {"name": "v", "type": "number", "taskType": "raw"}]


@pytest.fixture
def dataset(client: ClaroClient, emulator: Emulator, clock: ManualClock) -> Dataset:
    """A dataset of 2,200 rows, whose second column holds values of every kind."""
    made = emulator.add_dataset(
        "d",
        COLUMNS,
        [
            [f"{n}", NewCell(VALUES[n % len(VALUES)], metadata={"confidence": n / 4})]
            for n in range(2200)
        ],
    )
    clock.advance(60)
    return client.dataset(made)


async def wipe(dataset: Dataset, path: Path) -> None:
    """Set the task type of the second column, with a backup."""
    await dataset.set_task_type("col_2", "web_enrich", confirm="col_2", backup=path)


def wiped(emulator: Emulator) -> int:
    """How often a column was wiped."""
    return emulator.ledger.count("updateColumnTaskType")


async def test_a_column_is_wiped_and_comes_back(
    dataset: Dataset, emulator: Emulator, clock: ManualClock, tmp_path: Path
) -> None:
    """Ids, values and metadata are in the file; every value is set again, of whatever kind."""
    before = emulator.values(dataset.dataset_id)
    path = tmp_path / "col_2.parquet"
    await wipe(dataset, path)
    assert wiped(emulator) == 1
    table = parquet.read_table(path)
    assert table.num_rows == 2200
    assert table.column("cell_id").to_pylist() == [f"cell_{n}_2" for n in range(1, 2201)]
    assert [json.loads(each) for each in table.column("value").to_pylist()] == [
        VALUES[n % len(VALUES)] for n in range(2200)
    ]
    assert json.loads(table.column("metadata")[3].as_py())["confidence"] == 0.75
    assert emulator.values(dataset.dataset_id) != before
    clock.advance(60)
    report = await dataset.restore_column(path)
    assert emulator.values(dataset.dataset_id) == before
    assert (report.updated, report.unchanged, report.failed) == (2000, 200, 0)
    assert report.notes == ["metadata cannot be restored: it stays in the backup"]
    assert names(tmp_path) == ["col_2.parquet", "col_2.parquet.claro"]


async def test_a_restore_goes_on_after_a_break(
    dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """Stopped and called again, the same call ends the job, and no cell is written twice."""
    before = emulator.values(dataset.dataset_id)
    path = tmp_path / "b.parquet"
    await wipe(dataset, path)
    stop = asyncio.Event()
    await dataset.restore_column(path, stop=stop, on_progress=lambda _: stop.set())
    assert emulator.values(dataset.dataset_id) != before
    report = await dataset.restore_column(path)
    assert emulator.values(dataset.dataset_id) == before
    assert (report.total, report.failed, report.not_sent) == (2200, 0, 0)
    assert emulator.ledger.count("updateCell") == 2000


async def test_a_file_that_is_there_is_no_target(
    dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """An earlier backup is never written over; nothing is sent."""
    (tmp_path / "b.parquet").write_bytes(b"before")
    with pytest.raises(FileExistsError, match="choose another file"):
        await wipe(dataset, tmp_path / "b.parquet")
    assert (tmp_path / "b.parquet").read_bytes() == b"before"
    assert emulator.ledger.requests == []


async def test_without_pyarrow_nothing_is_sent(
    dataset: Dataset, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A backup that cannot be written is no reason to wipe without one."""
    monkeypatch.setattr("claro_async.formats.find_spec", lambda _: None)
    with pytest.raises(ImportError, match="pip install"):
        await wipe(dataset, tmp_path / "b.parquet")
    assert emulator.ledger.requests == []


async def test_a_page_that_cannot_be_had(
    dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """Without the last page there is no backup, and no wipe."""
    emulator.faults.add("getDatasetData", "status", status=403, after=2)
    with pytest.raises(PermissionDeniedError):
        await wipe(dataset, tmp_path / "b.parquet")
    assert (wiped(emulator), names(tmp_path)) == (0, [])


async def test_a_column_that_is_not_there(
    dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """The details do not have it, so that nothing can be backed up or wiped."""
    with pytest.raises((TransferError, ColumnNotFoundError), match="col_9"):
        await dataset.set_task_type(
            "col_9", "web_enrich", confirm="col_9", backup=tmp_path / "b.parquet"
        )
    assert (wiped(emulator), names(tmp_path)) == (0, [])


async def test_a_change_while_it_is_backed_up(
    connect: Callable[..., ClaroClient], dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """A dataset that changed between its first page and the wipe is not wiped."""

    def edit(event: Event) -> None:
        if isinstance(event, ReplyReceived) and event.operation == "getDatasetData":
            world = emulator._live().world
            found = world.datasets.find(dataset.dataset_id)
            world.datasets.update_column(found, world.datasets.columns(found)[0])

    other = connect(emulator.base_url, on_event=edit).dataset(dataset.dataset_id)
    with pytest.raises(TransferError, match="changed while column 'col_2' was backed up"):
        await wipe(other, tmp_path / "b.parquet")
    assert (wiped(emulator), names(tmp_path)) == (0, [])


async def test_a_change_a_moment_ago(
    dataset: Dataset, emulator: Emulator, clock: ManualClock, tmp_path: Path
) -> None:
    """`updatedAt` counts seconds, so that a backup waits until a further change would show."""
    await dataset.update_cell("cell_1_2", 7)
    slept = len(clock.slept)
    await wipe(dataset, tmp_path / "b.parquet")
    assert sum(clock.slept[slept:]) >= 1
    assert parquet.read_table(tmp_path / "b.parquet").column("value")[0].as_py() == "7"
    assert wiped(emulator) == 1


@pytest.mark.parametrize("damage", ["fewer", "twice", "unreadable", "full"])
async def test_a_file_that_is_not_whole(
    damage: str,
    dataset: Dataset,
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What is read back decides: a file with fewer cells, or none, wipes nothing."""
    write, check = arrowfiles.ArrowFile._write, backup_file.check_whole

    def spoiled(self: Any, made: Any) -> None:
        if damage == "full":
            raise OSError(28, "No space left on device")
        made = [made[0].slice(1), *made[1:]] if damage == "fewer" else [*made, made[0].slice(0, 1)]
        write(self, made)

    def cut(path: Path, cells: int) -> None:
        os.truncate(path, 1000)
        check(path, cells)

    if damage == "unreadable":
        monkeypatch.setattr(backup_file, "check_whole", cut)
    else:
        monkeypatch.setattr(arrowfiles.ArrowFile, "_write", spoiled)
    with pytest.raises((TransferError, OSError), match=r"nothing was wiped|No space"):
        await wipe(dataset, tmp_path / "b.parquet")
    assert (wiped(emulator), names(tmp_path)) == (0, [])


async def test_files_that_are_no_backup_of_this(
    client: ClaroClient, dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """A backup goes back to its own dataset; another file is named as what it is not."""
    await wipe(dataset, tmp_path / "b.parquet")
    other = emulator.add_dataset("other", ["a"], [["1"]])
    before = emulator.ledger.count()
    with pytest.raises(ValueError, match="is a backup of dataset"):
        await client.dataset(other).restore_column(tmp_path / "b.parquet")
    parquet.write_table(pa.table({"cell_id": ["cell_1_1"]}), tmp_path / "x.parquet")
    (tmp_path / "y.parquet").write_text("cell_id,value")
    for name in ("x.parquet", "y.parquet"):
        with pytest.raises(ValueError, match="is no backup of a column"):
            await dataset.restore_column(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        await dataset.restore_column(tmp_path / "z.parquet")
    with pytest.raises(TypeError, match="restore_column"):
        await dataset.restore_column(tmp_path / "b.parquet", resume=True)  # type: ignore[call-arg]
    assert emulator.ledger.count() == before
