"""Pages and whole results as Arrow."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from claro_async import TransferError
from claro_async.columnar.arrow import Batches

if TYPE_CHECKING:
    from claro_async import ClaroClient
    from claro_async.emulator import Emulator

COLUMNS = [
    {"name": "name", "type": "string"},
    {"name": "price", "type": "number"},
    {"name": "stock", "type": "integer"},
    {"name": "sold", "type": "boolean"},
    {"name": "extra", "type": "location"},
]
ROWS: list[list[Any]] = [
    ["Widget", 1, 5, True, {"lat": 1.5}],
    [None, 2.5, None, None, None],
    ["größe", None, -3, False, "text"],
]
WANTED = [
    {"name": "Widget", "price": 1.0, "stock": 5, "sold": True, "extra": '{"lat":1.5}'},
    {"name": None, "price": 2.5, "stock": None, "sold": None, "extra": None},
    {"name": "größe", "price": None, "stock": -3, "sold": False, "extra": "text"},
]


@pytest.fixture
def dataset_id(emulator: Emulator) -> str:
    """A dataset with a column of each type."""
    return emulator.add_dataset("typed", COLUMNS, ROWS)


def ask(query: str, **tables: Any) -> list[Any]:
    """What DuckDB finds in objects that speak Arrow."""
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        return connection.execute(query).fetchall()


async def test_a_page_is_taken_by_every_library(client: ClaroClient, dataset_id: str) -> None:
    """pyarrow, polars, pandas and DuckDB take a page as it is."""
    page = await client.dataset(dataset_id).rows()
    assert pa.table(page).to_pylist() == WANTED
    assert pl.DataFrame(page).to_dicts() == WANTED
    assert pd.DataFrame.from_arrow(page)["name"].tolist()[::2] == ["Widget", "größe"]
    found = ask("select name, price from page where stock is not null order by stock", page=page)
    assert found == [("größe", None), ("Widget", 1.0)]


async def test_a_whole_dataset_is_a_table(client: ClaroClient, emulator: Emulator) -> None:
    """All pages, in order, in one table with the schema of the columns."""
    made = emulator.add_dataset("long", ["n"], [[f"{number}"] for number in range(3500)])
    whole = await client.dataset(made).to_arrow()
    assert whole["n"].to_pylist() == [f"{number}" for number in range(3500)]
    assert pl.DataFrame(whole).height == 3500
    assert ask("select count(*) from whole", whole=whole) == [(3500,)]


async def test_columns_of_a_table_are_chosen(client: ClaroClient, dataset_id: str) -> None:
    """Only what is asked for is read."""
    table = await client.dataset(dataset_id).to_arrow(columns=["col_3"])
    assert table.to_pydict() == {"stock": [5, None, -3]}


async def test_an_empty_dataset_has_a_schema(client: ClaroClient, emulator: Emulator) -> None:
    """No rows, but all columns with their types."""
    made = emulator.add_dataset("empty", COLUMNS)
    table = await client.dataset(made).to_arrow()
    assert table.num_rows == 0
    assert [str(field.type) for field in table.schema] == [
        "string",
        "double",
        "int64",
        "bool",
        "string",
    ]


async def test_a_data_source_speaks_arrow_too(client: ClaroClient, emulator: Emulator) -> None:
    """Its pages and its whole, with sort and filter."""
    source = client.datasource(
        emulator.add_datasource(b"a,b\nx,1\ny,2\nz,3\n", file_name="data.csv")
    )
    page = await source.rows()
    assert pl.DataFrame(page).to_dicts() == [
        {"a": "x", "b": 1.0},
        {"a": "y", "b": 2.0},
        {"a": "z", "b": 3.0},
    ]
    table = await source.to_arrow(sort="b", order="desc", filter="b > 1")
    assert table.to_pydict() == {"a": ["z", "y"], "b": [3.0, 2.0]}


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("string", 5, "5"),
        ("string", True, "true"),
        ("text", ["a"], '["a"]'),
        ("number", "5", "5"),
        ("number", True, "true"),
        ("number", 2**53 + 1, "9007199254740993"),
        ("integer", 1.5, "1.5"),
        ("integer", 2.0, "2"),
        ("integer", 2**63, "9223372036854775808"),
        ("boolean", 1, "1"),
    ],
)
def test_what_does_not_fit(kind: str, value: Any, text: str) -> None:
    """A value of another type, or out of range, is never bent into the column's type."""
    fields = [("column", kind)]
    with pytest.raises(TransferError, match=r"column 'column' .* row 2 of the page"):
        Batches(fields, "raise").batch([[None, value]])
    assert Batches(fields, "null").batch([[None, value]])["column"].to_pylist() == [None, None]
    batches = Batches(fields, "string")
    assert batches.batch([[None, value]])["column"].to_pylist() == [None, text]
    assert batches.schema.field("column").type == pa.string()


def test_earlier_batches_follow_a_column_that_becomes_text() -> None:
    """Numbers read before and after the misfit are written alike; other columns stay."""
    batches = Batches([("n", "number"), ("b", "boolean")], "string")
    first = batches.batch([[1, 2.5, None, 1e300], [True, None, False, True]])
    second = batches.batch([[3, "n/a", -0.5, None], [True] * 4])
    made = pa.Table.from_batches([batches.conform(first), second])
    assert made["n"].to_pylist() == ["1", "2.5", None, "1e300", "3", "n/a", "-0.5", None]
    assert made["b"].to_pylist() == [True, None, False, True] + [True] * 4
    assert batches.conform(second) is second


def test_a_surrogate_is_replaced_in_text() -> None:
    """Text that UTF-8 cannot carry is a misfit like any other."""
    with pytest.raises(TransferError):
        Batches([("a", "string")], "raise").batch([["\ud800"]])
    assert Batches([("a", "string")], "string").batch([["\ud800"]])["a"].to_pylist() == ["?"]


async def test_pages_give_the_choice(client: ClaroClient, emulator: Emulator) -> None:
    """`to_arrow` of a page has the choice that the protocol has no room for."""
    made = emulator.add_dataset("m", [{"name": "n", "type": "number"}], [[1], ["x"]])
    page = await client.dataset(made).rows()
    with pytest.raises(TransferError):
        pa.table(page)
    assert page.to_arrow(on_type_error="null")["n"].to_pylist() == [1.0, None]
    assert (await client.dataset(made).to_arrow(on_type_error="string"))["n"].to_pylist() == [
        "1",
        "x",
    ]


async def test_without_pyarrow_the_error_names_the_extra(
    client: ClaroClient, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """A missing extra is named before anything is sent; all else works without it."""
    made = emulator.add_dataset("m", [{"name": "n", "type": "number"}], [[1]])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "claro_async.columnar.arrow", raising=False)
    with pytest.raises(ImportError, match=r"claro-async\[arrow\]"):
        await client.dataset(made).export(tmp_path / "out.parquet")
    assert emulator.ledger.requests == []
    page = await client.dataset(made).rows()
    with pytest.raises(ImportError, match=r"claro-async\[arrow\]"):
        page.to_arrow()
    await client.dataset(made).export(tmp_path / "out.jsonl")
