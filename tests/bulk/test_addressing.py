"""Which cell an edit means: decided once, by whole pages, also while rows move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from claro_async import ClaroError, NotFoundByReadingError
from tests.bulk.table import LOST, Asked, Table, dataset

if TYPE_CHECKING:
    from pathlib import Path

    from claro_async.testing import HttpReply


def lose_page(place: str) -> Any:
    """An answer that loses the first request of a page."""

    def answer(asked: Asked) -> HttpReply | None:
        if (asked.method, asked.place, asked.number) == ("GET", place, 1):
            raise LOST
        return None

    return answer


@pytest.mark.parametrize(
    ("edits", "last"),
    [
        ([("r0", "name", "first"), ("r0", "c1", "last")], "last"),
        ([("r0.c1", "first"), ("r0", "name", "last")], "last"),
        ([("r0", "c1", "first"), ("r0", "name", "second"), ("r0.c1", "old")], "old"),
    ],
    ids=["two names", "id then row", "the last one changes nothing"],
)
async def test_the_last_edit_of_a_cell_stands_after_any_interruption(
    tmp_path: Path, edits: list[Any], last: str
) -> None:
    """However a cell is addressed and wherever the reading is cut off, no earlier value is sent."""
    table = Table(2100)
    table.answer = lose_page("3")
    everything = [*edits, ("r2050.c1", "far")]
    async with table.client() as claro:
        with pytest.raises(ClaroError):
            await dataset(claro).update_cells(
                everything, journal=tmp_path / "j", skip_unchanged=True
            )
        await claro.resume_updates(tmp_path / "j")
        report = await claro.resume_updates(tmp_path / "j")
    assert table.cells["r0.c1"] == last
    assert {value for _, value in table.writes} <= {last, "far"}
    assert (report.superseded, report.total) == (len(edits) - 1, len(everything))


async def test_a_name_is_resolved_by_the_first_page_alone() -> None:
    """An id wins over another column's name; shared and unknown names fail on every page."""
    table = Table(2100, {"A": "x", "B": "x", "C": "A", "D": "price"})
    edits = [
        ("r1", "A", 1),
        ("r2", "x", 2),
        ("r1500", "x", 3),
        ("r2099", "x", 4),
        ("r2098", "colour", 5),
        ("r2097", "price", 6),
    ]
    async with table.client() as claro:
        report = await dataset(claro).update_cells(edits)
    assert sorted(table.writes) == [("r1.A", 1), ("r2097.D", 6)]
    errors = {each.index: each.error for each in report.failures}
    assert [type(errors[at]) for at in (1, 2, 3)] == [ValueError] * 3
    assert "several columns named 'x'" in str(errors[3])
    assert isinstance(errors[4], NotFoundByReadingError)
    assert "no column 'colour'" in str(errors[4])


@pytest.mark.parametrize("journaled", [False, True])
async def test_rows_that_moved_past_the_reading_are_found(
    tmp_path: Path,
    journaled: bool,  # noqa: FBT001
) -> None:
    """Rows that a deletion moves to a page that was read already are found by a second walk."""
    table = Table(3300)

    def page_made(page: int) -> None:
        if page == 2 and table.pages().count("2") == 1:
            table.delete("r10", "r11", "r1200")

    table.page_made = page_made
    edits: list[Any] = [("r2000", "name", "new"), ("r2001", "c1", "new"), ("r2002.c1", "new")]
    edits += [("r3299", "name", "new")]
    async with table.client() as claro:
        report = await dataset(claro).update_cells(
            edits, journal=tmp_path / "j" if journaled else None, skip_unchanged=True
        )
    assert (report.updated, report.total) == (4, 4)
    assert [table.cells[f"r{row}.c1"] for row in (2000, 2001, 2002, 3299)] == ["new"] * 4


