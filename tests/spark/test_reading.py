"""What the driver and the tasks of a read do, in this process: both ways, and what may go wrong."""

from __future__ import annotations

import asyncio
import pickle
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

pytest.importorskip("pyspark", reason="the extra [spark] is not installed")

from pyspark.sql.pandas.types import to_arrow_schema

from claro_async.connectors.spark.planning import PagesPart, WindowPart
from claro_async.connectors.spark.source import ClaroDataSource
from claro_async.errors import ConfigurationError, TransferError
from tests.spark.conftest import KEY
from tests.transfers.export_server import ExportServer, plain
from tests.transfers.test_via import COLUMNS, awkward_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyspark.sql.datasource import InputPartition

    from claro_async.emulator import Emulator

DISTINCT = [each["name"] for each in COLUMNS if each["name"] != "same"]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARO_API_KEY", KEY)


class Read:
    """A read as Spark carries it out: planned at once, its parts read when it likes.

    Attributes:
        parts: The parts.
        schema: The schema that batches must have.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        source = ClaroDataSource(dict(options))
        schema = source.schema()
        self._reader = source.reader(schema)
        self.schema = to_arrow_schema(schema, timezone="UTC")
        self.parts: Sequence[InputPartition] = self._reader.partitions()

    def table(self, parts: Sequence[InputPartition] | None = None) -> pa.Table:
        """The rows of some parts, or of all, in copies as tasks have them."""
        reader, copies = pickle.loads(  # noqa: S301 - our own
            pickle.dumps((self._reader, self.parts if parts is None else parts))
        )
        batches = [batch for part in copies for batch in reader.read(part)]
        assert all(batch.schema == self.schema for batch in batches)
        return pa.Table.from_batches(batches, self.schema)


def options(emulator: Emulator, dataset: str, **more: str) -> dict[str, str]:
    """What every read is given."""
    return {"dataset": dataset, "baseUrl": emulator.base_url, **more}


def is_by_exports(read: Read) -> bool:
    """Whether all parts are exports; else all are pages."""
    kinds = {type(part) for part in read.parts}
    assert len(kinds) == 1
    return kinds == {WindowPart}


def operations(emulator: Emulator) -> Counter[str | None]:
    """How many requests of each kind arrived."""
    return Counter(each.operation for each in emulator.ledger.requests)


@pytest.mark.parametrize("rows", ["1000", "2000", None])
@pytest.mark.parametrize("policy", ["null", "string"])
def test_both_ways_give_the_same_values(emulator: Emulator, policy: str, rows: str | None) -> None:
    """Cell by cell, for every kind of value in a column of every type, in any number of parts."""
    dataset = emulator.add_dataset("Awkward", COLUMNS, awkward_rows(3300))
    given = options(emulator, dataset, columns=",".join(DISTINCT), onTypeError=policy)
    given |= {"windowRows": rows} if rows else {}
    pages, exports = (Read({**given, "via": via}) for via in ("pages", "export"))
    assert (is_by_exports(pages), is_by_exports(exports)) == (False, True)
    assert exports.schema == pages.schema
    found, expected = exports.table(), pages.table()
    assert found.num_rows == 3300
    for name in DISTINCT:
        column = found.column(name).combine_chunks()
        assert column.equals(expected.column(name).combine_chunks()), name
    assert any(found.column(name).null_count < 3300 for name in DISTINCT)


def test_chosen_columns_come_in_the_order_asked_for(emulator: Emulator) -> None:
    """Both ways, also where a name has a comma, and nothing else is asked of the server."""
    names = ["a", "b, c", "d"]
    dataset = emulator.add_dataset("d", names, ([f"{at}"] * 3 for at in range(3000)))
    for via in ("pages", "export"):
        read = Read(options(emulator, dataset, via=via, columns='["d", "b, c"]'))
        table = read.table()
        assert table.column_names == ["d", "b, c"]
        assert table.column("b, c").to_pylist() == [f"{at}" for at in range(3000)]
    bodies = [e for e in emulator.ledger.requests if e.operation == "exportDataset"]
    assert len(bodies) == 2


@pytest.mark.parametrize(
    ("rows", "more", "is_export", "requests"),
    [
        (0, {}, False, 2 + 1),
        (1000, {}, False, 2 + 1),
        (2000, {}, False, 2 + 2),
        (2001, {}, True, 2 + 1 + 1),  # one to compare, and one export
        (20_000, {}, True, 2 + 1 + 1),
        (20_000, {"windowRows": "10000"}, True, 2 + 1 + 2 * 2),  # each with a look at the total
        (20_000, {"windowRows": "1000"}, False, 2 + 20),  # exports would be 41
        (20_000, {"windowRows": "1000", "via": "export"}, True, 2 + 1 + 2 * 20),
        (20_000, {"via": "pages"}, False, 2 + 20),
        (20_000, {"metadata": "true"}, False, 2 + 20),
        (20_000, {"cellIds": "true"}, False, 2 + 20),
        (500, {"via": "export"}, True, 2 + 1 + 1),
        (0, {"via": "export"}, False, 2 + 1),
    ],
)
def test_auto_takes_what_needs_fewer_requests(
    emulator: Emulator, rows: int, more: dict[str, str], requests: int, *, is_export: bool
) -> None:
    """A request for the schema, one to plan by, one to compare where exports are read, the rest."""
    dataset = emulator.add_dataset("d", ["a"], ([f"{at}"] for at in range(rows)))
    read = Read(options(emulator, dataset, **more))
    table = read.table()
    assert is_by_exports(read) == is_export
    assert table.column("a").to_pylist() == [f"{at}" for at in range(rows)]
    assert sum(operations(emulator).values()) - operations(emulator)["download"] == requests


def test_what_only_pages_have(emulator: Emulator) -> None:
    """Ids of cells and what their metadata say follow each column, under names of their own."""
    columns = ["Name", "name_Cell_ID", "b"]
    dataset = emulator.add_dataset("d", columns, [["x", "y", "z"]])
    read = Read(options(emulator, dataset, cellIds="true", metadata="true"))
    row = read.table().to_pylist()[0]
    assert [name for name in row if name.startswith("b")] == [
        *("b", "b_cell_id", "b_confidence", "b_source_document", "b_metadata"),
    ]
    assert row["Name_cell_id_"] == "cell_1_1"  # a column has the other name
    assert row["b_cell_id"] == "cell_1_3"
    assert len({name.lower() for name in row}) == 15


def test_memory_is_that_of_a_block(emulator: Emulator) -> None:
    """Of an export of 30,000 rows no batch holds more than a block of the file."""
    dataset = emulator.add_dataset("d", ["a"], (["x" * 50] for at in range(30_000)))
    table = Read(options(emulator, dataset, via="export")).table()
    sizes = [len(chunk) for chunk in table.column("a").chunks]
    assert sum(sizes) == 30_000
    assert max(sizes) < 3000


NAMES = [("text", "string"), ("number", "number")]
ROWS = [[f"row {at}", at / 2] for at in range(3500)]


def served(server: ExportServer, **more: str) -> dict[str, str]:
    """What a read of the server's dataset is given."""
    return {"dataset": "d", "baseUrl": server.base_url, **more}


