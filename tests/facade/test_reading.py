"""Listings, rows and cells."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from claro_async import DatasetNotFoundError, DecodeError, ServerError
from claro_async.emulator import NewCell
from tests.watching import until
from tests.wire.operations import DATASET, DATASOURCE
from tests.wire.raw_server import RawServer, answering, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator

MANY = "many-rows"


@pytest.fixture
def many(emulator: Emulator) -> str:
    """A dataset of 95 rows."""
    return emulator.add_dataset("Many", ["n", "text"], [[n, f"t{n}"] for n in range(95)])


@pytest.mark.parametrize("read_ahead", [0, 1, 2, 5, 100])
@pytest.mark.parametrize("page_size", [1, 7, 95, 1000])
async def test_rows_come_in_order_whatever_the_pages(
    page_size: int, read_ahead: int, many: str, emulator: Emulator, client: ClaroClient
) -> None:
    """All rows come once and in order, and each page is asked for once."""
    stream = client.dataset(many).rows(limit=page_size, read_ahead=read_ahead)
    assert [row["n"] async for row in stream] == list(range(95))
    assert emulator.ledger.count("getDatasetData") == -(-95 // page_size)


@pytest.mark.parametrize("read_ahead", [0, 1, 3])
async def test_read_ahead_is_bounded(
    read_ahead: int, many: str, emulator: Emulator, client: ClaroClient
) -> None:
    """While a page is looked at, no more than `read_ahead` further ones are asked for."""
    await client.datasets.list()
    pages = client.dataset(many).rows(limit=5, read_ahead=read_ahead).pages()
    for number in range(1, 6):
        await anext(pages)
        for _ in range(50):
            await asyncio.sleep(0)
        assert emulator.ledger.count("getDatasetData") <= number + read_ahead
    await pages.aclose()
    assert emulator.ledger.max_in_flight <= max(1, read_ahead)


async def test_leaving_the_loop_early_calls_the_rest_off(
    many: str, emulator: Emulator, client: ClaroClient
) -> None:
    """After `break` no task is left, and nothing more is asked for."""
    await client.datasets.list()
    before = asyncio.all_tasks()
    emulator.faults.add("getDatasetData", "slow", delay=60, after=1)
    async for row in client.dataset(many).rows(limit=5, read_ahead=3):
        if row["n"] == 4:
            break
    await until(lambda: emulator.ledger.in_flight == 0)
    await until(lambda: asyncio.all_tasks() == before)
    assert emulator.ledger.count("getDatasetData") <= 4


@pytest.mark.parametrize("page", [1, 2, 4])
async def test_a_page_that_fails_ends_the_loop(
    page: int, many: str, emulator: Emulator, client: ClaroClient
) -> None:
    """Rows before a failing page are given, then its error; no later page gets through."""
    emulator.faults.add("getDatasetData", "status", status=500, after=page - 1)
    rows = aiter(client.dataset(many).rows(limit=10, read_ahead=0))
    for number in range((page - 1) * 10):
        assert (await anext(rows))["n"] == number
    with pytest.raises(ServerError):
        await anext(rows)


async def test_reading_may_begin_in_the_middle(many: str, client: ClaroClient) -> None:
    """`start_page` leaves the pages before it out."""
    rows = client.dataset(many).rows(limit=10, start_page=9)
    assert [row["n"] async for row in rows] == list(range(80, 95))


async def test_a_stream_can_be_gone_through_twice(many: str, client: ClaroClient) -> None:
    """Each loop over the same listing begins anew."""
    rows = client.dataset(many).rows(limit=50)
    assert [row["n"] async for row in rows] == list(range(95))
    assert [row["n"] async for row in rows] == list(range(95))


async def test_awaiting_gives_the_first_page(
    many: str, emulator: Emulator, client: ClaroClient
) -> None:
    """A listing that is awaited is one request and one page, with where it stands."""
    page = await client.dataset(many).rows(limit=10)
    assert len(page) == 10
    assert (page.pagination.page, page.pagination.total, page.pagination.total_pages) == (1, 95, 10)
    assert [column.name for column in page.columns] == ["n", "text"]
    assert page.to_dicts()[3] == {"n": 3, "text": "t3"}
    assert [row["n"] for row in page] == list(range(10))
    found = await client.datasets.list(limit=1)
    assert len(found.datasets) == 1
    assert found.pagination.total == 2
    assert emulator.ledger.count() == 2


async def test_an_empty_dataset_is_one_page_without_rows(
    emulator: Emulator, client: ClaroClient
) -> None:
    """There is a page to look at the columns of, and no row; it is asked for once a walk."""
    empty = emulator.add_dataset("Empty", ["a"], [])
    assert [row async for row in client.dataset(empty).rows()] == []
    assert emulator.ledger.count("getDatasetData", 200) == 1
    pages = [page async for page in client.dataset(empty).rows().pages()]
    assert [len(page) for page in pages] == [0]
    assert pages[0].columns[0].name == "a"


async def test_listings_go_over_all_pages_and_filter(
    emulator: Emulator, client: ClaroClient
) -> None:
    """Datasets and data sources are listed whole, and by type and status."""
    for number in range(25):
        emulator.add_dataset(f"D{number}", ["a"], [], type="analysis")
    emulator.add_datasource(b"a\n1\n", file_name="b.csv", datasource_id="second")
    emulator.set_processing("second")
    names = [summary.name async for summary in client.datasets.list(limit=10)]
    assert len(names) == len(set(names)) == 26
    found = [summary.name async for summary in client.datasets.list(type="extraction")]
    assert found == ["Products"]
    sources = [s.datasource_id async for s in client.datasources.list(status="processing")]
    assert sources == ["second"]
    csv = [s.file_name async for s in client.datasources.list(content_type="text/csv", limit=1)]
    assert sorted(csv) == ["b.csv", "products.csv"]


async def test_records_of_a_data_source(client: ClaroClient) -> None:
    """Records are dicts, sorted and filtered by the server."""
    source = client.datasource(DATASOURCE)
    rows = source.rows(sort="price", order="desc", filter="price > 10")
    assert [record["product"] async for record in rows] == ["Widget B", "Widget A"]
    page = await source.rows()
    assert [column.name for column in page.columns] == ["product", "price"]
    widgets = [{"product": "Widget A", "price": 29.99}, {"product": "Widget B", "price": 39.99}]
    assert page.to_dicts() == page.rows == widgets
    details = await source.get()
    assert details.file_name == "products.csv"


async def test_a_row_is_a_mapping(emulator: Emulator, client: ClaroClient) -> None:
    """Rows read by name and by id, have cells with ids, and say which columns there are."""
    metadata = {"confidence": 0.9}
    dataset = emulator.add_dataset("Cells", ["a", "b"], [[NewCell("x", metadata, None), None]])
    page = await client.dataset(dataset).rows(include_metadata=True)
    (row,) = page.rows
    assert dict(row) == {"a": "x", "b": None} == row.to_dict()
    assert (row["a"], row["col_1"], len(row), list(row)) == ("x", "x", 2, ["a", "b"])
    assert "a" in row
    assert "col_2" in row
    assert "z" not in row
    assert row.get("z", 7) == 7
    cell = row.cell("a")
    assert (cell.cell_id, cell.row_id, cell.column_id) == ("cell_1_1", row.row_id, "col_1")
    assert cell.metadata == metadata
    assert [each.cell_id for each in row.cells()] == ["cell_1_1", "cell_1_2"]
    with pytest.raises(KeyError, match="no column 'z'; there are 'a', 'b'"):
        row["z"]
    assert "'a': 'x'" in repr(row)


async def test_chosen_columns(emulator: Emulator, client: ClaroClient) -> None:
    """`columns` are ids, sent as one list; the rows have those alone."""
    page = await client.dataset(DATASET).rows(columns=["col_2"])
    assert dict(page.rows[0]) == {"price": 29.99}
    assert "columns=col_2" in emulator.ledger.requests[0].query


def a_page(columns: list[tuple[str, str]], rows: list[list[tuple[str, Any]]]) -> bytes:
    """The body of a page with these columns (id, name) and cells (column id, value)."""
    return json.dumps(
        {
            "columns": [{"columnId": i, "name": n, "type": "text"} for i, n in columns],
            "rows": [
                [
                    {"cellId": f"{at}-{c}", "rowId": f"r{at}", "columnId": c, "value": v}
                    for c, v in row
                ]
                for at, row in enumerate(rows)
            ],
            "pagination": {"page": 1, "limit": 100, "total": len(rows), "totalPages": 1},
        }
    ).encode()


async def rows_of(
    connect: Callable[..., ClaroClient],
    columns: list[tuple[str, str]],
    rows: list[list[tuple[str, Any]]],
) -> list[Any]:
    """Those rows as the client reads them."""
    async with RawServer(answering(reply(a_page(columns, rows)))) as server:
        return [row async for row in connect(server.base_url).dataset("d").rows()]


async def test_columns_of_the_same_name_are_told_apart_by_id(
    connect: Callable[..., ClaroClient],
) -> None:
    """Where a name comes twice, the ids are the keys, and no value is lost."""
    (row,) = await rows_of(
        connect, [("c1", "x"), ("c2", "x"), ("c3", "y")], [[("c1", 1), ("c2", 2), ("c3", 3)]]
    )
    assert dict(row) == {"c1": 1, "c2": 2, "y": 3}
    assert row["c3"] == 3
    with pytest.raises(KeyError, match="no column 'x'"):
        row["x"]


async def test_a_name_that_is_another_column_s_id(connect: Callable[..., ClaroClient]) -> None:
    """A column named like another's id takes precedence only where the id is not the key."""
    (row,) = await rows_of(connect, [("c1", "c2"), ("c2", "b")], [[("c1", 1), ("c2", 2)]])
    assert dict(row) == {"c2": 1, "b": 2}
    (row,) = await rows_of(
        connect, [("c1", "x"), ("c2", "x"), ("c3", "c1")], [[("c1", 1), ("c2", 2), ("c3", 3)]]
    )
    assert dict(row) == {"c1": 1, "c2": 2, "c3": 3}


