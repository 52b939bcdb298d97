"""Rows by the server's exports and page by page: the same values, or else page by page."""

from __future__ import annotations

import asyncio
import errno
import json
import re
from random import Random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from claro_async import ExportNotUsed, PermissionDeniedError, TransferError
from claro_async.storage.growing import ScratchFile
from claro_async.transfers import export, reading
from claro_async.transport.events import ReplyReceived, RequestSent
from tests.folders import names
from tests.transfers.export_server import ExportServer, plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from claro_async import ClaroClient, Dataset
    from claro_async.emulator import Emulator
    from claro_async.transport.events import Event
    from tests.clocks import ManualClock
    from tests.transfers.export_server import Layout

TYPES = ["string", "text", "number", "float", "integer", "boolean", "date", "json", ""]
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    29,
    29.0,
    0.1,
    1e300,
    2**53 + 1,
    -(2**63),
    2**64,
    "",
    " a ",
    '"quoted", and\\ back\r\n\tslash',
    "größe 😀 \u2028 \u0000",
    "null",
    "29",
    [],
    {},
    [1, [2.0, None, {"a": "},{"}]],
    {"b": 1, "a": {"z": [True], "": None}},
    "x" * 500,
]
COLUMNS = [{"name": f"{kind or 'none'} {n}", "type": kind} for n, kind in enumerate(TYPES)] + [
    {"name": "same", "type": "string"},
    {"name": "same", "type": "number"},
]


def awkward_rows(count: int) -> list[list[Any]]:
    """Rows in which every value stands in every column."""
    random = Random(7)  # noqa: S311 - repeatable, not secret
    every = [[value] * len(COLUMNS) for value in VALUES]
    return every + [random.choices(VALUES, k=len(COLUMNS)) for _ in range(count - len(every))]


@pytest.fixture
def dataset(client: ClaroClient, emulator: Emulator, clock: ManualClock) -> Dataset:
    """A dataset of 2,100 rows with values of every kind in columns of every type."""
    made = emulator.add_dataset("Awkward", COLUMNS, awkward_rows(2100))
    clock.advance(60)
    return client.dataset(made)


