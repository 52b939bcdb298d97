"""What a table would change in a dataset, and what becomes of values that come as texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from claro_async import CellEdit, EditStatus, journal_status
from claro_async.bulk.coercion import Coercion, Misfit
from claro_async.models import DatasetColumn, TaskType
from claro_async.options import CoerceOptions
from tests.bulk.table import Table, dataset

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = {"k": "sku", "p": "price", "n": "note"}


def column(column_id: str, name: str, kind: str) -> DatasetColumn:
    """A column of a type."""
    return DatasetColumn(column_id=column_id, name=name, type=kind, task_type=TaskType.RAW)


def products() -> Table:
    """Five products: a number as key, a price, a note."""
    table = Table(5, COLUMNS, types={"k": "number", "p": "number"})
    for number, row in enumerate(table.rows):
        table.cells.update({f"{row}.k": number, f"{row}.p": number + 0.5, f"{row}.n": "old"})
    return table


def as_texts(table: Table) -> list[dict[str, str]]:
    """The table as a CSV file has it."""
    return [
        {name: str(table.cells[f"{row}.{column}"]) for column, name in COLUMNS.items()}
        for row in table.rows
    ]


async def test_a_file_of_the_same_values_changes_nothing() -> None:
    """Texts that say what the dataset holds are the same values, once they are converted."""
    table = products()
    async with table.client() as claro:
        plain = await dataset(claro).plan_from(as_texts(table)[:0], key="sku")
        assert plain.requests == 0
        plan = await dataset(claro).plan_from(as_texts(table), key="sku", coerce="column")
        assert (plan.requests, plan.unchanged, plan.unknown_keys) == (0, 10, [])
        rows = as_texts(table)
        rows[2]["price"] = " 7e1 "
        report = await dataset(claro).update_from(rows, key="sku", coerce="column")
    assert (report.updated, report.unchanged) == (1, 9)
    assert table.writes == [("r2.p", 70.0)]


async def test_a_plan_says_what_it_found_and_changes_nothing() -> None:
    """Unknown, double and extra keys and the cells that would change are known before anything."""
    table = products()
    rows = [
        {"sku": 0, "price": 9},
        {"sku": 77, "price": 1},
        {"sku": 2, "price": 1},
        {"sku": 3, "price": 3.5},
        {"sku": 2, "price": 2},
    ]
    async with table.client() as claro:
        plan = await dataset(claro).plan_from(rows, key="sku")
        assert [tuple(each) for each in plan.changes] == [("r0.p", 9, 0.5)]
        assert (plan.unknown_keys, plan.duplicate_keys) == ([77], [2])
        assert (plan.extra_keys, plan.extra_rows) == ([1, 4], 2)
        with pytest.raises(ValueError, match="2 comes twice"):
            await plan.apply()
        with pytest.raises(ValueError, match=r"rows\[4\]: the key 2 comes twice"):
            await dataset(claro).update_from(rows, key="sku")
        assert not table.writes
        plan.close()
        del rows[2], rows[-1]
        report = await (await dataset(claro).plan_from(rows, key="sku")).apply()
    assert (report.updated, report.unchanged, report.failed) == (1, 1, 1)
    assert "rows[1]: the dataset has no row with sku = 77" in str(report.failures[0].error)
    assert table.writes == [("r0.p", 9)]


@pytest.mark.parametrize("by", ["update_from", "plan_from"])
async def test_the_journal_of_a_table_says_that_it_is_a_sync(tmp_path: Path, by: str) -> None:
    """Whether done at once or planned first, what agrees with a table is a job of kind `sync`."""
    table, journal = products(), tmp_path / "run.claro"
    rows = [{"sku": 0, "price": 9}]
    async with table.client() as claro:
        if by == "update_from":
            report = await dataset(claro).update_from(rows, key="sku", journal=journal)
        else:
            plan = await dataset(claro).plan_from(rows, key="sku")
            report = await plan.apply(journal=journal)
    assert report.updated == 1
    status = journal_status(journal)
    assert (status.kind, status.counts[EditStatus.UPDATED]) == ("sync", 1)


@pytest.mark.parametrize("how", ["raise", "null", "string"])
async def test_values_that_do_not_fit_are_listed(how: Any) -> None:
    """What does not fit its column is raised for before anything is sent, or done as asked for."""
    table = products()
    rows = [{"sku": "1", "price": "a lot", "note": "x"}]
    async with table.client() as claro:
        if how == "raise":
            with pytest.raises(ValueError, match=r"rows\[0\]\['price'\] is 'a lot'"):
                await dataset(claro).update_from(rows, key="sku", coerce="column")
            assert not table.writes
            return
        plan = await dataset(claro).plan_from(rows, key="sku", coerce="column", on_type_error=how)
        assert plan.misfits == [Misfit(0, "price", "a lot")]
        await plan.apply()
    assert CellEdit("r1.p", None if how == "null" else "a lot") in table.writes


@pytest.mark.parametrize(
    ("kind", "value", "converted"),
    [
        ("number", "1.50", 1.5),
        ("number", " 3 ", 3),
        ("number", True, None),
        ("number", "1,5", None),
        ("number", "nan", None),
        ("number", "  ", None),
        ("integer", "4.0", 4),
        ("integer", "4.5", None),
        ("boolean", "TRUE", True),
        ("boolean", "yes", None),
        ("boolean", 1, None),
        ("string", 1.5, "1.5"),
        ("text", False, "false"),
        ("string", "", None),
        ("string", " ", " "),
        ("string", [1], None),
        ("other", "1", "1"),
        ("other", [1], [1]),
    ],
)
def test_what_becomes_of_a_value(kind: str, value: Any, converted: Any) -> None:
    """Each type takes the texts that say a value of it; what does not fit is null as asked for."""
    made = column("c", "name", kind)
    how = CoerceOptions(coerce="column", on_type_error="null")
    found = Coercion([made], how).convert(0, "name", value)
    assert (type(found), found) == (type(converted), converted)


def test_an_empty_text_is_what_the_caller_says() -> None:
    """In a column of text an empty value is null or the empty text; elsewhere it is null."""
    columns = [
        column("a", "text", "string"),
        column("b", "number", "number"),
    ]
    ways: list[tuple[Any, str | None]] = [("null", None), ("text", "")]
    for blanks, expected in ways:
        coercion = Coercion(columns, CoerceOptions(coerce="column", blanks=blanks))
        assert coercion.convert(0, "text", "") == expected
        assert coercion.convert(0, "b", "") is None
    with pytest.raises(ValueError, match="blanks must be one of"):
        CoerceOptions(coerce="column", blanks="zero")  # type: ignore[arg-type]
