"""What a table would change in a dataset, and what becomes of values that come as texts."""

from __future__ import annotations

import json
from datetime import date
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


async def test_a_report_lists_what_did_not_fit() -> None:
    """The report of an update, and that of a plan, names the values that did not fit."""
    table = products()
    rows = [{"sku": str(number), "price": "a lot"} for number in range(3)]
    how: dict[str, Any] = {"key": "sku", "coerce": "column", "on_type_error": "null"}
    async with table.client() as claro:
        report = await dataset(claro).update_from(rows, **how)
        table.cells.update({f"{row}.p": 1 for row in table.rows})
        planned = await (await dataset(claro).plan_from(rows, **how)).apply()
    for each in (report, planned):
        assert (each.misfit_count, each.misfits[2]) == (3, Misfit(2, "price", "a lot"))
        assert each.to_dict()["misfits"][0]["value"] == "a lot"
    assert len(table.writes) == 6


def mixed() -> Table:
    """A table whose cells hold what their columns' types do not say."""
    table = Table(7, COLUMNS, types={"k": "string", "p": "number", "n": "mixed"})
    present = [1.5, True, "n/a", None, "", {"a": [1, None]}, "01"]
    for number, (row, value) in enumerate(zip(table.rows, present, strict=True)):
        key: Any = number if number % 2 else str(number)
        table.cells.update({f"{row}.k": key, f"{row}.p": value, f"{row}.n": value})
    return table


def in_csv(value: Any) -> str:
    """A value as a CSV file has it."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value)


@pytest.mark.parametrize("blanks", ["null", "text"])
@pytest.mark.parametrize("on_type_error", ["raise", "null", "string"])
async def test_a_file_of_what_the_cells_hold_changes_nothing(
    blanks: Any, on_type_error: Any
) -> None:
    """Whatever types and blanks the cells have, the texts that say their values send nothing."""
    table = mixed()
    rows = [
        {name: in_csv(table.cells[f"{row}.{column}"]) for column, name in COLUMNS.items()}
        for row in table.rows
    ]
    async with table.client() as claro:
        plan = await dataset(claro).plan_from(
            rows, key="sku", coerce="column", blanks=blanks, on_type_error=on_type_error
        )
        assert (plan.requests, plan.unchanged, plan.unknown_keys) == (0, 14, [])
        assert (plan.misfits, plan.extra_rows) == ([], 0)
        report = await plan.apply()
    assert (report.unchanged, table.writes) == (14, [])


async def test_equal_of_the_caller_decides_alone() -> None:
    """Where the caller compares, what a file would write is not asked for."""
    table = products()
    async with table.client() as claro:
        plan = await dataset(claro).plan_from(
            as_texts(table), key="sku", coerce="column", equal=lambda *_: False
        )
    assert plan.requests == 10


async def test_a_key_that_is_empty_is_refused() -> None:
    """A row without a value in the key column would match nothing, or anything: it is an error."""
    table = products()
    rows: list[Any] = [{"sku": "1", "price": "2"}, {"sku": "", "price": "3"}]
    async with table.client() as claro:
        with pytest.raises(ValueError, match=r"rows\[1\]: the key 'sku' is empty"):
            await dataset(claro).update_from(rows, key="sku", coerce="column")
        rows[1]["sku"] = None
        with pytest.raises(ValueError, match=r"rows\[1\]: the key 'sku' is empty"):
            await dataset(claro).plan_from(rows, key="sku")
        with pytest.raises(TypeError, match=r"rows\[0\] is a str, not a dict"):
            await dataset(claro).update_from(["sku"], key="sku")
    assert table.writes == []


async def test_keys_that_are_one_once_they_are_converted_are_found() -> None:
    """Of texts that stand for one number, none is silently taken."""
    table = products()
    rows = [{"sku": text, "price": "9"} for text in ("1", "2", "1.0", "2", "3")]
    async with table.client() as claro:
        plan = await dataset(claro).plan_from(rows, key="sku", coerce="column")
        assert sorted(plan.duplicate_keys) == [1, 2]
        assert [change.cell_id for change in plan] == ["r3.p"]
        with pytest.raises(ValueError, match=r"rows\[\d\]: the key .+ comes twice"):
            await dataset(claro).update_from(rows, key="sku", coerce="column")
    assert table.writes == []


async def test_two_names_of_one_column_are_refused() -> None:
    """A table that gives a column by its name and by its id says two things of one cell."""
    table = products()
    rows = [{"sku": 1, "price": 2, "p": 3}]
    async with table.client() as claro:
        with pytest.raises(ValueError, match="'p' and 'price' are one column"):
            await dataset(claro).update_from(rows, key="sku")
    assert table.writes == []


async def test_rows_are_taken_as_they_are_at_the_call() -> None:
    """What becomes of the rows, and of a list in one of them, after the call counts no more."""
    table = products()
    tags = ["a"]
    rows = [{"sku": "1", "note": tags}]

    def page_made(_: int) -> None:
        tags.append("b")
        rows[0]["sku"] = "2"

    table.page_made = page_made
    async with table.client() as claro:
        how: dict[str, Any] = {"coerce": "column", "on_type_error": "string"}
        await dataset(claro).update_from(rows, key="sku", **how)
    assert table.writes == [("r1.n", ["a"])]


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
        ("string", date(2024, 3, 1), "2024-03-01"),
        ("date", date(2024, 3, 1), "2024-03-01"),
        ("number", date(2024, 3, 1), None),
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
