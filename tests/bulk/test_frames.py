"""Rows from frames and tables: what is a column, and how values of other classes get in."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from tests.bulk.table import Table, dataset


async def sync(rows: Any, columns: dict[str, str]) -> Table:
    """A table of two rows, ``a`` and ``b``, after it was brought to agree with rows."""
    table = Table(2, {"k": "key", **columns})
    table.cells.update({"r0.k": "a", "r1.k": "b"})
    async with table.client() as claro:
        await dataset(claro).update_from(rows, key="key")
    return table


@pytest.mark.parametrize("levels", [1, 2])
async def test_an_index_without_a_name_is_no_column(levels: int) -> None:
    """Of a pandas frame the columns count, and an index only where it has a name."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame({"key": ["b", "a"], "v": [2, 1]})
    index = [7, 9] if levels == 1 else pandas.MultiIndex.from_tuples([(1, 2), (3, 4)])
    table = await sync(frame.set_index(pandas.Index(index)), {"v": "v"})
    assert table.cells == {"r0.k": "a", "r1.k": "b", "r0.v": 1, "r1.v": 2}
    named = frame.rename(columns={"v": "w"}).set_index("key")
    assert (await sync(named, {"w": "w"})).cells["r1.w"] == 2


async def test_a_table_with_one_name_twice_is_refused() -> None:
    """Of two columns with one name, key or not, none is silently taken."""
    pyarrow = pytest.importorskip("pyarrow")
    rows = pyarrow.table([["a"], [1], [2]], names=["key", "v", "v"])
    with pytest.raises(ValueError, match="several columns named 'v'"):
        await sync(rows, {"v": "v"})


async def test_dates_and_scalars_get_in() -> None:
    """Dates and times go in as their ISO texts, scalars of numpy as the values they stand for."""
    numpy = pytest.importorskip("numpy")
    rows = [
        {"key": numpy.str_("a"), "v": numpy.float64(1.5), "w": date(2024, 3, 1)},
        {"key": "b", "v": datetime(2024, 3, 1, 12, tzinfo=UTC), "w": time(8, 30)},
    ]
    table = await sync(rows, {"v": "v", "w": "w"})
    assert [table.cells[cell] for cell in ("r0.v", "r0.w", "r1.v", "r1.w")] == [
        *(1.5, "2024-03-01"),
        *("2024-03-01T12:00:00+00:00", "08:30:00"),
    ]
