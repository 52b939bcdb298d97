"""Uploads: whatever happens on the way, one call makes one data source, or says that it may not."""

from __future__ import annotations

import hashlib
import io
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import BulkUpdateError, OutcomeUnknownError, RawColumnRequiredError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from claro_async import ClaroClient, Dataset
    from claro_async.emulator import Emulator
    from tests.clocks import ManualClock

DATA = Random(7).randbytes(700_000)  # noqa: S311 - repeatable, not secret
SHA256 = hashlib.sha256(DATA).hexdigest()
COLUMNS: list[dict[str, Any]] = [
    {"name": "file_name"},
    {"name": "documents", "taskType": "raw"},
    {"name": "summary", "taskType": "ai_enrich", "metadata": {"prompt": "x"}},
]


@pytest.fixture
def dataset(emulator: Emulator, client: ClaroClient) -> Dataset:
    """A dataset of five rows with a column for documents."""
    rows = [[name, None, None] for name in ("a.txt", "b", "c.txt", "größe.txt", None)]
    return client.dataset(emulator.add_dataset("documents", COLUMNS, rows))


async def pieces(data: bytes = DATA) -> AsyncIterator[bytes]:
    """A stream that can be read once."""
    for at in range(0, len(data), 100_000):
        yield data[at : at + 100_000]


STAGES: dict[str, dict[str, Any]] = {
    "reset before the body": {"kind": "reset", "after_bytes": 0},
    "reset in the body": {"kind": "reset", "after_bytes": 300_000},
    "closed in the body": {"kind": "disconnect", "after_bytes": 300_000},
    "reset after the body": {"kind": "reset"},
    "closed after the body": {"kind": "disconnect"},
    "503 before it was applied": {"kind": "status", "status": 503},
    "502 page before it was applied": {"kind": "html"},
    "reset after it was applied": {"kind": "reset", "apply": True},
    "closed after it was applied": {"kind": "disconnect", "apply": True},
    "500 after it was applied": {"kind": "status", "status": 500, "apply": True},
    "502 page after it was applied": {"kind": "html", "apply": True},
    "reply cut": {"kind": "truncate"},
    "reply stalled": {"kind": "stall"},
}


@pytest.mark.parametrize("stage", STAGES)
async def test_a_cut_at_every_stage(stage: str, emulator: Emulator, dataset: Dataset) -> None:
    """A file that can be read again ends as one data source with its bytes, linked to the cell."""
    emulator.faults.add("uploadDatasource", times=1, **STAGES[stage])
    result = await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt")
    (applied,) = emulator.ledger.uploads
    assert (applied.sha256, applied.size) == (SHA256, len(DATA))
    assert emulator.datasource_ids() == [result.datasource_id]
    view = emulator.cell(dataset.dataset_id, "cell_1_2")
    assert view.linked_datasource == result.datasource_id == applied.datasource_id
    done = "after it was applied" in stage or stage.startswith("reply")
    assert result.confirmed_by_read == done
    assert emulator.ledger.count("uploadDatasource") == (1 if done else 2)
    emulator.faults.clear()


@pytest.mark.parametrize("stage", STAGES)
async def test_a_stream_cut_at_every_stage(
    stage: str, emulator: Emulator, dataset: Dataset
) -> None:
    """A stream is sent once: what was applied is found, else the error says it is unknown."""
    emulator.faults.add("uploadDatasource", times=1, **STAGES[stage])
    if "after it was applied" in stage or stage.startswith("reply"):
        result = await dataset.upload_datasource("cell_1_2", pieces(), filename="a.txt")
        assert emulator.datasource_ids() == [result.datasource_id]
        assert emulator.ledger.uploads[0].sha256 == SHA256
    else:
        with pytest.raises(OutcomeUnknownError) as caught:
            await dataset.upload_datasource("cell_1_2", pieces(), filename="a.txt")
        assert caught.value.candidates == ()
        assert emulator.datasource_ids() == []
    assert emulator.ledger.count("uploadDatasource") == 1
    emulator.faults.clear()


async def test_the_client_settles_before_it_sends_again(
    emulator: Emulator, dataset: Dataset, clock: ManualClock
) -> None:
    """It looks, waits and looks, since a server may still be at work on what it got."""
    emulator.faults.add("uploadDatasource", "reset", times=1)
    await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt")
    assert clock.slept[-2:] == [1.0, 4.0]
    assert emulator.ledger.count("listDatasources") == 3


async def test_a_data_source_that_was_made_but_not_linked(
    emulator: Emulator, connect: Callable[..., ClaroClient], dataset: Dataset
) -> None:
    """It is adopted: linked to the cell, and not sent a second time."""
    fault = emulator.faults.add("uploadDatasource", "reset", times=1)
    made: list[str] = []

    def half_done(_: object) -> None:
        if fault.hits and not made:
            made.append(emulator.add_datasource(DATA, file_name="a.txt"))

    client = connect(emulator.base_url, on_event=half_done)
    result = await client.dataset(dataset.dataset_id).upload_datasource(
        "cell_1_2", DATA, filename="a.txt"
    )
    assert result.confirmed_by_read
    assert result.linked_at is not None
    assert emulator.datasource_ids() == made == [result.datasource_id]
    assert emulator.cell(dataset.dataset_id, "cell_1_2").linked_datasource == made[0]


