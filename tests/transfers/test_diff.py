"""What changed between two exports."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from claro_async import diff

if TYPE_CHECKING:
    from pathlib import Path

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator
    from tests.clocks import ManualClock


def lines(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows of a table, without ids."""
    return [tuple(row.values())[:5] for row in table.to_pylist()]


async def test_what_changed_between_two_exports(
    client: ClaroClient, emulator: Emulator, clock: ManualClock, tmp_path: Path
) -> None:
    """By the rows' ids, each cell that was edited is there, with its id and both values."""
    columns = [{"name": "text", "type": "string"}, {"name": "number", "type": "number"}]
    made = emulator.add_dataset("d", columns, [[f"row {n}", n / 2] for n in range(500)])
    clock.advance(60)
    dataset = client.dataset(made)
    await dataset.export(tmp_path / "old.parquet", cell_ids=True)
    await dataset.update_cell("cell_7_1", "edited")
    await dataset.update_cell("cell_7_2", None)
    await dataset.update_cell("cell_9_2", 4)  # which it was
    clock.advance(60)
    await dataset.export(tmp_path / "new.arrow", cell_ids=True)
    found = diff(tmp_path / "old.parquet", tmp_path / "new.arrow")
    assert [tuple(row.values()) for row in found.to_pylist()] == [
        ("changed", "row_7", "text", '"row 6"', '"edited"', "cell_7_1"),
        ("changed", "row_7", "number", "3", "null", "cell_7_2"),
    ]
    assert diff(tmp_path / "new.arrow", tmp_path / "new.arrow").num_rows == 0


def test_rows_that_came_and_went() -> None:
    """Rows of which only one export knows come with all of their cells, by a key of one's own."""
    old = pa.table({"sku": ["a", "b", "c"], "price": [1.0, 2.5, None]})
    new = pa.table({"sku": ["c", "d", "a"], "price": [None, None, 1.0], "more": ["x", None, None]})
    assert lines(diff(old, new, key="sku")) == [
        ("changed", "c", "more", "null", '"x"'),
        ("added", "d", "price", None, "null"),
        ("added", "d", "more", None, "null"),
        ("removed", "b", "price", "2.5", None),
        ("removed", "b", "more", "null", None),
    ]


def test_columns_of_another_type() -> None:
    """Where a column became text, its values are compared as what they are in JSON."""
    old = pa.table({"id": [1, 2, 3], "value": [1, 2, None]})
    new = pa.table({"id": ["1", "2", "3"], "value": ["1", "x", None]})
    assert lines(diff(old, new, key="id")) == [
        ("changed", "1", "value", "1", '"1"'),
        ("changed", "2", "value", "2", '"x"'),
    ]
    assert (
        lines(diff(old, old.cast(pa.schema([("id", "int64"), ("value", "double")])), key="id"))
        == []
    )


def test_whatever_speaks_arrow() -> None:
    """Frames and readers are taken as they are."""
    frame = pl.DataFrame({"k": ["a", "b"], "v": [[1], None]})
    reader = pa.table({"k": ["a", "b"], "v": [[1], [2]]}).to_reader()
    assert lines(diff(frame, reader, key="k")) == [("changed", "b", "v", "null", "[2]")]


@given(
    old=st.dictionaries(st.text(max_size=3), st.tuples(st.integers(0, 2) | st.none()), max_size=8),
    new=st.dictionaries(st.text(max_size=3), st.tuples(st.integers(0, 2) | st.none()), max_size=8),
)
def test_a_diff_leads_from_one_to_the_other(
    old: dict[str, tuple[int | None]], new: dict[str, tuple[int | None]]
) -> None:
    """What a diff says, done to the old rows, gives the new ones, and nothing is said twice."""
    schema = pa.schema([("k", pa.string()), ("v", pa.int64())])

    def table(rows: dict[str, tuple[int | None]]) -> pa.Table:
        return pa.table({"k": list(rows), "v": [value for (value,) in rows.values()]}, schema)

    result = {key: value for key, (value,) in old.items()}
    found = diff(table(old), table(new), key="k")
    assert len(set(found.column("key").to_pylist())) == found.num_rows
    for change, key, _, before, after in lines(found):
        assert (before is None) == (change == "added")
        if before is not None:
            assert result[key] == json.loads(before)
        if change == "removed":
            del result[key]
        else:
            result[key] = json.loads(after)
    assert result == {key: value for key, (value,) in new.items()}


@pytest.mark.parametrize(
    ("old", "key", "problem"),
    [
        ({"k": ["a"]}, None, "cell_ids=True"),
        ({"x": ["a"]}, "k", "old has no column 'k'"),
        ({"k": ["a", None]}, "k", "1 rows without a 'k'"),
        ({"k": ["a", "b", "a"]}, "k", "'a' twice as 'k'"),
    ],
)
def test_keys_that_tell_nothing_apart(
    old: dict[str, list[Any]], key: str | None, problem: str
) -> None:
    """A key that is missing, empty or there twice is named."""
    with pytest.raises(ValueError, match=problem):
        diff(pa.table(old), pa.table({"k": ["a"]}), key=key)


def test_files_of_another_kind(tmp_path: Path) -> None:
    """What is neither Parquet nor Arrow is refused by its name; a colon in a name is none."""
    parquet.write_table(pa.table({"k": ["a"]}), tmp_path / "x.parquet")
    (tmp_path / "x.parquet").rename(tmp_path / "run:x.parquet")
    assert diff(tmp_path / "run:x.parquet", str(tmp_path / "run:x.parquet"), key="k").num_rows == 0
    with pytest.raises(ValueError, match=r"must be a \.parquet or \.arrow file"):
        diff("old.csv", "new.csv")
    with pytest.raises(TypeError, match="not int"):
        diff(1, 2)
