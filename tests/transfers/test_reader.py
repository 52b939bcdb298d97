"""A reader of record batches, which other programs read while the rows come."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pytest

from claro_async import (
    ClaroClient,
    ClaroError,
    ClientClosedError,
    ClientStateError,
    DatasetNotFoundError,
    ExportNotUsed,
    PermissionDeniedError,
    RetryPolicy,
    TransferError,
)
from claro_async.emulator import Emulator
from claro_async.transfers import blocking
from tests.folders import names
from tests.transfers.export_server import ExportServer, plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from claro_async.transport.events import Event

COLUMNS = [{"name": "text", "type": "string"}, {"name": "number", "type": "number"}]
ROWS = 5000
FAST = RetryPolicy(base_delay=0)


class _Clock:
    """The real time, a minute of which can pass at once."""

    ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock() -> _Clock:
    """The emulator's clock."""
    return _Clock()


@pytest.fixture
def emulator(clock: _Clock) -> Iterator[Emulator]:
    """An emulator in a thread of its own."""
    with Emulator(clock=clock.time, sample_world=False) as running:
        yield running


@pytest.fixture
def dataset_id(emulator: Emulator, clock: _Clock) -> str:
    """A dataset of 5,000 rows that was last changed a minute ago."""
    made = emulator.add_dataset("d", COLUMNS, [[f"row {n}", n / 2] for n in range(ROWS)])
    clock.ahead += 60
    return made


@pytest.fixture
def plain_client(emulator: Emulator) -> ClaroClient:
    """A client that is not opened, as programs without an event loop have it."""
    return ClaroClient(emulator.api_key, emulator.base_url, retry=FAST)


def threads() -> set[str]:
    """The threads of readers that there are."""
    gc.collect()
    return {each.name for each in threading.enumerate() if "claro-reader" in each.name}


def ask(question: str, reader: pa.RecordBatchReader) -> list[Any]:
    """What DuckDB answers."""
    with duckdb.connect() as connection:
        return connection.register("reader", reader).execute(question).fetchall()


@pytest.mark.parametrize("via", ["rows", "export", "auto"])
def test_duckdb_reads_it_in_a_plain_program(
    via: Any, plain_client: ClaroClient, emulator: Emulator, dataset_id: str
) -> None:
    """Without any event loop, DuckDB asks a question of rows as they come."""
    reader = plain_client.dataset(dataset_id).open_reader(via=via)
    found = ask("SELECT count(*), sum(number), min(text) FROM reader", reader)
    assert found == [(ROWS, sum(n / 2 for n in range(ROWS)), "row 0")]
    assert emulator.ledger.count("getDatasetData") == {"rows": 5, "export": 0, "auto": 1}[via]
    assert emulator.ledger.count("exportDataset") == (via != "rows")
    del reader
    assert threads() == set()


def test_polars_and_pyarrow_read_it(
    plain_client: ClaroClient, dataset_id: str, tmp_path: Path
) -> None:
    """Polars makes a frame of it, and pyarrow a dataset of files."""
    dataset = plain_client.dataset(dataset_id)
    frame = pl.from_arrow(dataset.open_reader())
    assert isinstance(frame, pl.DataFrame)
    assert frame.shape == (ROWS, 2)
    assert frame["number"].to_list() == [n / 2 for n in range(ROWS)]
    pads.write_dataset(dataset.open_reader(), tmp_path / "lake", format="parquet")
    assert pads.dataset(tmp_path / "lake").count_rows() == ROWS
    assert threads() == set()


def test_deltalake_reads_it(plain_client: ClaroClient, dataset_id: str, tmp_path: Path) -> None:
    """A Delta table is written of it, where deltalake is installed."""
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake(tmp_path / "table", plain_client.dataset(dataset_id).open_reader())
    assert deltalake.DeltaTable(tmp_path / "table").to_pyarrow_dataset().count_rows() == ROWS