async def test_two_that_could_be_it(
    emulator: Emulator, connect: Callable[..., ClaroClient], dataset: Dataset
) -> None:
    """Nothing is guessed, sent or deleted; the error has both."""
    fault = emulator.faults.add("uploadDatasource", "reset", times=1)
    made: list[str] = []

    def twice(_: object) -> None:
        if fault.hits and not made:
            made.extend(emulator.add_datasource(DATA, file_name="a.txt") for _ in range(2))

    client = connect(emulator.base_url, on_event=twice)
    with pytest.raises(OutcomeUnknownError, match="2 data sources could be it") as caught:
        await client.dataset(dataset.dataset_id).upload_datasource(
            "cell_1_2", DATA, filename="a.txt"
        )
    assert [found.datasource_id for found in caught.value.candidates] == made
    assert emulator.datasource_ids() == made
    assert emulator.ledger.count("linkDatasource") == 0
    assert emulator.ledger.count("deleteDatasource") == 0


async def test_the_same_file_to_another_cell_is_not_taken_for_it(
    emulator: Emulator, dataset: Dataset
) -> None:
    """A data source of the same name and size, just made for another cell, is not this one."""
    first = await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt")
    emulator.faults.add("uploadDatasource", "reset", times=1)
    second = await dataset.upload_datasource("cell_2_2", DATA, filename="a.txt")
    assert first.datasource_id != second.datasource_id
    assert len(emulator.ledger.uploads) == 2


async def test_an_earlier_upload_to_the_cell_is_not_taken_for_it(
    emulator: Emulator, dataset: Dataset
) -> None:
    """Other bytes of the same length, under the same name, to the same cell: they are sent."""
    await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt")
    emulator.faults.add("uploadDatasource", "reset", times=1)
    await dataset.upload_datasource("cell_1_2", DATA[::-1], filename="a.txt")
    hashes = [upload.sha256 for upload in emulator.ledger.uploads]
    assert hashes == [SHA256, hashlib.sha256(DATA[::-1]).hexdigest()]


async def test_older_and_other_data_sources_are_not_looked_at(
    emulator: Emulator, dataset: Dataset, clock: ManualClock
) -> None:
    """What was there before, or has another size or name, cannot be it."""
    emulator.add_datasource(DATA, file_name="a.txt")
    clock.advance(60)
    emulator.add_datasource(DATA[1:], file_name="a.txt")
    emulator.add_datasource(DATA, file_name="b.txt")
    emulator.faults.add("uploadDatasource", "reset", times=1)
    result = await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt")
    assert not result.confirmed_by_read
    assert result.datasource_id == emulator.datasource_ids()[-1]


async def test_a_look_that_fails_leaves_it_unknown(emulator: Emulator, dataset: Dataset) -> None:
    """If the server cannot be asked either, the error is still that the outcome is unknown."""
    emulator.faults.add("uploadDatasource", "reset", times=1)
    emulator.faults.add("listDatasources", "status")
    with pytest.raises(OutcomeUnknownError) as caught:
        await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt")
    assert "looking for what the upload made failed" in str(caught.value.__notes__)
    assert emulator.ledger.count("uploadDatasource") == 1


async def test_it_is_not_sent_for_ever(emulator: Emulator, dataset: Dataset) -> None:
    """After three sends that left no trace the error says so."""
    emulator.faults.add("uploadDatasource", "reset")
    with pytest.raises(OutcomeUnknownError):
        await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt")
    assert emulator.ledger.count("uploadDatasource") == 3


async def test_sizes_are_refused_before_sending(
    emulator: Emulator, dataset: Dataset, tmp_path: Path
) -> None:
    """Empty files and more than 100 MB cost no request; the limit can be moved."""
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(100_000_001)
    (tmp_path / "empty.txt").touch()
    for source in (large, tmp_path / "empty.txt", io.BytesIO()):
        with pytest.raises(ValueError, match=r"100,000,000|empty"):
            await dataset.upload_datasource("cell_1_2", source, filename="x.txt")
    with pytest.raises(ValueError, match="takes 10 a file"):
        await dataset.upload_datasource("cell_1_2", b"x" * 11, filename="x.txt", max_size=10)
    assert emulator.ledger.requests == []


async def test_a_cell_that_takes_no_documents(emulator: Emulator, dataset: Dataset) -> None:
    """The documented refusal is a type of its own."""
    with pytest.raises(RawColumnRequiredError):
        await dataset.upload_datasource("cell_1_3", DATA, filename="a.txt")
    assert emulator.ledger.uploads == []