async def test_cells_that_are_missing_or_in_another_order(
    connect: Callable[..., ClaroClient],
) -> None:
    """Cells are found by their column, not by their place; one that is missing reads as None."""
    columns = [("c1", "a"), ("c2", "b"), ("c3", "c")]
    turned, short, empty = await rows_of(
        connect, columns, [[("c3", 3), ("c1", 1), ("c2", 2)], [("c2", 2)], []]
    )
    assert dict(turned) == {"a": 1, "b": 2, "c": 3}
    assert turned.cell("c").cell_id == "0-c3"
    assert dict(short) == {"a": None, "b": 2, "c": None}
    assert short.cell("b").value == 2
    with pytest.raises(KeyError):
        short.cell("a")
    assert dict(empty) == {"a": None, "b": None, "c": None}
    assert empty.row_id == ""


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b'{"rows": [[{"cellId": 5}]], "columns": [], "pagination": {}}',
        (
            b'{"rows": [], "columns": [{"name": "a"}],'
            b' "pagination": {"page":1,"limit":1,"total":0,"totalPages":1}}'
        ),
        (
            b'{"rows": [], "columns": [{"columnId": "c", "name": null}],'
            b' "pagination": {"page":1,"limit":1,"total":0,"totalPages":1}}'
        ),
    ],
)
async def test_pages_of_another_shape_are_decode_errors(
    body: bytes, connect: Callable[..., ClaroClient]
) -> None:
    """A page that lacks what the documents promise is a `DecodeError`, never a KeyError."""
    async with RawServer(answering(reply(body))) as server:
        with pytest.raises(DecodeError):
            await connect(server.base_url).dataset("d").rows()


