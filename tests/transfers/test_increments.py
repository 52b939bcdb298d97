"""Folders that follow a listing: what is new or changed is fetched, and nothing stays stale."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import DatasetType, TransferError
from claro_async.transfers import manifest as manifests
from claro_async.transfers.manifest import file_name, is_file_name_of
from claro_async.transport.events import RequestSent
from tests.folders import names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator
    from claro_async.transport.events import Event
    from tests.clocks import ManualClock


@pytest.fixture
def ids(emulator: Emulator, clock: ManualClock) -> list[str]:
    """Three datasets that were changed last a minute ago."""
    made = [
        emulator.add_dataset(name, ["a", "b"], [[f"{n}", name] for n in range(rows)])
        for name, rows in [("one", 1), ("two", 2), ("three", 1200)]
    ]
    clock.advance(60)
    return made


def entries(folder: Path) -> dict[str, dict[str, Any]]:
    """The manifest's entries by id."""
    document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    items = document.get("datasets", document.get("datasources"))
    return {entry.get("dataset_id", entry.get("datasource_id")): entry for entry in items}


def rewrite(folder: Path, **changes: Any) -> None:
    """Change all entries of the manifest."""
    path = folder / "manifest.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    for entry in document["datasets"]:
        entry.update(changes)
    path.write_text(json.dumps(document), encoding="utf-8")


async def test_a_hundred_unchanged_datasets_cost_one_request(
    client: ClaroClient, emulator: Emulator, clock: ManualClock, tmp_path: Path
) -> None:
    """Made anew, a hundred datasets cost 201 requests; up to date, one; with one changed, three."""
    made = [emulator.add_dataset(f"set {n}", ["a"], [[f"{n}"]]) for n in range(100)]
    clock.advance(60)

    def requests() -> int:
        return emulator.ledger.count() - emulator.ledger.count("download")

    await client.export_all(tmp_path, format="csv", since_last=True)
    assert requests() == 201
    await client.dataset(made[7]).update_cell("cell_1_1", "edited")
    clock.advance(60)
    await client.export_all(tmp_path, format="csv", since_last=True)
    assert requests() == 201 + 1 + 3
    before = len(emulator.ledger.requests)
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    assert [request.operation for request in emulator.ledger.requests[before:]] == ["listDatasets"]
    assert (report.total, len(report.exported_before), report.gone) == (0, 100, [])


async def test_a_changed_dataset_replaces_its_file(
    client: ClaroClient, emulator: Emulator, clock: ManualClock, ids: list[str], tmp_path: Path
) -> None:
    """One of three was edited: it alone is exported again, to the same file."""
    first = await client.export_all(tmp_path, format="jsonl", since_last=True)
    file = tmp_path / first.results[ids[1]].file
    await client.dataset(ids[1]).update_cell("cell_2_2", "edited")
    clock.advance(60)
    before = emulator.ledger.count("getDatasetData")
    report = await client.export_all(tmp_path, format="jsonl", since_last=True)
    assert list(report.results) == [ids[1]]
    assert emulator.ledger.count("getDatasetData") == before + 1
    assert report.results[ids[1]].file == file.name
    assert [json.loads(line)["b"] for line in file.read_text("utf-8").splitlines()] == [
        "two",
        "edited",
    ]
    assert len(names(tmp_path)) == 4


async def test_without_since_last_what_changed_is_reported(
    client: ClaroClient, emulator: Emulator, ids: list[str], tmp_path: Path
) -> None:
    """A run that only goes on fetches nothing again, and names what is stale."""
    await client.export_all(tmp_path, format="csv")
    await client.dataset(ids[0]).update_cell("cell_1_1", "edited")
    before = emulator.ledger.count("exportDataset")
    report = await client.export_all(tmp_path, format="csv")
    assert [entry.item_id for entry in report.stale] == [ids[0]]
    assert len(report.exported_before) == 3
    assert emulator.ledger.count("exportDataset") == before


async def test_a_change_in_the_second_of_the_export_is_not_missed(
    client: ClaroClient, emulator: Emulator, clock: ManualClock, tmp_path: Path
) -> None:
    """`updatedAt` counts seconds: what was exported within two of a change is exported again."""
    made = emulator.add_dataset("busy", ["a"], [["before"]])
    await client.export_all(tmp_path, format="csv", since_last=True)
    await client.dataset(made).update_cell("cell_1_1", "after")  # the same second
    clock.advance(60)
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    (entry,) = report.results.values()
    assert (tmp_path / entry.file).read_text("utf-8").split() == ["a", "after"]
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    assert (report.total, len(report.exported_before)) == (0, 1)