async def test_it_is_read_beside_an_event_loop(emulator: Emulator, dataset_id: str) -> None:
    """In an open client's loop the requests run, while another thread reads."""
    async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
        dataset = claro.dataset(dataset_id)

        def work() -> pa.Table:
            with dataset.open_reader(include_metadata=True, cell_ids=True) as reader:
                return reader.read_all()

        table = await asyncio.to_thread(work)
        whole = await dataset.to_arrow(include_metadata=True, cell_ids=True)
        schema = await dataset.arrow_schema(include_metadata=True, cell_ids=True)
    assert table.combine_chunks().equals(whole.combine_chunks())
    assert table.schema.equals(schema)
    assert threads() == set()


@pytest.mark.parametrize("via", ["rows", "export"])
def test_who_stops_early_ends_the_requests(
    via: Any, plain_client: ClaroClient, emulator: Emulator, clock: _Clock
) -> None:
    """A reader that is let go of, or whose first rows are enough, asks for nothing more."""
    made = emulator.add_dataset("d", COLUMNS, [[f"row {n}", n / 2] for n in range(20_000)])
    clock.ahead += 60
    reader = plain_client.dataset(made).open_reader(via=via, max_concurrency=1)
    assert reader.read_next_batch().num_rows > 0
    del reader
    assert threads() == set()
    assert emulator.ledger.count("getDatasetData") < 20


def test_a_reader_that_nobody_reads(plain_client: ClaroClient, dataset_id: str) -> None:
    """It ends as well, and so does the one of a dataset that is not there."""
    reader = plain_client.dataset(dataset_id).open_reader()
    assert reader.schema.names == ["text", "number"]
    reader.close()
    del reader
    with pytest.raises(DatasetNotFoundError):
        plain_client.dataset("nowhere").open_reader()
    assert threads() == set()


def test_several_readers_at_once(plain_client: ClaroClient, dataset_id: str) -> None:
    """Each has a loop of its own, so that one is read beside the other."""
    dataset = plain_client.dataset(dataset_id)
    one, two = dataset.open_reader(via="rows"), dataset.open_reader(columns=["col_2"])
    pairs = [(one.read_next_batch(), two.read_next_batch()) for _ in range(1)]
    assert [(a.num_columns, b.num_columns) for a, b in pairs] == [(2, 1)]
    assert one.read_all().num_rows == ROWS - 1000
    assert two.read_all().num_rows == ROWS - pairs[0][1].num_rows


async def test_calls_that_would_hold_the_loop_up(emulator: Emulator, dataset_id: str) -> None:
    """In the loop's own thread neither opening nor reading waits for itself: both say so."""
    async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
        dataset = claro.dataset(dataset_id)
        with pytest.raises(ClientStateError, match=r"asyncio\.to_thread"):
            dataset.open_reader()
        reader = await asyncio.to_thread(dataset.open_reader)
        with pytest.raises(ClientStateError, match=r"asyncio\.to_thread"):
            reader.read_next_batch()
        assert (await asyncio.to_thread(reader.read_all)).num_rows == ROWS
    assert emulator.ledger.count("getDataset") == 1