@pytest.fixture
def windows_of_500(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the server wrote 500 rows an export, and pages had 100."""
    for module in (export, reading):
        monkeypatch.setattr(module, "MAX_EXPORT_ROWS", 500)
    monkeypatch.setattr(reading, "MAX_PAGE_ROWS", 100)


def table(path: Path) -> pa.Table:
    """The table in a file."""
    if path.suffix == ".arrow":
        with pa.ipc.open_file(path) as file:
            return file.read_all()
    return parquet.read_table(path)


@pytest.mark.parametrize("windows", ["one", "several"])
@pytest.mark.parametrize("on_type_error", ["string", "null"])
@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
async def test_both_ways_give_the_same_table(  # noqa: PLR0913, PLR0917 - the cases
    suffix: str,
    on_type_error: Any,
    windows: str,
    dataset: Dataset,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """Cell by cell and type by type, for every kind of value in a column of every type."""
    if windows == "several":
        request.getfixturevalue("windows_of_500")
    tables = []
    for via in ("rows", "export", "auto"):
        path = tmp_path / f"{via}.{suffix}"
        result = await dataset.export(path, via=via, on_type_error=on_type_error)
        assert (result.rows, result.via) == (2100, "rows" if via == "rows" else "export")
        tables.append(table(path))
    assert tables[0].schema == tables[1].schema == tables[2].schema
    for name in range(tables[0].num_columns):
        columns = [each.column(name).combine_chunks() for each in tables]
        assert columns[0].equals(columns[1])
        assert columns[0].equals(columns[2])


@pytest.mark.usefixtures("windows_of_500")
async def test_both_ways_give_the_same_lines(dataset: Dataset, tmp_path: Path) -> None:
    """JSON lines are the same to the byte, also of chosen columns in another order."""
    for columns in (None, ["col_11", "col_2"]):
        for via in ("rows", "export", "auto"):
            path = tmp_path / f"{via}.jsonl"
            await dataset.export(path, via=via, columns=columns)
        lines = (tmp_path / "rows.jsonl").read_bytes()
        assert lines.count(b"\n") == 2100
        assert (tmp_path / "export.jsonl").read_bytes() == lines
        assert (tmp_path / "auto.jsonl").read_bytes() == lines


@pytest.mark.parametrize(
    ("rows", "pages", "exports", "via"),
    [(0, 1, 0, "rows"), (1000, 1, 0, "rows"), (2000, 2, 0, "rows"), (2001, 1, 1, "export")],
)
async def test_auto_takes_what_needs_fewer_requests(  # noqa: PLR0913, PLR0917 - the cases
    rows: int,
    pages: int,
    exports: int,
    via: str,
    client: ClaroClient,
    emulator: Emulator,
    clock: ManualClock,
    tmp_path: Path,
) -> None:
    """Up to 2,000 rows pages are no dearer; beyond, an export and a page to compare with."""
    made = emulator.add_dataset("d", ["a"], [[f"{n}"] for n in range(rows)])
    clock.advance(60)
    result = await client.dataset(made).export(tmp_path / "out.jsonl")
    assert (result.rows, result.via) == (rows, via)
    assert emulator.ledger.count("getDatasetData") == pages
    assert emulator.ledger.count("exportDataset") == exports
    assert len((tmp_path / "out.jsonl").read_bytes().splitlines()) == rows


async def test_what_only_pages_hold_is_read_from_pages(
    dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """Metadata and ids are not taken from exports, and cannot be asked of them."""
    await dataset.export(tmp_path / "m.parquet", include_metadata=True, on_type_error="string")
    await dataset.export(tmp_path / "i.parquet", cell_ids=True, on_type_error="string")
    assert emulator.ledger.count("exportDataset") == 0
    for wanted in ({"include_metadata": True}, {"cell_ids": True}):
        with pytest.raises(ValueError, match="via='export' has neither ids nor"):
            dataset.export(tmp_path / "x.parquet", via="export", **wanted)  # type: ignore[arg-type]


def test_what_the_server_writes_has_one_way(dataset: Dataset, tmp_path: Path) -> None:
    """CSV, JSON and XLSX are the server's own: neither ids nor pages go into them."""
    for wanted, problem in (
        ({"cell_ids": True}, "cell_ids is for"),
        ({"via": "rows"}, "via='rows"),
    ):
        with pytest.raises(ValueError, match=problem):
            dataset.export(tmp_path / "x.csv", **wanted)
    with pytest.raises(ValueError, match="via must be one of"):
        dataset.export(tmp_path / "x.parquet", via="pages")  # type: ignore[arg-type]


NAMES = [("text", "string"), ("number", "number"), ("other", "json")]
ROWS = [[f"row {n}", None if n % 3 else n / 2, [n, {"b": n, "a": None}]] for n in range(2500)]


def without_nulls(records: list[dict[str, Any]]) -> bytes:
    """Null left out."""
    return plain([{k: v for k, v in each.items() if v is not None} for each in records])


def changed(change: Callable[[dict[str, Any]], Any]) -> Layout:
    """Each record changed."""
    return lambda records: plain([change(each) for each in records])


UNDERSTOOD: dict[str, Layout] = {
    "as one line": plain,
    "indented": lambda records: json.dumps(records, indent=2).encode(),
    "compact, with a mark": lambda records: (
        b"\xef\xbb\xbf" + json.dumps(records, separators=(",", ":"), ensure_ascii=False).encode()
    ),
    "a record a line": lambda records: (
        b"[\n" + b",\n".join(json.dumps(each).encode() for each in records) + b"\n]\n"
    ),
    "names in another order": changed(lambda each: dict(reversed(each.items()))),
    "without nulls": without_nulls,
}
OTHER: dict[str, tuple[Layout, str]] = {
    "an object around": (lambda records: json.dumps({"rows": records}).encode(), "no array"),
    "a line a record": (
        lambda records: b"\n".join(json.dumps(each).encode() for each in records),
        "no array",
    ),
    "arrays": (changed(lambda each: list(each.values())), "no array of objects"),
    "other names": (
        changed(lambda each: {k.upper(): v for k, v in each.items()}),
        "none of the columns",
    ),
    "a column more": (changed(lambda each: {**each, "id": 1}), "unknown field"),
    "values apart": (
        changed(lambda each: {k: {"value": v} for k, v in each.items()}),
        "row 1, column 1: rows hold a text, the export an object",
    ),
    "numbers as text": (
        changed(lambda each: {**each, "number": each["number"] and str(each["number"])}),
        "row 4, column 2: rows hold a number with a fraction, the export a text",
    ),
    "whole numbers": (
        changed(lambda each: {**each, "number": each["number"] and int(each["number"])}),
        "row 4, column 2: rows hold a number with a fraction, the export an integer",
    ),
    "null as empty text": (
        changed(lambda each: {**each, "number": each["number"] or ""}),
        "row 1, column 2: rows hold",
    ),
    "nested values as text": (
        changed(lambda each: {**each, "other": json.dumps(each["other"])}),
        "row 1, column 3: rows hold an array, the export a text",
    ),
    "other rows first": (lambda records: plain(records[::-1]), "row 1, column 1: .* another"),
    "fewer rows": (lambda records: plain(records[:900]), "1,000 rows on their first page"),
    "nothing": (lambda _: b"", "does not end"),
    "cut": (lambda records: plain(records)[:-10], "does not end"),
    "no JSON": (lambda records: plain(records).replace(b"null", b"None"), "not JSON|no array"),
}


@pytest.mark.parametrize("name", UNDERSTOOD)
async def test_layouts_that_are_understood(
    name: str, connect: Callable[..., ClaroClient], events: list[Event], tmp_path: Path
) -> None:
    """However an array of objects is written, it is read, in two requests beside the details."""
    async with ExportServer(NAMES, ROWS, UNDERSTOOD[name]) as server:
        result = await connect(server.base_url).dataset("d").export(tmp_path / "out.jsonl")
        assert server.count(method="POST", part="/export") == 1
        assert server.count(method="GET", part="/data?") == 1
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert [list(json.loads(line).values()) for line in lines] == ROWS
    assert result.via == "export"
    assert not any(isinstance(event, ExportNotUsed) for event in events)


@pytest.mark.parametrize("name", OTHER)
async def test_layouts_that_are_not_trusted(
    name: str, connect: Callable[..., ClaroClient], events: list[Event], tmp_path: Path
) -> None:
    """What does not hold the same as a page is not used: rows are read, and an event says why."""
    layout, reason = OTHER[name]
    async with ExportServer(NAMES, ROWS, layout) as server:
        result = await connect(server.base_url).dataset("d").export(tmp_path / "out.jsonl")
        assert server.count(method="POST", part="/export") == 1
        assert server.count(method="GET", part="/data?") == 1 + 3
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert [list(json.loads(line).values()) for line in lines] == ROWS
    assert (result.via, result.rows) == ("rows", 2500)
    (event,) = [event for event in events if isinstance(event, ExportNotUsed)]
    assert event.dataset_id == "d"
    assert re.search(reason, event.reason)
    assert names(tmp_path) == ["out.jsonl"]


UNREADABLE = [name for name, (_, reason) in OTHER.items() if "row" not in reason]


@pytest.mark.parametrize("name", UNREADABLE)
async def test_exports_that_have_to_be_read(
    name: str, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Asked for exports alone, a layout that is not understood is an error that names the way."""
    async with ExportServer(NAMES, ROWS, OTHER[name][0]) as server:
        with pytest.raises(TransferError, match="via='rows' reads them page by page"):
            await connect(server.base_url).dataset("d").export(tmp_path / "o.jsonl", via="export")
        assert server.count(method="GET", part="/data?") == 0
    assert names(tmp_path) == []


@pytest.mark.usefixtures("windows_of_500")
async def test_a_later_export_of_another_layout(
    connect: Callable[..., ClaroClient], events: list[Event], tmp_path: Path
) -> None:
    """What was written before is thrown away, and the rows are read from the first on."""

    def layout(records: list[dict[str, Any]]) -> bytes:
        more = {"more": 1} if records[0]["text"] == "row 1500" else {}
        return plain([each | more for each in records])

    async with ExportServer(NAMES, ROWS, layout) as server:
        result = await connect(server.base_url).dataset("d").export(tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert [list(json.loads(line).values()) for line in lines] == ROWS
    assert result.via == "rows"
    assert sum(isinstance(event, ExportNotUsed) for event in events) == 1


async def test_a_lone_surrogate_and_a_number_without_end(
    connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """Values that JSON decoders trip over come the same by both ways."""

    def odd(records: list[dict[str, Any]]) -> bytes:
        return plain(records).replace(b'"row 7"', b'"\\ud83d"').replace(b"4.5", b"1e999")

    async with ExportServer(NAMES, ROWS, odd) as server:
        dataset = connect(server.base_url).dataset("d")
        await dataset.export(tmp_path / "export.jsonl", via="export")
    lines = (tmp_path / "export.jsonl").read_text("utf-8").splitlines()
    assert json.loads(lines[7])["text"] == "\N{REPLACEMENT CHARACTER}"
    assert json.loads(lines[9])["number"] == "1e999"
    assert len(lines) == 2500


@pytest.mark.usefixtures("windows_of_500")
async def test_downloads_that_break_off_are_resumed(
    dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """Each export is a download with all its safety, some at once; the table is whole."""
    emulator.faults.add("download", "truncate", probability=0.5, times=20, after_bytes=2000)
    emulator.faults.add("exportDataset", "status", probability=0.3, times=5)
    await dataset.export(tmp_path / "out.parquet", on_type_error="string", max_concurrency=3)
    emulator.faults.clear()
    await dataset.export(tmp_path / "rows.parquet", on_type_error="string", via="rows")
    assert table(tmp_path / "out.parquet").equals(table(tmp_path / "rows.parquet"))


@pytest.mark.usefixtures("windows_of_500")
async def test_an_export_that_is_rejected(
    dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """An error of the server's is raised as it is; the file is as it was, and nothing beside it."""
    (tmp_path / "out.parquet").write_bytes(b"before")
    emulator.faults.add("exportDataset", "status", status=403, after=3)
    with pytest.raises(PermissionDeniedError):
        await dataset.export(tmp_path / "out.parquet", on_type_error="string")
    assert (tmp_path / "out.parquet").read_bytes() == b"before"
    assert names(tmp_path) == ["out.parquet"]


@pytest.mark.usefixtures("windows_of_500")
async def test_cancelled_while_exports_are_under_way(
    connect: Callable[..., ClaroClient], dataset: Dataset, emulator: Emulator, tmp_path: Path
) -> None:
    """A cancellation ends all that is under way, and leaves nothing behind."""
    emulator.faults.add("download", "stall", after=2)
    came = asyncio.Event()

    def see(event: Event) -> None:
        if isinstance(event, RequestSent) and event.operation == "download":
            seen.append(event)
            if len(seen) == 4:
                came.set()

    seen: list[Event] = []
    other = connect(emulator.base_url, on_event=see).dataset(dataset.dataset_id)
    running = asyncio.ensure_future(
        other.export(tmp_path / "out.parquet", on_type_error="string", max_concurrency=3)
    )
    await came.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert names(tmp_path) == []


async def test_a_full_disk(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where an export cannot be kept, that is the error, and nothing is left."""

    async def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ScratchFile, "write", full)
    with pytest.raises(OSError, match="No space left"):
        await dataset.export(tmp_path / "out.jsonl")
    assert names(tmp_path) == []


@pytest.mark.usefixtures("windows_of_500")
@pytest.mark.parametrize("on_change", ["raise", "restart", "ignore"])
async def test_a_change_between_two_exports(
    on_change: Any,
    connect: Callable[..., ClaroClient],
    dataset: Dataset,
    emulator: Emulator,
    tmp_path: Path,
) -> None:
    """A dataset that is edited meanwhile is an error, read anew, or taken as it comes."""
    edits = 0

    def edit(event: Event) -> None:
        nonlocal edits
        if isinstance(event, ReplyReceived) and event.operation == "download" and not edits:
            edits = 1
            world = emulator._live().world
            found = world.datasets.find(dataset.dataset_id)
            world.datasets.update_column(found, world.datasets.columns(found)[0])

    other = connect(emulator.base_url, on_event=edit).dataset(dataset.dataset_id)
    call = other.export(tmp_path / "out.jsonl", via="export", on_change=on_change)
    if on_change == "raise":
        with pytest.raises(TransferError, match="changed while it was exported"):
            await call
        assert names(tmp_path) == []
    else:
        result = await call
        assert result.rows == 2100
        assert emulator.ledger.count("exportDataset") == (10 if on_change == "restart" else 5)


async def test_progress_of_rows_from_exports(dataset: Dataset, tmp_path: Path) -> None:
    """Rows are counted as they are written; what the callback raises stops it."""
    seen: list[tuple[int, int | None]] = []
    await dataset.export(
        tmp_path / "out.jsonl", via="export", on_progress=lambda p: seen.append((p.done, p.total))
    )
    assert seen[-1] == (2100, 2100)
    assert seen == sorted(seen)

    def fail(_: object) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await dataset.export(tmp_path / "no.jsonl", via="export", on_progress=fail)
    assert names(tmp_path) == ["out.jsonl"]


async def test_ids_of_rows_and_cells(dataset: Dataset, emulator: Emulator, tmp_path: Path) -> None:
    """With `cell_ids`, a file has what edits need: each row's id and each cell's."""
    await dataset.export(tmp_path / "out.parquet", cell_ids=True, on_type_error="string")
    found = table(tmp_path / "out.parquet")
    assert found.column_names[:3] == ["row_id", "string 0", "string 0.cell_id"]
    assert found.column_names[-4:] == ["col_10", "col_10.cell_id", "col_11", "col_11.cell_id"]
    ids = [found.column(name).to_pylist() for name in found.column_names if "cell_id" in name]
    assert [each for row in zip(*ids, strict=True) for each in row] == emulator.cell_ids(
        dataset.dataset_id
    )
    whole = await dataset.to_arrow(cell_ids=True, on_type_error="string")
    assert whole.combine_chunks().equals(found.combine_chunks())


async def test_names_that_are_taken(client: ClaroClient, emulator: Emulator) -> None:
    """A column that is called like one of ids stays, and the ids get another name."""
    made = emulator.add_dataset("d", ["row_id", "a", "a.cell_id"], [["x", "y", "z"]])
    found = await client.dataset(made).to_arrow(cell_ids=True)
    assert found.column_names == [
        *("row_id_", "row_id", "row_id.cell_id"),
        *("a", "a.cell_id_", "a.cell_id", "a.cell_id.cell_id"),
    ]
    assert found.column("row_id").to_pylist() == ["x"]
