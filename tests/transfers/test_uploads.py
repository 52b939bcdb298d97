"""Uploads: whatever happens on the way, one call makes one data source, or says that it may not."""

from __future__ import annotations

import hashlib
import io
import json
import os
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import BulkUpdateError, OutcomeUnknownError, RawColumnRequiredError
from claro_async.transfers import links
from tests.wire.raw_server import RawRequest, RawServer, reply

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from claro_async import ClaroClient, Dataset, FilesProgress, Progress
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


def link(emulator: Emulator, dataset_id: str, cell_id: str, datasource_id: str) -> None:
    """Link a cell behind the client's back."""
    datasets = emulator._live().world.datasets
    datasets.link(datasets.cell(datasets.find(dataset_id), cell_id), datasource_id)


def is_applied(stage: str) -> bool:
    """Whether the server applied an upload before it failed."""
    return "after it was applied" in stage or stage.startswith("reply")


SOURCES: dict[str, Callable[[], bytes | AsyncIterator[bytes]]] = {
    "bytes": lambda: DATA,
    "a stream": pieces,
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("stage", STAGES)
async def test_a_cut_at_every_stage(
    stage: str, source: str, emulator: Emulator, dataset: Dataset
) -> None:
    """What was applied is found on the cell; else the outcome is unknown; it is sent once."""
    emulator.faults.add("uploadDatasource", times=1, **STAGES[stage])
    upload = dataset.upload_datasource("cell_1_2", SOURCES[source](), filename="a.txt")
    if is_applied(stage):
        result = await upload
        (applied,) = emulator.ledger.uploads
        assert (applied.sha256, applied.size) == (SHA256, len(DATA))
        assert emulator.datasource_ids() == [result.datasource_id]
        view = emulator.cell(dataset.dataset_id, "cell_1_2")
        assert view.linked_datasource == result.datasource_id == applied.datasource_id
        assert result.confirmed_by_read
    else:
        with pytest.raises(OutcomeUnknownError, match="on_unknown='resend'") as caught:
            await upload
        assert caught.value.candidates == ()
        assert emulator.datasource_ids() == []
    assert emulator.ledger.count("uploadDatasource") == 1
    emulator.faults.clear()


@pytest.mark.parametrize("stage", STAGES)
async def test_a_cut_at_every_stage_with_leave_to_send_again(
    stage: str, emulator: Emulator, dataset: Dataset
) -> None:
    """Asked to, a file that can be read again is sent again, where the cell shows nothing."""
    emulator.faults.add("uploadDatasource", times=1, **STAGES[stage])
    result = await dataset.upload_datasource(
        "cell_1_2", DATA, filename="a.txt", on_unknown="resend"
    )
    assert emulator.datasource_ids() == [result.datasource_id]
    view = emulator.cell(dataset.dataset_id, "cell_1_2")
    assert view.linked_datasource == result.datasource_id
    assert emulator.ledger.count("uploadDatasource") == (1 if is_applied(stage) else 2)
    emulator.faults.clear()


@pytest.mark.parametrize(
    ("options", "seconds"),
    [({}, 5), ({"wait": 20}, 20), ({"wait": 0}, 0), ({"on_unknown": "resend"}, 60)],
)
async def test_the_cell_is_read_for_as_long_as_the_options_say(
    options: Any, seconds: float, emulator: Emulator, dataset: Dataset, clock: ManualClock
) -> None:
    """A server may still be at work on what it got, so the cell is read until the time is up."""
    emulator.faults.add("uploadDatasource", "reset", times=1)
    began = clock.monotonic()
    with suppress(OutcomeUnknownError):
        await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt", **options)
    assert clock.monotonic() - began == pytest.approx(seconds, abs=0.1)


async def test_it_is_applied_while_the_cell_is_read(
    emulator: Emulator, dataset: Dataset, clock: ManualClock
) -> None:
    """A link that shows up after some seconds is found, and nothing is sent a second time."""
    emulator.faults.add("uploadDatasource", "reset", times=1)
    made: list[str] = []

    def apply() -> None:
        made.append(emulator.add_datasource(DATA, file_name="other name.txt"))
        link(emulator, dataset.dataset_id, "cell_1_2", made[0])

    clock.call_later(30, apply)
    result = await dataset.upload_datasource(
        "cell_1_2", DATA, filename="a.txt", on_unknown="resend"
    )
    assert [result.datasource_id] == made == emulator.datasource_ids()
    assert result.confirmed_by_read
    assert result.file_name == "other name.txt"


async def test_a_data_source_that_was_made_but_not_linked(
    emulator: Emulator, connect: Callable[..., ClaroClient], dataset: Dataset
) -> None:
    """Whoever made it, it is a candidate: neither linked, nor sent, nor deleted."""
    fault = emulator.faults.add("uploadDatasource", "reset", times=1)
    made: list[str] = []

    def twice(_: object) -> None:
        if fault.hits and not made:
            made.extend(emulator.add_datasource(DATA, file_name="x.txt") for _ in range(2))
            emulator.add_datasource(DATA[1:], file_name="a.txt")

    client = connect(emulator.base_url, on_event=twice)
    with pytest.raises(OutcomeUnknownError, match="2 data sources may be it") as caught:
        await client.dataset(dataset.dataset_id).upload_datasource(
            "cell_1_2", DATA, filename="a.txt"
        )
    assert [found.datasource_id for found in caught.value.candidates] == made
    assert emulator.ledger.count("uploadDatasource") == 1
    assert emulator.ledger.count("linkDatasource") == 0
    assert emulator.ledger.count("deleteDatasource") == 0


@pytest.mark.parametrize("known_by", ["a read", "the caller", "an upload"])
async def test_what_the_cell_was_linked_to_before_is_not_taken_for_it(
    known_by: str, emulator: Emulator, dataset: Dataset
) -> None:
    """A file of the same name and size, linked to the cell just now, is not this upload's."""
    options: Any = {}
    if known_by == "an upload":
        await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt")
    else:
        before = emulator.add_datasource(DATA, file_name="a.txt")
        link(emulator, dataset.dataset_id, "cell_1_2", before)
        options = {"linked_before": before} if known_by == "the caller" else {}
    emulator.faults.add("uploadDatasource", "reset", times=1)
    with pytest.raises(OutcomeUnknownError):
        await dataset.upload_datasource("cell_1_2", DATA[::-1], filename="a.txt", **options)


async def test_an_older_file_that_somebody_links_meanwhile_is_not_taken_for_it(
    emulator: Emulator, dataset: Dataset, clock: ManualClock
) -> None:
    """A new link to a data source that is older than the upload is somebody else's."""
    older = emulator.add_datasource(DATA, file_name="a.txt")
    clock.advance(600)
    emulator.faults.add("uploadDatasource", "reset", times=1)
    clock.call_later(2, lambda: link(emulator, dataset.dataset_id, "cell_1_2", older))
    with pytest.raises(OutcomeUnknownError) as caught:
        await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt")
    assert caught.value.candidates == ()


async def test_one_read_serves_the_uploads_of_a_minute(
    emulator: Emulator, dataset: Dataset, clock: ManualClock
) -> None:
    """What cells are linked to is read once a minute, and not at all where the caller knows it."""
    await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt", linked_before=None)
    assert emulator.ledger.count("getDatasetData") == 0
    for cell in ("cell_2_2", "cell_3_2"):
        await dataset.upload_datasource(cell, DATA, filename="a.txt")
    assert emulator.ledger.count("getDatasetData") == 1
    clock.advance(61)
    await dataset.upload_datasource("cell_4_2", DATA, filename="a.txt")
    assert emulator.ledger.count("getDatasetData") == 2


async def test_a_dataset_that_is_too_large_to_be_read_each_time(
    emulator: Emulator, client: ClaroClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the link before is not known nothing is adopted or sent again; the error says why."""
    monkeypatch.setattr(links, "MAX_PAGES", 1)
    made = emulator.add_dataset("large", COLUMNS, [["x", None, None]] * 1001)
    emulator.faults.add("uploadDatasource", "reset", apply=True, times=1)
    with pytest.raises(OutcomeUnknownError) as caught:
        await client.dataset(made).upload_datasource(
            "cell_1_2", DATA, filename="a.txt", on_unknown="resend"
        )
    assert [found.datasource_id for found in caught.value.candidates] == emulator.datasource_ids()
    assert "linked_before=" in str(caught.value.__notes__)
    assert emulator.ledger.count("uploadDatasource") == 1


async def test_a_read_that_fails_leaves_it_unknown(emulator: Emulator, dataset: Dataset) -> None:
    """If the server cannot be asked either, nothing is sent again, and the error is the same."""
    emulator.faults.add("uploadDatasource", "reset", times=1)
    emulator.faults.add("getDatasetData", "status", after=1)
    with pytest.raises(OutcomeUnknownError) as caught:
        await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt", on_unknown="resend")
    assert "reading what became of it failed" in str(caught.value.__notes__)
    assert emulator.ledger.count("uploadDatasource") == 1


async def test_a_list_that_cannot_be_read_leaves_no_candidates(
    emulator: Emulator, dataset: Dataset
) -> None:
    """If data sources cannot be listed, the error says so beside what is known."""
    emulator.faults.add("uploadDatasource", "reset", times=1)
    emulator.faults.add("listDatasources", "status", status=500)
    with pytest.raises(OutcomeUnknownError) as caught:
        await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt")
    assert caught.value.candidates == ()
    assert "data sources cannot be listed" in str(caught.value.__notes__)
    assert emulator.ledger.count("uploadDatasource") == 1


async def test_a_data_source_that_cannot_be_read_by_itself_is_found_in_the_list(
    emulator: Emulator, dataset: Dataset
) -> None:
    """What the cell is linked to now is known to be ours by what the list says of it."""
    emulator.faults.add("uploadDatasource", "reset", apply=True, times=1)
    emulator.faults.add("getDatasource", "status", status=500)
    result = await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt")
    assert result.confirmed_by_read
    assert [result.datasource_id] == emulator.datasource_ids()
    assert emulator.ledger.count("uploadDatasource") == 1


async def test_it_is_not_sent_for_ever(emulator: Emulator, dataset: Dataset) -> None:
    """After three sends that left no trace the error says so."""
    emulator.faults.add("uploadDatasource", "reset")
    with pytest.raises(OutcomeUnknownError):
        await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt", on_unknown="resend")
    assert emulator.ledger.count("uploadDatasource") == 3


@pytest.mark.parametrize(
    ("changes", "text"),
    [({"cellId": "cell_2_2"}, "went to cell 'cell_2_2'"), ({"fileSize": 5}, "got 5 bytes of 3")],
)
async def test_a_reply_about_something_else(
    changes: dict[str, Any], text: str, connect: Callable[..., ClaroClient]
) -> None:
    """A reply that names another cell or size is no success; its data source is a candidate."""
    named = {"cellId": "cell_1_2", "datasourceId": "made", "fileName": "a.txt", "fileSize": 3}
    times = dict.fromkeys(("uploadedAt", "linkedAt"), "2024-03-14T15:30:00Z")
    body = json.dumps({**named, **times, **changes}).encode()

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(body, Connection="close"))
        await writer.drain()

    async with RawServer(answer, close=True) as server:
        dataset = connect(f"{server.origin}/api/v2").dataset("d")
        with pytest.raises(OutcomeUnknownError, match=text) as caught:
            await dataset.upload_datasource("cell_1_2", b"abc", filename="a", linked_before=None)
    assert [found.datasource_id for found in caught.value.candidates] == ["made"]


async def test_what_a_callback_raises_ends_an_upload(emulator: Emulator, dataset: Dataset) -> None:
    """It is raised as it is, from where it was raised, and nothing was applied."""

    def fail(progress: Progress) -> None:
        if progress.done == progress.total:
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine") as caught:
        await dataset.upload_datasource("cell_1_2", DATA, filename="a.txt", on_progress=fail)
    assert caught.traceback[-1].name == "fail"
    assert emulator.ledger.uploads == []


class WouldBlock(io.RawIOBase):
    """A file that has nothing to read now and then."""

    def __init__(self) -> None:
        self.reads: list[bytes | None] = [None, b"abc", None, None, b"def", None]

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes | None:
        """The next piece."""
        assert size
        return self.reads.pop(0) if self.reads else b""


async def test_a_source_that_would_block(emulator: Emulator, dataset: Dataset) -> None:
    """Of a source that has nothing to read now, the rest is waited for."""
    result = await dataset.upload_datasource("cell_1_2", WouldBlock(), filename="a.txt")
    assert result.file_size == 6
    assert emulator.ledger.uploads[0].sha256 == hashlib.sha256(b"abcdef").hexdigest()


async def test_the_callback_of_a_batch_raises(emulator: Emulator, dataset: Dataset) -> None:
    """Every file goes up; then the callback's own error is raised, with the report."""
    calls: list[int] = []

    def fail(progress: FilesProgress) -> None:
        calls.append(progress.done)
        raise LookupError("mine")

    sources = {f"cell_{n}_2": io.BytesIO(b"x" * n) for n in (1, 2, 3)}
    for n, source in enumerate(sources.values()):
        source.name = f"{n}.txt"
    with pytest.raises(LookupError) as caught:
        await dataset.upload_datasources(sources, on_progress=fail)
    assert calls == [1, 2, 3]
    assert caught.value.report.succeeded == 3  # type: ignore[attr-defined]
    assert "on_progress raised" in caught.value.report.notes[0]  # type: ignore[attr-defined]
    assert len(emulator.ledger.uploads) == 3


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
        on_progress=lambda progress: seen.append(progress.done),
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
    """The error for a wrong column lists those that there are; a wrong folder sends nothing."""
    with pytest.raises(FileNotFoundError):
        await dataset.upload_folder(folder / "no", key="file_name", column="documents")
    assert emulator.ledger.requests == []
    with pytest.raises(KeyError, match="there are 'file_name', 'documents', 'summary'"):
        await dataset.upload_folder(folder, key="name", column="documents")
    with pytest.raises(KeyError):
        await dataset.upload_folder(folder, key="file_name", column="document")
    assert emulator.ledger.uploads == []


async def test_a_row_that_lacks_the_cell(
    emulator: Emulator, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Of a row without the cell the report says so, and the other rows' files go up."""
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_bytes(name.encode())
    made = emulator.add_dataset("d", COLUMNS, [["a.txt", None, None], ["b.txt", None, None]])
    dataset = connect(emulator.base_url).dataset(made)
    rows = dataset.rows

    def ragged(**options: Any) -> Any:
        async def read() -> AsyncIterator[Any]:
            async for row in rows(**options):
                if row["file_name"] == "b.txt":
                    del row._cells[1]
                yield row

        return read()

    dataset.rows = ragged  # type: ignore[method-assign]
    report = await dataset.upload_folder(tmp_path, key="file_name", column="documents")
    assert sorted(report.results) == ["cell_1_2"]
    assert report.rows_without_cell == ["row_2"]
    assert report.unmatched_keys == ["b.txt"]
    assert [path.name for path in report.unmatched_files] == ["b.txt"]


async def test_two_files_whose_names_differ_in_the_spelling_of_an_accent(
    dataset: Dataset, tmp_path: Path
) -> None:
    """Neither is taken, and both are reported."""
    for name in ("gr\u00f6\u00dfe.txt", "gro\u0308\u00dfe.txt"):
        (tmp_path / name).write_bytes(name.encode())
    if len(os.listdir(tmp_path)) == 1:  # noqa: PTH208 - a test may block
        pytest.skip("this file system takes both for one")
    report = await dataset.upload_folder(tmp_path, key="file_name", column="documents")
    assert report.results == {}
    assert len(report.unmatched_files) == 2
    assert "gr\u00f6\u00dfe.txt" in report.unmatched_keys