async def test_a_dataset_with_other_rows_of_the_same_time(
    client: ClaroClient, ids: list[str], tmp_path: Path
) -> None:
    """The row count is compared as well as the time."""
    await client.export_all(tmp_path, format="csv", since_last=True)
    rewrite(tmp_path, rows=7)
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    assert sorted(report.results) == sorted(ids)


@pytest.mark.parametrize(
    "changes",
    [
        {"updated_at": None},
        {"read_at": None},
        {"read_at": "yesterday"},
        {"updated_at": "2024-03-14T15:30:00"},
        {"replacing": True},
        {"schema_version": 0},
        {"size": 1},
    ],
)
async def test_entries_that_vouch_for_nothing(
    changes: dict[str, Any], client: ClaroClient, ids: list[str], tmp_path: Path
) -> None:
    """What a manifest does not say for certain is fetched again, and once only."""
    await client.export_all(tmp_path, format="csv", since_last=True)
    rewrite(tmp_path, **changes)
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    assert sorted(report.results) == sorted(ids)
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    assert (report.total, len(report.exported_before)) == (0, 3)


async def test_a_name_in_the_manifest_never_leads_elsewhere(
    client: ClaroClient, ids: list[str], tmp_path: Path
) -> None:
    """Names that this package does not give are not believed: the files get their own."""
    folder = tmp_path / "folder"
    await client.export_all(folder, format="csv")
    (tmp_path / "elsewhere.csv").write_text("mine")
    rewrite(folder, file="../elsewhere.csv", size=4)
    report = await client.export_all(folder, format="csv")
    assert sorted(report.results) == sorted(ids)
    assert (tmp_path / "elsewhere.csv").read_text() == "mine"
    assert len(names(folder)) == 4


async def test_a_dataset_that_is_gone_is_reported(
    client: ClaroClient, emulator: Emulator, ids: list[str], tmp_path: Path
) -> None:
    """Its file stays and it is named each time; without the file it is forgotten."""
    await client.export_all(tmp_path, format="csv", since_last=True)
    await client.dataset(ids[1]).delete(confirm=ids[1])
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    (entry,) = report.gone
    assert (entry.item_id, entry.gone) == (ids[1], True)
    assert emulator.ledger.count("getDataset") == 4  # it was asked for by its id, to be sure
    assert (tmp_path / entry.file).exists()
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    assert [each.item_id for each in report.gone] == [ids[1]]
    assert emulator.ledger.count("getDataset") == 4
    (tmp_path / entry.file).unlink()
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    assert report.gone == []
    assert sorted(entries(tmp_path)) == sorted({*ids} - {ids[1]})


async def test_what_a_listing_missed_is_not_gone(
    client: ClaroClient, emulator: Emulator, ids: list[str], tmp_path: Path
) -> None:
    """A dataset that is not listed, and is there all the same, is exported."""
    await client.export_all(tmp_path, format="csv", since_last=True)
    listing = {"datasets": [], "pagination": {"page": 1, "limit": 100, "total": 0, "totalPages": 0}}
    emulator.faults.add("listDatasets", "status", times=1, status=200, body=json.dumps(listing))
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    assert sorted(report.results) == sorted(ids)
    assert report.gone == []


async def test_filters(
    client: ClaroClient, emulator: Emulator, clock: ManualClock, tmp_path: Path
) -> None:
    """Type, status and name choose datasets; what they leave out is neither fetched nor gone."""
    for name, kind in [("Invoices 1", "extraction"), ("Invoices 2", "analysis"), ("x", "analysis")]:
        emulator.add_dataset(name, ["a"], [["1"]], type=kind)
    busy = emulator.add_dataset("Invoices 3", ["a"], [["1"]])
    emulator.set_processing(busy)
    clock.advance(60)

    async def names(**only: Any) -> list[str]:
        report = await client.export_all(tmp_path, format="csv", since_last=True, **only)
        assert report.gone == []
        assert report.failures == []
        done = [*report.results.values(), *report.exported_before]
        return sorted(entry.name for entry in done)

    assert await names(type="analysis") == ["Invoices 2", "x"]
    assert await names(type=DatasetType.EXTRACTION, status="completed") == ["Invoices 1"]
    assert await names(name="Invoices*", status="completed") == ["Invoices 1", "Invoices 2"]
    assert await names(name=["x", "*[1-2]"]) == ["Invoices 1", "Invoices 2", "x"]
    assert len(entries(tmp_path)) == 3


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"type": "invoice"}, "type must be one of"),
        ({"status": "done"}, "status must be one of"),
        ({"name": []}, "name is empty"),
    ],
)
async def test_filters_that_cannot_be(
    arguments: dict[str, Any],
    problem: str,
    client: ClaroClient,
    emulator: Emulator,
    tmp_path: Path,
) -> None:
    """A filter that nothing can pass is refused before anything is sent."""
    with pytest.raises(ValueError, match=problem):
        await client.export_all(tmp_path, format="csv", **arguments)
    assert emulator.ledger.requests == []


