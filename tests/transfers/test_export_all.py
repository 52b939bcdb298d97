"""Every dataset as a file, and the manifest by which a run goes on."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import (
    BulkUpdateError,
    ProcessingInProgressError,
    TransferError,
    __version__,
)
from claro_async.transfers.manifest import file_name

if TYPE_CHECKING:
    from pathlib import Path

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator
    from claro_async.options import FileFormatName


@pytest.fixture
def ids(emulator: Emulator) -> list[str]:
    """Five datasets, two of which have the same name."""
    return [
        emulator.add_dataset(name, ["a", "b"], [[f"{n}", name] for n in range(rows)])
        for name, rows in [("one", 1), ("../two", 2), ("same", 3), ("same", 1200), ("", 0)]
    ]


def manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """The manifest's entries by id."""
    document = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return {entry["dataset_id"]: entry for entry in document["datasets"]}


@pytest.mark.parametrize("format", ["csv", "parquet", "jsonl"])
async def test_every_dataset_has_a_file_and_an_entry(
    format: FileFormatName,  # noqa: A002 - as the argument is called
    client: ClaroClient,
    ids: list[str],
    tmp_path: Path,
) -> None:
    """Rows, bytes and SHA-256 in the manifest are those of the files."""
    report = await client.export_all(tmp_path / "new" / "folder", format=format)
    assert (report.succeeded, report.total, report.failures) == (5, 5, [])
    folder = tmp_path / "new" / "folder"
    entries = manifest(folder)
    assert sorted(entries) == sorted(ids) == sorted(report.results)
    assert [entries[key]["rows"] for key in ids] == [1, 2, 3, 1200, 0]
    for entry in entries.values():
        content = (folder / entry["file"]).read_bytes()
        assert entry["size"] == len(content)
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    assert len(list(folder.iterdir())) == 6
    assert list((tmp_path / "new").iterdir()) == [folder]


async def test_what_the_manifest_has_is_not_fetched_again(
    client: ClaroClient, emulator: Emulator, ids: list[str], tmp_path: Path
) -> None:
    """A run that failed in part goes on with the rest, and a complete one does nothing."""
    emulator.set_processing(ids[2])
    seen: list[int] = []
    report = await client.export_all(
        tmp_path, format="csv", on_progress=lambda progress: seen.append(progress.done)
    )
    assert (report.succeeded, report.failed) == (4, 1)
    assert seen == [1, 2, 3, 4, 5]
    (failure,) = report.failures
    assert failure.key == ids[2]
    assert isinstance(failure.error, ProcessingInProgressError)
    emulator.finish_processing(ids[2])
    before = emulator.ledger.count("exportDataset")
    report = await client.export_all(tmp_path, format="csv")
    assert (report.succeeded, len(report.exported_before)) == (1, 4)
    assert emulator.ledger.count("exportDataset") == before + 1
    report = await client.export_all(tmp_path, format="csv")
    assert (report.total, len(report.exported_before)) == (0, 5)
    assert emulator.ledger.count("exportDataset") == before + 1


async def test_a_file_that_is_gone_or_cut_is_fetched_again(
    client: ClaroClient, ids: list[str], tmp_path: Path
) -> None:
    """The manifest is believed only as far as the files bear it out."""
    await client.export_all(tmp_path, format="csv")
    entries = manifest(tmp_path)
    (tmp_path / entries[ids[0]]["file"]).unlink()
    (tmp_path / entries[ids[1]]["file"]).write_text("cut")
    report = await client.export_all(tmp_path, format="csv")
    assert sorted(report.results) == sorted(ids[:2])
    assert manifest(tmp_path) == entries