async def test_a_consumer_with_threads_of_its_own(
    emulator: Emulator, dataset_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits in the loop's thread for another that reads: that the loop stands still shows."""
    monkeypatch.setattr(blocking, "_LOOK", 0.01)
    monkeypatch.setattr(blocking, "_STANDSTILL", 0.05)
    async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
        reader = await asyncio.to_thread(claro.dataset(dataset_id).open_reader)
        with (
            ThreadPoolExecutor(1) as pool,
            pytest.raises(ClientStateError, match="stood still"),
        ):
            pool.submit(reader.read_all).result()
        with pytest.raises(duckdb.Error, match=r"asyncio\.to_thread"):
            ask("SELECT count(*) FROM reader", reader)


async def test_a_client_that_is_closed_meanwhile(emulator: Emulator, dataset_id: str) -> None:
    """The reader raises what any call of a closed client does."""
    async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
        dataset = claro.dataset(dataset_id)
        reader = await asyncio.to_thread(lambda: dataset.open_reader(via="rows", max_concurrency=1))
    with pytest.raises(ClaroError, match=r"closed|disconnected"):
        await asyncio.to_thread(reader.read_all)
    with pytest.raises(ClientClosedError):
        await asyncio.to_thread(dataset.open_reader)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of connections whose loop has ended
def test_a_loop_that_ended(emulator: Emulator, dataset_id: str) -> None:
    """A reader whose loop is over raises; so does a client whose loop is."""

    async def open_one() -> tuple[ClaroClient, pa.RecordBatchReader]:
        claro = ClaroClient(emulator.api_key, emulator.base_url)
        await claro.dataset(dataset_id).get()
        return claro, await asyncio.to_thread(claro.dataset(dataset_id).open_reader)

    claro, reader = asyncio.run(open_one())
    with pytest.raises(ClientClosedError, match="event loop ended"):
        reader.read_all()
    with pytest.raises(ClientStateError, match="does not run any more"):
        claro.dataset(dataset_id).open_reader()
    del claro, reader
    gc.collect()


def test_errors_of_the_api_come_as_they_are(
    plain_client: ClaroClient, emulator: Emulator, dataset_id: str
) -> None:
    """An error on the way is raised by the reader as a `ClaroError`, once."""
    emulator.faults.add("getDatasetData", "status", status=404, code="DATASET_NOT_FOUND", after=2)
    reader = plain_client.dataset(dataset_id).open_reader(via="rows", max_concurrency=1)
    with pytest.raises(DatasetNotFoundError):
        reader.read_all()
    reader = plain_client.dataset(dataset_id).open_reader(via="rows", max_concurrency=1)
    with pytest.raises(duckdb.Error):
        ask("SELECT count(*) FROM reader", reader)
    del reader
    assert threads() == set()


def test_values_that_do_not_fit(plain_client: ClaroClient, emulator: Emulator) -> None:
    """A misfit is an error or null; a column cannot become text on the way."""
    made = emulator.add_dataset("d", COLUMNS, [["a", 1], ["b", "two"]])
    dataset = plain_client.dataset(made)
    with pytest.raises(TransferError, match="column 'number' has the type 'number'"):
        dataset.open_reader().read_all()
    table = dataset.open_reader(on_type_error="null").read_all()
    assert table.column("number").to_pylist() == [1.0, None]
    for wrong in ({"on_type_error": "string"}, {"on_change": "restart"}):
        with pytest.raises(ValueError, match="must be one of"):
            dataset.open_reader(**wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unexpected keyword argument 'on_progress'"):
        dataset.open_reader(on_progress=print)  # type: ignore[call-arg]


async def _read_from(server: ExportServer, events: list[Event]) -> pa.Table:
    async with ClaroClient("key", server.base_url, on_event=events.append) as claro:
        dataset = claro.dataset("d")
        return await asyncio.to_thread(lambda: dataset.open_reader().read_all())


NAMES = [("text", "string"), ("number", "number")]
VALUES = [[f"row {n}", n / 2] for n in range(120_000)]


async def test_an_export_that_is_not_trusted() -> None:
    """Nothing is handed out before the first rows are compared: rows can be read instead."""
    events: list[Event] = []
    async with ExportServer(NAMES, VALUES[:3000], lambda r: plain(r[::-1])) as server:
        table = await _read_from(server, events)
    assert table.column("text").to_pylist() == [text for text, _ in VALUES[:3000]]
    assert sum(isinstance(event, ExportNotUsed) for event in events) == 1


async def test_a_later_export_that_is_not_understood() -> None:
    """What was handed out cannot be taken back: it is an error that names the way out."""

    def layout(records: list[dict[str, Any]]) -> bytes:
        return plain(records) if len(records) == 100_000 else b"{}"

    async with ExportServer(NAMES, VALUES, layout) as server:
        with pytest.raises(TransferError, match="via='rows'"):
            await _read_from(server, [])


async def test_a_change_while_it_is_read(
    emulator: Emulator, dataset_id: str, plain_client: ClaroClient
) -> None:
    """The end of the stream is an error where the dataset is another one than at its beginning."""

    def work() -> None:
        reader = plain_client.dataset(dataset_id).open_reader(via="rows", max_concurrency=1)
        reader.read_next_batch()
        with emulator_change(emulator, dataset_id):
            reader.read_all()

    with pytest.raises(TransferError, match="changed while it was exported"):
        await asyncio.to_thread(work)


class emulator_change:  # noqa: N801 - used like a function
    """A change of the dataset, within which something is read."""

    def __init__(self, emulator: Emulator, dataset_id: str) -> None:
        def change(world: Any) -> None:
            found = world.datasets.find(dataset_id)
            world.datasets.update_column(found, world.datasets.columns(found)[0])

        emulator._on_loop(change)

    def __enter__(self) -> None:
        """Nothing: it was changed already."""

    def __exit__(self, *_: object) -> None:
        """Nothing: it stays changed."""


async def test_one_window(emulator: Emulator, dataset_id: str) -> None:
    """A window of rows comes as records or as bytes, for one request."""
    async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
        dataset = claro.dataset(dataset_id)
        records = await dataset.export_window(4990, 100)
        assert records == [{"text": f"row {n}", "number": n / 2} for n in range(4990, ROWS)]
        assert await dataset.export_window(ROWS, 10) == []
        narrow = await dataset.export_window(0, 1, columns=["col_2"])
        assert narrow == [{"number": 0.0}]
        window = dataset.export_window(10, 2, format="csv").stream()
        lines = b"".join([block async for block in window]).split()
        assert lines == [b"text,number", b"row", b"10,5.0", b"row", b"11,5.5"]
        assert emulator.ledger.count("exportDataset") == 4
        with pytest.raises(TypeError, match=r"use \.stream"):
            await dataset.export_window(0, 1, format="csv")
        for skip, rows in ((-1, 1), (0, 0), (0, 100_001)):
            with pytest.raises(ValueError, match="must be"):
                dataset.export_window(skip, rows)
    assert emulator.ledger.count("exportDataset") == 4


async def test_a_window_goes_to_a_file(emulator: Emulator, dataset_id: str, tmp_path: Path) -> None:
    """Whole or not there, of any format, and gone on with after a break."""
    async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
        window = claro.dataset(dataset_id).export_window(10, 2, format="csv")
        result = await window.save(tmp_path / "part.csv")
        assert result.path == tmp_path / "part.csv"
        assert result.path.read_text().split() == ["text,number", "row", "10,5.0", "row", "11,5.5"]
        emulator.faults.add("download", "reset", after_bytes=20, times=1)
        await claro.dataset(dataset_id).export_window(0, 3).save(tmp_path / "part.json")
        assert len(json.loads((tmp_path / "part.json").read_text())) == 3
        emulator.faults.add("exportDataset", "status", status=403, times=1)
        with pytest.raises(PermissionDeniedError):
            await claro.dataset(dataset_id).export_window(0, 3).save(tmp_path / "none.json")
    assert names(tmp_path) == ["part.csv", "part.json"]


async def test_a_window_that_is_no_array() -> None:
    """A layout that is not understood is an error; the bytes can be had all the same."""
    async with (
        ExportServer(NAMES, VALUES[:3], lambda _: b'{"rows": 3}') as server,
        ClaroClient("key", server.base_url) as claro,
    ):
        with pytest.raises(TransferError, match=r"\.stream\(\) gives its bytes"):
            await claro.dataset("d").export_window(0, 3)
        window = claro.dataset("d").export_window(0, 3).stream()
        assert b"".join([block async for block in window]) == b'{"rows": 3}'


async def test_schema_of_chosen_columns(emulator: Emulator, dataset_id: str) -> None:
    """The schema has the columns asked for, in that order; one that is not there is an error."""
    async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
        dataset = claro.dataset(dataset_id)
        schema = await dataset.arrow_schema(columns=["col_2", "col_1"])
        assert schema == pa.schema([("number", pa.float64()), ("text", pa.string())])
        with pytest.raises(TransferError, match="do not name the columns"):
            await dataset.arrow_schema(columns=["col_9"])
    assert len(emulator.ledger.requests) == 2


async def test_a_range_of_pages(emulator: Emulator, dataset_id: str) -> None:
    """Rows from one page to another cost those pages and no others."""
    async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
        rows = claro.dataset(dataset_id).rows(start_page=2, end_page=3, limit=100)
        assert [row["text"] async for row in rows] == [f"row {n}" for n in range(100, 300)]
    assert emulator.ledger.count("getDatasetData") == 2
