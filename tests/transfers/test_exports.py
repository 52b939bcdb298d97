"""Exports of whole datasets, to any format and of any number of rows."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any

import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet

from claro_async import ProcessingInProgressError, TransferError
from claro_async.emulator import NewCell, validation
from claro_async.transfers import arrowfiles, export, reading
from claro_async.transport.events import Event, ReplyReceived
from tests.folders import names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from claro_async import ClaroClient, Dataset
    from claro_async.emulator import Emulator
    from claro_async.options import FileFormatName
    from tests.clocks import ManualClock

COLUMNS = [
    {"name": "text", "type": "string"},
    {"name": "number", "type": "number"},
    {"name": "same", "type": "string"},
    {"name": "same", "type": "whatever"},
]
AWKWARD = ["plain", None, "", 'say "hi"', "a,b", "two\nlines", "cr\r\nlf", "007", "1e5", "größe 😀"]


def row(number: int) -> list[Any]:
    """A row whose values are hard on exporters."""
    return [
        AWKWARD[number % len(AWKWARD)],
        None if number % 7 == 0 else number / 4,
        f"{number}",
        [number, {"half": None}] if number % 3 else None,
    ]


@pytest.fixture
def dataset_id(emulator: Emulator, clock: ManualClock) -> str:
    """A dataset of 2,345 rows that was last changed a minute ago."""
    made = emulator.add_dataset("Awkward / things", COLUMNS, map(row, range(2345)))
    clock.advance(60)
    return made


@pytest.fixture
def dataset(client: ClaroClient, dataset_id: str) -> Dataset:
    """Its handle."""
    return client.dataset(dataset_id)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the server wrote 300 rows an export, and row groups had 1,000 rows."""
    for module in (export, reading):
        monkeypatch.setattr(module, "MAX_EXPORT_ROWS", 300)
    monkeypatch.setattr(arrowfiles, "_GROUP_ROWS", 1000)


def as_csv(value: Any) -> str:
    """What a value is in a CSV file."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def read_csv(path: Path) -> list[list[str]]:
    """The records of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("max_concurrency", [1, 3])