async def test_the_first_failure_can_end_it(
    client: ClaroClient, emulator: Emulator, ids: list[str], tmp_path: Path
) -> None:
    """With `raise` the report comes with the error, and what was done stays done."""
    emulator.set_processing(ids[0])
    with pytest.raises(BulkUpdateError) as caught:
        await client.export_all(tmp_path, format="csv", on_error="raise", max_concurrency=1)
    report = caught.value.report
    assert (report.failed, report.not_sent) == (1, 4)
    assert isinstance(caught.value.exceptions[0], ProcessingInProgressError)


async def test_a_folder_of_something_else(
    client: ClaroClient, ids: list[str], tmp_path: Path
) -> None:
    """A manifest of another format, or no manifest at all, is not overwritten."""
    await client.export_all(tmp_path, format="csv")
    with pytest.raises(TransferError, match="export as csv"):
        await client.export_all(tmp_path, format="jsonl")
    assert len(manifest(tmp_path)) == len(ids)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(TransferError, match="no manifest"):
        await client.export_all(tmp_path, format="csv")


async def test_arguments_of_export_all(
    client: ClaroClient, emulator: Emulator, tmp_path: Path
) -> None:
    """What cannot work is refused without a request."""
    for arguments in (
        {"format": "yaml"},
        {"format": "csv", "max_concurrency": 0},
        {"format": "csv", "on_error": "ignore"},
        {"format": "csv", "on_change": "no"},
    ):
        with pytest.raises(ValueError, match="must be"):
            await client.export_all(tmp_path, **arguments)
    assert emulator.ledger.requests == []


async def test_files_made_in_another_way_are_made_anew(
    client: ClaroClient, emulator: Emulator, ids: list[str], tmp_path: Path
) -> None:
    """With other options nothing of the earlier run is kept; the manifest has the options."""
    await client.export_all(tmp_path, format="jsonl")
    report = await client.export_all(tmp_path, format="jsonl", include_metadata=True)
    assert (report.succeeded, report.exported_before) == (5, [])
    entry = manifest(tmp_path)[ids[1]]
    assert entry["options"] == {"include_metadata": True, "on_type_error": "raise"}
    assert entry["updated_at"].startswith("2024-03-14T")
    assert entry["client"] == __version__
    before = emulator.ledger.count("getDatasetData")
    report = await client.export_all(tmp_path, format="jsonl", include_metadata=True)
    assert (report.total, len(report.exported_before)) == (0, 5)
    assert emulator.ledger.count("getDatasetData") == before


async def test_manifests_of_other_versions(
    client: ClaroClient, ids: list[str], tmp_path: Path
) -> None:
    """What an older version has noted is made anew; what a later one has is left alone."""
    (tmp_path / "manifest.json").write_text('{"version": 2, "format": "csv", "datasets": [{}]}')
    report = await client.export_all(tmp_path, format="csv")
    assert report.succeeded == len(ids)
    (tmp_path / "manifest.json").write_text('{"version": 4, "format": "csv", "what": "ever"}')
    with pytest.raises(TransferError, match="later version"):
        await client.export_all(tmp_path, format="csv")


def test_file_names_differ_in_whatever_case_they_are_read() -> None:
    """Ids that differ in case, or beyond what a name can hold, have names that stay apart."""
    ids = ["a", "A", "a/b", "a%2Fb", "x" * 300, "x" * 299 + "y", "\u00e9", "\u00c9"]
    found = [file_name(each, "name", "csv") for each in ids]
    assert len({name.casefold() for name in found}) == len(ids)
    assert all(len(name.encode()) < 200 for name in found)
    assert file_name("a", "a\u3000b", "csv") != file_name("a", "ab", "csv")


async def test_the_callback_of_an_export_of_all_raises(
    client: ClaroClient, ids: list[str], tmp_path: Path
) -> None:
    """All datasets are exported; then the callback's own error is raised, with the report."""

    def fail(_: object) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine") as caught:
        await client.export_all(tmp_path, format="csv", on_progress=fail)
    assert caught.value.report.succeeded == len(ids) == len(manifest(tmp_path))  # type: ignore[attr-defined]