DIFFERENT: dict[str, Callable[[list[dict[str, Any]]], bytes]] = {
    "other values": lambda rows: plain([{**each, "number": 1} for each in rows]),
    "numbers as texts": lambda rows: plain([{**e, "number": str(e["number"])} for e in rows]),
    "other names": lambda rows: plain([{"a": e["text"], "b": e["number"]} for e in rows]),
    "a further column": lambda rows: plain([{**each, "id": 1} for each in rows]),
    "an object around": lambda rows: b'{"rows": %b}' % plain(rows),
    "another order": lambda rows: plain(rows[::-1]),
    "a row less": lambda rows: plain(rows[1:]),
    "a row more": lambda rows: plain([*rows, rows[-1]]),
    "no JSON": lambda _: b"text,number\n",
}


@pytest.mark.parametrize("via", ["auto", "export"])
@pytest.mark.parametrize("layout", DIFFERENT)
async def test_where_exports_differ_pages_are_read(layout: str, via: str) -> None:
    """The driver sees it from a page and a small export, says why, and tasks read pages."""
    async with ExportServer(NAMES, ROWS, DIFFERENT[layout]) as server:
        with pytest.warns(RuntimeWarning, match="dataset d is read page by page"):
            read = await asyncio.to_thread(Read, served(server, via=via))
        assert not is_by_exports(read)
        table = await asyncio.to_thread(read.table)
        assert server.count(method="POST", part="/export") == 1
    assert table.to_pylist() == [dict(zip(("text", "number"), row, strict=True)) for row in ROWS]