async def test_csv_of_many_chunks(
    max_concurrency: int, dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """One header, all rows in order, and no more exports at once than allowed."""
    seen: list[tuple[int, int | None]] = []
    result = await dataset.export(
        tmp_path / "out.csv",
        max_concurrency=max_concurrency,
        on_progress=lambda progress: seen.append((progress.done, progress.total)),
    )
    header, *records = read_csv(tmp_path / "out.csv")
    assert header == ["text", "number", "same (col_3)", "same (col_4)"]
    assert records == [[as_csv(value) for value in row(n)] for n in range(2345)]
    assert (result.rows, result.format, result.size) == (
        2345,
        "csv",
        (tmp_path / "out.csv").stat().st_size,
    )
    assert seen[-1] == (2345, 2345)
    assert emulator.ledger.count("exportDataset") == 8
    assert names(tmp_path) == ["out.csv"]


@pytest.mark.usefixtures("small_chunks")
async def test_json_of_many_chunks(dataset: Dataset, tmp_path: Path) -> None:
    """One array with every row as the API has it."""
    await dataset.export(tmp_path / "out.json")
    with (tmp_path / "out.json").open(encoding="utf-8") as file:
        assert [list(record.values()) for record in json.load(file)] == list(map(row, range(2345)))


@pytest.mark.usefixtures("small_chunks")
async def test_chunks_that_break_off_are_resumed(
    dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """Each chunk is a download with all its safety."""
    emulator.faults.add("download", "truncate", probability=0.5, times=20, after_bytes=2000)
    emulator.faults.add("exportDataset", "status", probability=0.3, times=5)
    await dataset.export(tmp_path / "out.csv")
    assert len(read_csv(tmp_path / "out.csv")) == 2346


@pytest.mark.usefixtures("small_chunks")
async def test_a_chunk_that_cannot_be_had(
    dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """One bad chunk ends the export; the older file and nothing else is there."""
    (tmp_path / "out.csv").write_text("before")
    emulator.faults.add("download", "wrong_length", after=4)
    with pytest.raises(TransferError, match="announces"):
        await dataset.export(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "before"
    assert names(tmp_path) == ["out.csv"]


async def test_xlsx(dataset: Dataset, tmp_path: Path) -> None:
    """A workbook comes as the server writes it."""
    await dataset.export(tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx", read_only=True)
    assert len(list(book.worksheets[0].iter_rows())) == 2346
    book.close()


@pytest.mark.usefixtures("small_chunks")
async def test_xlsx_of_too_many_rows_says_why(dataset: Dataset, tmp_path: Path) -> None:
    """Workbooks are not joined, and the error names what to choose."""
    with pytest.raises(TransferError, match="choose csv or parquet"):
        await dataset.export(tmp_path / "out.xlsx")
    assert names(tmp_path) == []


async def test_jsonl(dataset: Dataset, tmp_path: Path) -> None:
    """A line is a row, with the values as they are; equal names have their column's id."""
    result = await dataset.export(tmp_path / "out.jsonl")
    with (tmp_path / "out.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    assert list(rows[0]) == ["text", "number", "col_3", "col_4"]
    assert [list(record.values()) for record in rows] == list(map(row, range(2345)))
    assert result.rows == 2345


def read_arrow(path: Path) -> pa.Table:
    """An Arrow or Parquet file as a table."""
    if path.suffix == ".parquet":
        return parquet.read_table(path)
    with pa.ipc.open_file(path) as file:
        return file.read_all()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
async def test_arrow_and_parquet(suffix: str, dataset: Dataset, tmp_path: Path) -> None:
    """The schema comes from the columns' types, and the values are those of the rows."""
    path = tmp_path / f"out.{suffix}"
    await dataset.export(path)
    table = read_arrow(path)
    assert [str(field.type) for field in table.schema] == ["string", "double", "string", "string"]
    wanted = [[*row(n)[:3], None if row(n)[3] is None else as_csv(row(n)[3])] for n in range(2345)]
    assert [list(record.values()) for record in table.to_pylist()] == wanted
    assert names(tmp_path) == [path.name]


MIXED = [{"name": "text", "type": "text"}, {"name": "number", "type": "number"}]


def mixed(number: int) -> list[Any]:
    """A row that fits its types but for one, late in the dataset."""
    return [f"{number}", number if number != 2100 else "n/a"]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
async def test_a_value_that_does_not_fit(
    suffix: str, emulator: Emulator, client: ClaroClient, tmp_path: Path
) -> None:
    """It ends the export, or becomes null, or turns its whole column into text."""
    dataset = client.dataset(emulator.add_dataset("mixed", MIXED, map(mixed, range(2345))))
    path = tmp_path / f"out.{suffix}"
    with pytest.raises(TransferError, match=r"'number' has the type 'number'.*str 'n/a'"):
        await dataset.export(path)
    assert names(tmp_path) == []
    await dataset.export(path, on_type_error="null")
    values = read_arrow(path)["number"].to_pylist()
    assert values == [None if n == 2100 else float(n) for n in range(2345)]
    await dataset.export(path, on_type_error="string")
    table = read_arrow(path)
    assert str(table.schema.field("number").type) == "string"
    assert table["number"].to_pylist() == [str(mixed(n)[1]) for n in range(2345)]
    assert names(tmp_path) == [path.name]


async def test_metadata_as_further_columns(
    emulator: Emulator, client: ClaroClient, tmp_path: Path
) -> None:
    """Confidence, source document and all of the metadata stand beside their column."""
    metadata = {"confidence": 0.5, "sourceDocument": "d.pdf", "page": 1}
    made = emulator.add_dataset(
        "metadata",
        [{"name": "a", "type": "string"}, {"name": "a.metadata", "type": "string"}],
        [[NewCell("x", metadata), "own"], ["y", None]],
    )
    dataset = client.dataset(made)
    await dataset.export(tmp_path / "out.parquet", include_metadata=True)
    await dataset.export(tmp_path / "out.jsonl", include_metadata=True)
    table = await dataset.to_arrow(include_metadata=True)
    assert table.to_pylist() == parquet.read_table(tmp_path / "out.parquet").to_pylist()
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert first["a"] == "x"
    assert first["a.confidence"] == 0.5
    assert first["a.sourceDocument"] == "d.pdf"
    assert first["a.metadata"] == "own"
    assert json.loads(first["a.metadata_"]) == metadata


async def test_columns_are_chosen_by_id(dataset: Dataset, tmp_path: Path) -> None:
    """Every format writes the columns asked for, in that order."""
    for suffix in ("csv", "jsonl", "parquet"):
        await dataset.export(tmp_path / f"out.{suffix}", columns=["col_3", "col_1"])
    assert read_csv(tmp_path / "out.csv")[4] == ["3", 'say "hi"']
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[3]) == {"same": "3", "text": 'say "hi"'}
    assert parquet.read_table(tmp_path / "out.parquet").column_names == ["same", "text"]


@pytest.mark.parametrize("format", ["csv", "json", "jsonl", "parquet", "arrow"])
async def test_an_empty_dataset(
    format: FileFormatName,  # noqa: A002 - as the argument is called
    emulator: Emulator,
    client: ClaroClient,
    tmp_path: Path,
) -> None:
    """No rows are a file, too, with the columns where the format has any."""
    dataset = client.dataset(emulator.add_dataset("empty", MIXED))
    result = await dataset.export(tmp_path / "out", format=format)
    assert result.rows == 0
    content = (tmp_path / "out").read_bytes()
    if format == "csv":
        assert content == b"text,number\r\n"
    elif format == "json":
        assert json.loads(content) == []
    elif format == "jsonl":
        assert content == b""
    elif format == "parquet":
        assert parquet.read_table(tmp_path / "out").column_names == ["text", "number"]
    else:
        with pa.ipc.open_file(tmp_path / "out") as file:
            table = file.read_all()
        assert (table.column_names, table.num_rows) == (["text", "number"], 0)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
async def test_a_stream_and_a_file_object_get_the_same_bytes(
    format: FileFormatName,  # noqa: A002 - as the argument is called
    dataset: Dataset,
    tmp_path: Path,
) -> None:
    """Without a path the export is made in a temporary place and handed on."""
    await dataset.export(tmp_path / "out", format=format)
    buffer = io.BytesIO()
    result = await dataset.export(buffer, format=format)
    streamed = b"".join([chunk async for chunk in dataset.export(format=format).stream()])
    assert buffer.getvalue() == streamed == (tmp_path / "out").read_bytes()
    assert (result.path, result.size) == (None, len(streamed))


async def test_one_chunk_is_streamed_as_it_comes(dataset: Dataset) -> None:
    """A single export needs no temporary place."""
    chunks = [chunk async for chunk in dataset.export(format="csv").stream()]
    assert len(list(csv.reader(io.StringIO(b"".join(chunks).decode(), newline="")))) == 2346


async def test_a_folder_gets_a_file_named_after_the_dataset(
    dataset: Dataset, tmp_path: Path
) -> None:
    """The name is made fit for a file, and never leaves the folder."""
    result = await dataset.export(tmp_path, format="jsonl")
    assert result.path == tmp_path / "things.jsonl"


class Meddler:
    """Changes a dataset while it is exported: after a reply to a chosen operation."""

    def __init__(self, emulator: Emulator, clock: ManualClock, operation: str, times: int) -> None:
        self.emulator = emulator
        self.clock = clock
        self.operation = operation
        self.times = times
        self.dataset_id = ""

    def __call__(self, event: Event) -> None:
        """Change the first cell."""
        if isinstance(event, ReplyReceived) and event.operation == self.operation and self.times:
            self.times -= 1
            self.clock.advance(5)
            world = self.emulator._live().world
            world.datasets.write_value(self.dataset_id, "cell_1_1", f'"edited {self.times}"')
            self.clock.advance(5)


@pytest.fixture
def meddling(
    emulator: Emulator,
    connect: Callable[..., ClaroClient],
    dataset_id: str,
    clock: ManualClock,
) -> Callable[[str, int], Dataset]:
    """Makes the dataset's handle in a client during whose calls somebody else edits it."""

    def make(operation: str, times: int) -> Dataset:
        meddler = Meddler(emulator, clock, operation, times)
        meddler.dataset_id = dataset_id
        return connect(emulator.base_url, on_event=meddler).dataset(dataset_id)

    return make


CHANGES = pytest.mark.parametrize(
    ("format", "operation"),
    [("csv", "exportDataset"), ("json", "download"), ("jsonl", "getDatasetData")],
)


@CHANGES
@pytest.mark.usefixtures("small_chunks")
async def test_a_change_is_told(
    format: FileFormatName,  # noqa: A002 - as the argument is called
    operation: str,
    meddling: Callable[[str, int], Dataset],
    tmp_path: Path,
) -> None:
    """Parts of two states of a dataset are no export; nothing is left of them."""
    with pytest.raises(TransferError, match="changed while it was exported"):
        await meddling(operation, 1).export(tmp_path / "out", format=format)
    assert names(tmp_path) == []


@CHANGES
@pytest.mark.usefixtures("small_chunks")
async def test_a_change_can_lead_to_another_try(
    format: FileFormatName,  # noqa: A002 - as the argument is called
    operation: str,
    meddling: Callable[[str, int], Dataset],
    tmp_path: Path,
) -> None:
    """With `restart` the file is that of the second try, whole."""
    dataset = meddling(operation, 1)
    await dataset.export(tmp_path / "out", format=format, on_change="restart")
    again = b"".join([chunk async for chunk in dataset.export(format=format).stream()])
    content = (tmp_path / "out").read_bytes()
    assert content == again
    assert b"edited 0" in content


@CHANGES
@pytest.mark.usefixtures("small_chunks")
async def test_tries_come_to_an_end(
    format: FileFormatName,  # noqa: A002 - as the argument is called
    operation: str,
    meddling: Callable[[str, int], Dataset],
    tmp_path: Path,
) -> None:
    """A dataset that is never still cannot be exported as one state."""
    with pytest.raises(TransferError, match="each of 3 tries"):
        await meddling(operation, 999).export(tmp_path / "o", format=format, on_change="restart")
    assert names(tmp_path) == []


@CHANGES
@pytest.mark.usefixtures("small_chunks")
async def test_a_change_can_be_accepted(
    format: FileFormatName,  # noqa: A002 - as the argument is called
    operation: str,
    meddling: Callable[[str, int], Dataset],
    tmp_path: Path,
) -> None:
    """With `ignore` the parts are joined as they came."""
    result = await meddling(operation, 999).export(
        tmp_path / "out", format=format, on_change="ignore"
    )
    assert result.rows == 2345


@pytest.mark.usefixtures("small_chunks")
async def test_a_renamed_column_between_chunks(
    dataset: Dataset, emulator: Emulator, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """A chunk with another header is noticed even where changes are accepted."""

    def rename(event: Event) -> None:
        if isinstance(event, ReplyReceived) and event.operation == "download":
            world = emulator._live().world
            found = world.datasets.find(dataset.dataset_id)
            column = world.datasets.columns(found)[0]._replace(name="renamed")
            world.datasets.update_column(found, column)

    other = connect(emulator.base_url, on_event=rename).dataset(dataset.dataset_id)
    with pytest.raises(TransferError, match="columns are others"):
        await other.export(tmp_path / "out.csv", on_change="ignore", max_concurrency=1)


async def test_a_fresh_change_is_waited_out(
    emulator: Emulator, client: ClaroClient, clock: ManualClock, tmp_path: Path
) -> None:
    """`updatedAt` counts seconds: an export begins when the next change would show."""
    dataset = client.dataset(emulator.add_dataset("fresh", COLUMNS, map(row, range(1500))))
    await dataset.export(tmp_path / "out.jsonl")
    assert any(1 <= seconds <= 2 for seconds in clock.slept)


async def test_a_dataset_in_processing(
    dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """The server's rejection is passed on as it is."""
    emulator.set_processing(dataset.dataset_id)
    with pytest.raises(ProcessingInProgressError):
        await dataset.export(tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"target": "out.txt"}, ValueError),
        ({"target": "out.csv", "format": "yaml"}, ValueError),
        ({"target": "no/such/folder/out.csv"}, FileNotFoundError),
        ({"target": "out.csv", "on_change": "maybe"}, ValueError),
        ({"target": "out.csv", "on_type_error": "maybe"}, ValueError),
        ({"target": "out.csv", "max_concurrency": 0}, ValueError),
        ({"target": "out.csv", "columns": []}, ValueError),
        ({"target": "out.csv", "columns": "col_1"}, TypeError),
        ({"format": "csv"}, TypeError),
    ],
)
async def test_arguments_are_checked_before_anything_is_sent(
    arguments: dict[str, Any], error: type[Exception], dataset: Dataset, emulator: Emulator
) -> None:
    """What cannot work is refused without a request."""
    with pytest.raises(error):
        await dataset.export(**arguments)
    assert emulator.ledger.requests == []


async def test_cancelling_an_export_leaves_nothing(
    dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """Chunks, part files and requests end with the task."""
    emulator.faults.add("getDatasetData", "stall", after=1)
    begun = asyncio.Event()
    task = asyncio.create_task(
        dataset.export(tmp_path / "out.parquet", on_progress=lambda *_: begun.set())
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(tmp_path) == []
    emulator.faults.clear()


def cap_exports(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Make a server write fewer rows to an export than it was asked for."""
    read = validation.integer_field

    def capped(body: Any, name: str, **limits: Any) -> Any:
        value = read(body, name, **limits)
        return min(value, most) if name == "rowCount" else value

    monkeypatch.setattr("claro_async.emulator.exporting.integer_field", capped)


@pytest.mark.parametrize("chunks", ["one", "several"])
@pytest.mark.parametrize("how", ["path", "stream"])
@pytest.mark.parametrize("format", ["csv", "json"])
async def test_a_server_that_writes_fewer_rows(  # noqa: PLR0913, PLR0917 - what the test needs
    format: FileFormatName,  # noqa: A002 - as the argument is called
    how: str,
    chunks: str,
    dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Rows that are missing are noticed, for one chunk as for several, in whatever format."""
    cap_exports(monkeypatch, 200)
    if chunks == "several":
        for module in (export, reading):
            monkeypatch.setattr(module, "MAX_EXPORT_ROWS", 300)

    async def take(export: Any) -> None:
        async for _ in export.stream():
            pass

    work: Any
    if how == "path":
        work = dataset.export(tmp_path / "out", format=format)
    else:
        work = take(dataset.export(format=format))
    with pytest.raises(TransferError, match=r"wrote 200 of 2,345|300 rows came with 200"):
        await work
    assert names(tmp_path) == []


@pytest.mark.parametrize("format", ["csv", "json", "jsonl", "parquet"])
async def test_the_rows_of_a_result_are_those_that_were_written(
    format: FileFormatName,  # noqa: A002 - as the argument is called
    meddling: Callable[[str, int], Dataset],
    emulator: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A dataset that shrinks before its only chunk is written is whole, and counted as written."""
    made = emulator.add_dataset("d", COLUMNS, map(row, range(40)))
    dataset = meddling("", 0)
    dataset = type(dataset)(dataset._core, made)
    get, seen = dataset.get, []

    async def one_row_more() -> Any:
        details = await get()
        seen.append(details.row_count)
        if len(seen) == 1:
            object.__setattr__(details, "row_count", 41)
        return details

    monkeypatch.setattr(dataset, "get", one_row_more)
    result = await dataset.export(tmp_path / "out", format=format)
    assert result.rows == 40


async def test_a_small_dataset_that_grows_beyond_a_page(
    emulator: Emulator, client: ClaroClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What was to fit into one page and takes two is no state by itself."""
    dataset = client.dataset(emulator.add_dataset("d", COLUMNS, map(row, range(1200))))
    get, seen = dataset.get, []

    async def smaller_at_first() -> Any:
        details = await get()
        seen.append(details.row_count)
        if len(seen) == 1:
            object.__setattr__(details, "row_count", 900)
        return details

    monkeypatch.setattr(dataset, "get", smaller_at_first)
    with pytest.raises(TransferError, match="900 rows became 1,200"):
        await dataset.export(tmp_path / "out.jsonl")
    seen.clear()
    result = await dataset.export(tmp_path / "out.jsonl", on_change="restart")
    assert result.rows == 1200
    assert names(tmp_path) == ["out.jsonl"]


@pytest.mark.parametrize("place", ["run:1.parquet", "s3:folder/x.parquet", "run:1.arrow"])
async def test_paths_with_a_colon(
    place: str, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path is not taken for a URI, nor is its folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    result = await dataset.export(place, on_type_error="string")
    assert result.rows == 2345
    assert (tmp_path / place).stat().st_size == result.size


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
async def test_cancelling_while_a_thread_writes_rows(
    suffix: str, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is closed only when the thread that writes to it has ended."""
    begun, go_on = threading.Event(), threading.Event()
    add, closed = arrowfiles.ArrowFile._add, []

    def slowly(self: Any, page: Any) -> None:
        add(self, page)
        self._write_group()
        begun.set()
        go_on.wait(10)
        closed.append(self._writer is None)

    monkeypatch.setattr(arrowfiles.ArrowFile, "_add", slowly)
    task = asyncio.create_task(dataset.export(tmp_path / f"out.{suffix}"))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == [False]
    assert names(tmp_path) == []


async def test_what_a_callback_raises_ends_an_export(dataset: Dataset, tmp_path: Path) -> None:
    """It is raised as it is, and nothing is left."""

    def fail(_: object) -> None:
        raise LookupError("mine")

    for suffix in ("csv", "jsonl", "parquet"):
        with pytest.raises(LookupError, match="mine"):
            await dataset.export(tmp_path / f"out.{suffix}", on_progress=fail)
    assert names(tmp_path) == []


@pytest.mark.slow
async def test_a_quarter_of_a_million_rows(
    emulator: Emulator, client: ClaroClient, clock: ManualClock, tmp_path: Path
) -> None:
    """CSV and Parquet of 250,000 rows equal the row stream, cell by cell."""
    made = emulator.add_dataset("large", COLUMNS, map(row, range(250_000)))
    clock.advance(60)
    dataset = client.dataset(made)
    await dataset.export(tmp_path / "out.csv")
    await dataset.export(tmp_path / "out.parquet")
    table = parquet.ParquetFile(tmp_path / "out.parquet")
    records = (record for batch in table.iter_batches() for record in batch.to_pylist())
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        assert next(lines) == ["text", "number", "same (col_3)", "same (col_4)"]
        rows = 0
        async for page in dataset.rows().pages():
            for found, record, line in zip_longest(
                page, islice(records, 1000), islice(lines, 1000)
            ):
                values = list(found.values())
                assert [as_csv(value) for value in values] == line
                values[3] = None if values[3] is None else as_csv(values[3])
                assert values == list(record.values())
                rows += 1
        assert rows == 250_000
        assert next(lines, None) is None
    assert next(records, None) is None
    assert emulator.ledger.count("exportDataset") == 3
    table.close()