async def test_many_uploads_are_reported_like_edits(
    emulator: Emulator, dataset: Dataset, tmp_path: Path
) -> None:
    """Counts sum up, failures say of which cell and why, and no more run at once than allowed."""
    (tmp_path / "a.txt").write_bytes(DATA)
    seen: list[int] = []
    report = await dataset.upload_datasources(
        [
            ("cell_1_2", tmp_path / "a.txt"),
            ("cell_2_2", tmp_path / "missing.txt"),
            ("cell_3_3", tmp_path / "a.txt"),
            ("cell_4_2", tmp_path / "a.txt"),
        ],
        max_concurrency=2,
        on_progress=lambda told: seen.append(told.total),
    )
    assert (report.succeeded, report.failed, report.total) == (2, 2, 4)
    assert {failure.key: type(failure.error) for failure in report.failures} == {
        "cell_2_2": FileNotFoundError,
        "cell_3_3": RawColumnRequiredError,
    }
    assert sorted(report.results) == ["cell_1_2", "cell_4_2"]
    assert seen == [1, 2, 3, 4]
    assert emulator.ledger.max_in_flight <= 2


async def test_the_first_failed_upload_can_end_it(dataset: Dataset, tmp_path: Path) -> None:
    """With `raise` nothing further begins, and the report comes with the error."""
    (tmp_path / "a.txt").write_bytes(DATA)
    cells = {f"cell_{n}_3": tmp_path / "a.txt" for n in range(1, 6)}
    with pytest.raises(BulkUpdateError) as caught:
        await dataset.upload_datasources(cells, max_concurrency=1, on_error="raise")
    assert caught.value.report.not_sent == 4


async def test_inputs_of_a_bulk_call(emulator: Emulator, dataset: Dataset) -> None:
    """A cell given twice, and what are no pairs, are refused at once."""
    with pytest.raises(ValueError, match="twice"):
        await dataset.upload_datasources([("c", b"1"), ("c", b"2")])
    with pytest.raises(TypeError, match="pairs"):
        await dataset.upload_datasources(["c"])  # type: ignore[list-item]
    assert emulator.ledger.requests == []


async def test_links_in_bulk(emulator: Emulator, dataset: Dataset) -> None:
    """Each cell gets its data source; what is refused is in the report."""
    sources = [emulator.add_datasource(b"x", file_name=f"{n}.txt") for n in range(3)]
    links = {f"cell_{n + 1}_2": source for n, source in enumerate(sources)}
    report = await dataset.link_datasources({**links, "nowhere": sources[0]})
    assert (report.succeeded, report.failed) == (3, 1)
    for cell, source in links.items():
        assert emulator.cell(dataset.dataset_id, cell).linked_datasource == source
    with pytest.raises(BulkUpdateError):
        await dataset.link_datasources({"nowhere": sources[0]}, on_error="raise")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of the dataset's rows, others, and what is no file."""
    for name in ("a.txt", "b.txt", "gro\u0308\u00dfe.txt", "stray.txt", ".hidden", "b.csv"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "folder.txt").mkdir()
    return tmp_path


async def test_a_folder_is_matched_by_a_key_column(
    emulator: Emulator, dataset: Dataset, folder: Path
) -> None:
    """Names match whole or without suffix, in any spelling of accents, if they match one file."""
    (folder / "b.csv").unlink()
    report = await dataset.upload_folder(folder, key="file_name", column="documents")
    assert sorted(report.results) == ["cell_1_2", "cell_2_2", "cell_4_2"]
    assert [path.name for path in report.unmatched_files] == ["stray.txt"]
    assert report.unmatched_keys == ["c.txt"]
    names = {upload.cell_id: upload.file_name for upload in emulator.ledger.uploads}
    assert names["cell_2_2"] == "b.txt"


async def test_a_folder_goes_on_where_it_was(
    emulator: Emulator, dataset: Dataset, folder: Path
) -> None:
    """Cells that have a data source are left alone unless that is wanted otherwise."""
    (folder / "b.csv").unlink()
    await dataset.upload_datasource("cell_1_2", b"x", filename="x.txt")
    report = await dataset.upload_folder(folder, key="col_1", column="col_2")
    assert report.linked_before == ["cell_1_2"]
    assert report.succeeded == 2
    report = await dataset.upload_folder(folder, key="col_1", column="col_2", skip_linked=False)
    assert report.succeeded == 3
    assert len(emulator.ledger.uploads) == 6


async def test_a_name_that_two_files_have(dataset: Dataset, folder: Path) -> None:
    """Without its suffix "b" could be either: neither is taken."""
    report = await dataset.upload_folder(folder, key="file_name", column="documents")
    assert report.unmatched_keys == ["b", "c.txt"]
    assert [path.name for path in report.unmatched_files] == ["b.csv", "b.txt", "stray.txt"]


async def test_columns_and_folders_that_are_not_there(
    emulator: Emulator, dataset: Dataset, folder: Path
) -> None:
    """A wrong column is told with those that there are; a wrong folder without a request."""
    with pytest.raises(FileNotFoundError):
        await dataset.upload_folder(folder / "no", key="file_name", column="documents")
    assert emulator.ledger.requests == []
    with pytest.raises(KeyError, match="there are 'file_name', 'documents', 'summary'"):
        await dataset.upload_folder(folder, key="name", column="documents")
    with pytest.raises(KeyError):
        await dataset.upload_folder(folder, key="file_name", column="document")
    assert emulator.ledger.uploads == []