async def test_an_export_that_differs_later(recwarn: pytest.WarningsRecorder) -> None:
    """A window that is laid out otherwise than the first rows ends the read, with the way out."""

    def layout(rows: list[dict[str, Any]]) -> bytes:
        return plain(rows) if len(rows) == 1000 else plain([{**each, "new": 1} for each in rows])

    async with ExportServer(NAMES, ROWS, layout) as server:
        read = await asyncio.to_thread(Read, served(server, via="export"))
        assert is_by_exports(read)
        with pytest.raises(TransferError, match=r"another way than the first.*option via=pages"):
            await asyncio.to_thread(read.table)
    assert not [each for each in recwarn if each.category is RuntimeWarning]


@pytest.mark.parametrize("change", [1, -1, -600])
@pytest.mark.parametrize("via", ["pages", "export"])
@pytest.mark.parametrize("rows", ["1000", "2000", "10000"])
async def test_a_total_that_changes_fails_the_read_by_name(
    rows: str, via: str, change: int
) -> None:
    """Whichever part is read after the change, and whatever way, the dataset is named."""
    for at in range(-(-3500 // int(rows))):
        async with ExportServer(NAMES, list(ROWS), plain) as server:
            read = await asyncio.to_thread(Read, served(server, via=via, windowRows=rows))
            for part in read.parts[:at]:
                await asyncio.to_thread(read.table, [part])
            server.rows = [*ROWS, ["new", 0]] if change > 0 else ROWS[:change]
            with pytest.raises(TransferError, match="dataset d had 3500 rows when the read was"):
                await asyncio.to_thread(read.table, read.parts[at:])


async def test_a_change_before_the_last_look_is_seen_by_it() -> None:
    """A row that goes while the last export is fetched, when all others were, is seen."""
    async with ExportServer(NAMES, list(ROWS), plain) as server:
        read = await asyncio.to_thread(Read, served(server, via="export", windowRows="2000"))
        await asyncio.to_thread(read.table, read.parts[:1])

        def shrinking(rows: list[dict[str, Any]]) -> bytes:
            server.rows = ROWS[:-1]
            return plain(rows)

        server.layout = shrinking
        with pytest.raises(TransferError, match="has 3499 now"):
            await asyncio.to_thread(read.table, read.parts[1:])


@pytest.mark.parametrize("via", ["pages", "export"])
async def test_columns_that_change(via: str) -> None:
    """Other columns than when the read was planned, or than the frame has, are refused by name."""
    async with ExportServer(NAMES, ROWS, plain) as server:
        given = served(server, via=via)
        read = await asyncio.to_thread(Read, given)
        server.columns = [("text", "string"), ("renamed", "number")]
        with pytest.raises(TransferError, match=r"columns changed|another way"):
            await asyncio.to_thread(read.table)
        source = ClaroDataSource(given)
        reader = source.reader(await asyncio.to_thread(source.schema))
        server.columns = NAMES
        with pytest.raises(TransferError, match="the frame has text, renamed"):
            await asyncio.to_thread(reader.partitions)


def test_a_column_that_is_not_there(emulator: Emulator) -> None:
    """The error names the option and the columns that there are."""
    dataset = emulator.add_dataset("d", ["a", "b"], [["x", "y"]])
    with pytest.raises(ConfigurationError, match=r"option 'columns' names 'c'.*there are a, b"):
        Read(options(emulator, dataset, columns="c"))


def test_leaving_early_ends_the_requests(emulator: Emulator) -> None:
    """A task that is not read to its end asks for no more, and leaves no file."""
    dataset = emulator.add_dataset("d", ["a"], ([f"{at}"] for at in range(9000)))
    source = ClaroDataSource(options(emulator, dataset, via="pages"))
    reader = source.reader(source.schema())
    with warnings.catch_warnings(action="error"):
        batches = reader.read(reader.partitions()[0])
        assert isinstance(next(batches), pa.RecordBatch)
        batches.close()  # type: ignore[attr-defined]  # it is a generator
    assert operations(emulator)["getDatasetData"] <= 2 + 4
    assert isinstance(reader.partitions()[0], PagesPart)