async def test_arguments_of_another_type(
    client: ClaroClient, emulator: Emulator, tmp_path: Path
) -> None:
    """What is no name, no flag and no option is refused before anything is sent."""
    for arguments in ({"name": [5]}, {"since_last": "yes"}, {"nme": "x"}):
        with pytest.raises(TypeError):
            await client.export_all(tmp_path, format="csv", **arguments)
    with pytest.raises(TypeError):
        await client.download_all(tmp_path, kind="csv")  # type: ignore[call-arg]
    assert emulator.ledger.requests == []


async def test_a_failed_export_leaves_the_old_file(
    client: ClaroClient, emulator: Emulator, ids: list[str], tmp_path: Path
) -> None:
    """Where the new file cannot be had, the old one stays, and is replaced by the next run."""
    first = await client.export_all(tmp_path, format="csv", since_last=True)
    file = tmp_path / first.results[ids[0]].file
    content = file.read_bytes()
    await client.dataset(ids[0]).update_cell("cell_1_1", "edited")
    emulator.faults.add("exportDataset", "status", times=1, status=403)
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    assert (report.failed, len(report.exported_before)) == (1, 2)
    assert file.read_bytes() == content
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    assert list(report.results) == [ids[0]]
    assert b"edited" in file.read_bytes()


async def test_one_call_at_a_time_writes_a_folder(
    client: ClaroClient,
    connect: Callable[..., ClaroClient],
    emulator: Emulator,
    ids: list[str],
    tmp_path: Path,
) -> None:
    """A second call is refused while one is under way, also of the other kind; later it works."""
    emulator.faults.add("exportDataset", "stall")
    sent = asyncio.Event()

    def see(event: Event) -> None:
        if isinstance(event, RequestSent) and event.operation == "exportDataset":
            sent.set()

    other = connect(emulator.base_url, on_event=see)
    running = asyncio.create_task(other.export_all(tmp_path, format="csv"))
    await sent.wait()
    with pytest.raises(TransferError, match="is being written by another"):
        await client.export_all(tmp_path, format="csv")
    with pytest.raises(TransferError, match="is being written by another"):
        await client.download_all(tmp_path)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    emulator.faults.clear()
    assert names(tmp_path) == ["manifest.json"]
    report = await client.export_all(tmp_path, format="csv")
    assert sorted(report.results) == sorted(ids)


KILLED = """
import asyncio, os, signal, sys
from claro_async import ClaroClient
from claro_async.transfers import manifest

kept = manifest.Manifest.note

async def note(self, entry):
    if len(sys.argv) > 4 and sys.argv[4] == "after":
        await kept(self, entry)
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    manifest.Manifest.note = note
    async with ClaroClient("emulator-key", sys.argv[1]) as claro:
        await claro.export_all(sys.argv[2], format="csv", since_last=True, max_concurrency=1)

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_run_that_is_killed_around_the_rename(  # noqa: PLR0913, PLR0917 - fixtures
    moment: str,
    client: ClaroClient,
    emulator: Emulator,
    clock: ManualClock,
    ids: list[str],
    tmp_path: Path,
) -> None:
    """Killed before or after the manifest names a new file: the next run ends with what there is.

    The new content has as many bytes as the old one, so that its size does not give it away.
    """
    await client.export_all(tmp_path, format="csv", since_last=True)
    for key in ids:
        await client.dataset(key).update_cell("cell_1_1", "9")
    clock.advance(60)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, emulator.base_url, str(tmp_path), "x", moment),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert await process.wait() == -signal.SIGKILL
    listed = entries(tmp_path)
    assert sum(entry["replacing"] for entry in listed.values()) == 3 - (moment == "after")
    for key in ids:  # back to the values that the first run had exported
        await client.dataset(key).update_cell("cell_1_1", "0")
    clock.advance(60)
    await client.export_all(tmp_path, format="csv")  # which only goes on
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    assert report.failures == []
    for key, entry in entries(tmp_path).items():
        lines = (tmp_path / entry["file"]).read_text("utf-8").splitlines()
        assert (key, lines[1][0]) == (key, "0")
        assert entry["replacing"] is False


async def test_a_manifest_that_cannot_be_written_fails_the_item(
    client: ClaroClient, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk at the note is that item's failure; the next run sets it right."""
    real = manifests.Manifest.write
    calls = 0

    async def write(self: manifests.Manifest[Any]) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(28, "No space left on device")
        await real(self)

    monkeypatch.setattr(manifests.Manifest, "write", write)
    report = await client.export_all(tmp_path, format="csv", max_concurrency=1)
    assert (report.succeeded, report.failed) == (2, 1)
    assert isinstance(report.failures[0].error, OSError)
    report = await client.export_all(tmp_path, format="csv", since_last=True)
    assert len(report.exported_before) + report.succeeded == len(ids)