async def test_metadata_of_another_shape_is_a_decode_error(
    connect: Callable[..., ClaroClient],
) -> None:
    """Metadata that is no object fails as a `DecodeError` when its cell is asked for."""
    body = a_page([("c", "a")], [[("c", 1)]]).replace(b'"value": 1', b'"value": 1, "metadata": [1]')
    async with RawServer(answering(reply(body))) as server:
        page = await connect(server.base_url).dataset("d").rows()
        assert page.rows[0]["a"] == 1
        with pytest.raises(DecodeError):
            page.rows[0].cell("a")


BAD_ARGUMENTS: list[Callable[[ClaroClient], Any]] = [
    lambda c: c.datasets.list(limit=101),
    lambda c: c.datasets.list(limit=0),
    lambda c: c.datasets.list(start_page=0),
    lambda c: c.datasets.list(status=cast("Any", "nope")),
    lambda c: c.datasets.list(type=cast("Any", "nope")),
    lambda c: c.datasources.list(limit=101),
    lambda c: c.datasources.list(status=cast("Any", "nope")),
    lambda c: c.dataset(DATASET).rows(limit=1001),
    lambda c: c.dataset(DATASET).rows(limit=0),
    lambda c: c.dataset(DATASET).rows(start_page=0),
    lambda c: c.dataset(DATASET).rows(read_ahead=-1),
    lambda c: c.dataset(DATASET).rows(columns=[]),
    lambda c: c.dataset(DATASET).rows(columns=["a,b"]),
    lambda c: c.dataset(DATASET).rows(columns=[""]),
    lambda c: c.datasource(DATASOURCE).rows(limit=1001),
    lambda c: c.datasource(DATASOURCE).rows(order=cast("Any", "up")),
]


@pytest.mark.parametrize("number", range(len(BAD_ARGUMENTS)))
async def test_arguments_outside_their_limits_are_refused_at_once(
    number: int, emulator: Emulator, client: ClaroClient
) -> None:
    """Limits of the documents are checked when the listing is made, before anything is sent."""
    with pytest.raises(ValueError, match=r"must be|holds|is empty"):
        BAD_ARGUMENTS[number](client)
    assert emulator.ledger.requests == []
    await client.datasets.list()
    assert emulator.ledger.count() == 1  # so the ledger would have seen a request


async def test_arguments_of_another_type_are_refused(client: ClaroClient) -> None:
    """A str for a list of columns, and a float or bool for a number, are TypeErrors."""
    with pytest.raises(TypeError, match="one str"):
        client.dataset(DATASET).rows(columns="col_1")
    with pytest.raises(TypeError, match="limit must be an int"):
        client.dataset(DATASET).rows(limit=10.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="limit must be an int"):
        client.datasets.list(limit=True)


async def test_a_dataset_that_is_not_there(client: ClaroClient) -> None:
    """The handle is made without I/O; the first call says that there is no such dataset."""
    dataset = client.dataset("nope")
    assert repr(dataset) == "Dataset('nope')"
    with pytest.raises(DatasetNotFoundError) as caught:
        await dataset.get()
    assert caught.value.status == 404
    with pytest.raises(DatasetNotFoundError):
        _ = [row async for row in dataset.rows()]