async def test_rows_read_twice_count_once() -> None:
    """Rows that an insertion moves to the next page are seen twice, and none is taken for done."""
    table = Table(2300)

    def page_made(page: int) -> None:
        if page == 1 and table.pages() == ["1"]:
            table.rows[:0] = added = [f"n{number}" for number in range(300)]
            table.cells.update({f"{row}.c1": None for row in added})

    table.page_made = page_made
    rows = [*range(800, 1000), *range(2250, 2300)]
    async with table.client() as claro:
        report = await dataset(claro).update_cells(
            table.edits("new")[:0] + [(f"r{row}", "name", "new") for row in rows]
        )
    assert (report.updated, report.total) == (250, 250)


async def test_what_does_not_exist_fails_after_a_second_look() -> None:
    """A cell and a row that are nowhere fail without a request, once two walks have missed them."""
    table = Table(2100)
    async with table.client() as claro:
        report = await dataset(claro).update_cells(
            [("nowhere", 1), ("r9999", "name", 2), ("r5.c1", 3)], skip_unchanged=True
        )
    assert (report.updated, report.failed) == (1, 2)
    assert {type(each.error) for each in report.failures} == {NotFoundByReadingError}
    assert table.pages() == ["1", "2", "3"] * 2
    assert table.writes == [("r5.c1", 3)]


async def test_rows_that_never_stand_still_fail_with_a_reason() -> None:
    """Where rows come with every page, what was not found has a reason, and cells are sent."""
    table = Table(2100)

    def page_made(_: int) -> None:
        row = f"n{len(table.rows)}"
        table.rows.append(row)
        table.cells[f"{row}.c1"] = None

    table.page_made = page_made
    async with table.client() as claro:
        report = await dataset(claro).update_cells(
            [("r9999", "name", 2), ("nowhere.c1", 1)], skip_unchanged=True
        )
    assert report.failed == 2
    reasons = {each.index: str(each.error) for each in report.failures}
    assert "rows were added or deleted" in reasons[0]
    assert "CELL_NOT_FOUND" in reasons[1]


async def test_a_sync_finds_rows_that_moved() -> None:
    """A key whose row moved while the dataset was read is found, and none is written twice."""
    table = Table(2100, {"k": "key", "v": "value"})
    for number, row in enumerate(table.rows):
        table.cells[f"{row}.k"] = number

    def page_made(page: int) -> None:
        if page == 1 and table.pages() == ["1"]:
            table.delete("r3")

    table.page_made = page_made
    wanted = [{"key": number, "value": "new"} for number in (1, 1000, 2000)]
    async with table.client() as claro:
        report = await dataset(claro).update_from(wanted, key="key")
    assert (report.updated, report.total) == (3, 3)
    assert sorted(table.writes) == [("r1.v", "new"), ("r1000.v", "new"), ("r2000.v", "new")]


async def test_a_sync_refuses_names_that_are_not_unique() -> None:
    """A column name that two columns of the dataset have is refused before anything is sent."""
    table = Table(3, {"k": "key", "a": "price", "b": "price"})
    async with table.client() as claro:
        with pytest.raises(ValueError, match="several columns named 'price'"):
            await dataset(claro).update_from([{"key": "old", "price": 1}], key="key")
    assert table.writes == []


@pytest.mark.parametrize("change", ["grows", "shrinks"])
async def test_a_list_is_taken_as_it_is(change: str) -> None:
    """A list that its owner changes meanwhile is done as it was at the call, and counted so."""
    table = Table(20)
    edits = table.edits("new", range(10))

    def answer(asked: Asked) -> None:
        if asked.method == "PATCH" and len(table.writes) == 3:
            if change == "grows":
                edits.extend(table.edits("new", range(10, 20)))
            else:
                del edits[2:]

    table.answer = answer
    async with table.client() as claro:
        report = await dataset(claro).update_cells(edits, max_concurrency=2)
    assert (report.updated, report.total) == (10, 10)
    assert len(table.writes) == 10