def test_names_of_files_are_recognized() -> None:
    """A name belongs to the id that it was made of, whatever name and suffix it has."""
    for key in ("a", "A", "a/b", "x" * 300):
        assert is_file_name_of(key, file_name(key, "some.name", "csv"))
        assert is_file_name_of(key, file_name(key, "", ""))
        assert not is_file_name_of("other", file_name(key, "name", "csv"))
        assert not is_file_name_of(key, f"../{file_name(key, 'name', 'csv')}")


async def test_download_all(client: ClaroClient, emulator: Emulator, tmp_path: Path) -> None:
    """Every original file is there under its name; a second run costs one request."""
    files = {"a.csv": b"x\n1\n", "A.CSV": b"x\n2\n", "noend": b"{}", ".hidden": b"x"}
    made = [
        emulator.add_datasource(content, file_name=name, content_type="text/csv")
        for name, content in files.items()
    ]
    same = emulator.add_datasource(b"x\n3\n", file_name="a.csv")
    report = await client.download_all(tmp_path)
    assert sorted(report.results) == sorted([*made, same])
    for key, content in zip([*made, same], [*files.values(), b"x\n3\n"], strict=True):
        entry = report.results[key]
        assert (tmp_path / entry.file).read_bytes() == content
        assert entry.size == len(content)
    assert report.results[made[0]].file == f"a.{made[0]}.csv"
    assert report.results[made[2]].file == f"noend.{made[2]}"
    before = len(emulator.ledger.requests)
    report = await client.download_all(tmp_path)
    assert (report.total, len(report.downloaded_before)) == (0, 5)
    assert len(emulator.ledger.requests) == before + 1


async def test_download_all_goes_on_and_reports(
    client: ClaroClient, emulator: Emulator, tmp_path: Path
) -> None:
    """New, damaged and chosen data sources are fetched; gone ones are named."""
    made = [
        emulator.add_datasource(f"x\n{number}\n".encode(), file_name=f"{number}.csv")
        for number in range(3)
    ]
    emulator.add_datasource(b"{}\n", file_name="other.jsonl", content_type="application/json")
    report = await client.download_all(tmp_path, name="[0-9].csv", content_type="text/csv")
    assert sorted(report.results) == sorted(made)
    (tmp_path / report.results[made[0]].file).write_bytes(b"cut")
    await client.datasource(made[1]).delete(confirm=made[1])
    new = emulator.add_datasource(b"x\n9\n", file_name="9.csv")
    report = await client.download_all(tmp_path, name="?.csv")
    assert sorted(report.results) == sorted([made[0], new])
    assert [entry.item_id for entry in report.gone] == [made[1]]
    assert [entry.item_id for entry in report.downloaded_before] == [made[2]]
    assert (tmp_path / report.results[made[0]].file).read_bytes() == b"x\n0\n"


async def test_folders_of_the_other_kind(
    client: ClaroClient,
    connect: Callable[..., ClaroClient],
    emulator: Emulator,
    ids: list[str],
    tmp_path: Path,
) -> None:
    """A folder of exports takes no downloads, and the other way round."""
    await client.export_all(tmp_path / "exports", format="csv")
    with pytest.raises(TransferError, match="choose another folder for downloads"):
        await client.download_all(tmp_path / "exports")
    await client.download_all(tmp_path / "files")
    with pytest.raises(TransferError, match="choose another folder for csv"):
        await connect(emulator.base_url).export_all(tmp_path / "files", format="csv")
    assert len(entries(tmp_path / "exports")) == len(ids)
