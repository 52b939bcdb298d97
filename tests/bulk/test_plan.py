"""Plans: fewer requests, and known before anything is sent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from claro_async import CellEdit, ClaroClient, RowEdit
from claro_async.bulk import memory
from claro_async.bulk.equality import same_json
from claro_async.bulk.reading import Estimate
from claro_async.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import Dataset
    from tests.clocks import ManualClock


@pytest.fixture(autouse=True, params=["memory", "database"])
def staged_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the edits of a list are staged: all that follows holds for either."""
    if request.param == "database":
        monkeypatch.setattr(memory, "MOST_IN_MEMORY", 0)
    return str(request.param)


def all_names(emulator: Emulator, dataset: Dataset) -> dict[str, Any]:
    """The present names by cell."""
    values = emulator.values(dataset.dataset_id)
    return {cell: value for cell, value in values.items() if cell.endswith("_1")}


async def test_plan_tells_what_would_change(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """A plan lists changes with present values, and counts what needs no request, sending none."""
    dataset = make_dataset(1500)
    names = all_names(emulator, dataset)
    edits = [*names.items(), ("cell_7_1", "seven"), ("cell_1400_1", 1400)]

    plan = await dataset.plan_updates(edits)

    assert [tuple(change) for change in plan.changes] == [
        ("cell_7_1", "seven", "name 6"),
        ("cell_1400_1", 1400, "name 1399"),
    ]
    assert (plan.requests, plan.unchanged, plan.superseded) == (2, 1498, 2)
    assert plan.unknown_cells == []
    assert (plan.pages_read, emulator.ledger.count("updateCell")) == (2, 0)

    report = await plan.apply()
    assert (report.updated, report.unchanged, report.superseded) == (2, 1498, 2)
    assert emulator.ledger.count("updateCell") == 2
    with pytest.raises(RuntimeError, match="applied"):
        await plan.apply()


async def test_unknown_cells_are_found_before_anything_is_sent(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """Cells that the dataset does not have are listed by the plan, and cost no request."""
    edits: list[Any] = [
        ("cell_1_1", "x"),
        ("nowhere", 1),
        RowEdit("row_2", "size", 5),
        ("row_9", "size", 5),
    ]

    plan = await make_dataset(3).plan_updates(edits, skip_unchanged=True)

    assert plan.unknown_cells == ["nowhere", "row_9 / size"]
    report = await plan.apply()
    assert (report.updated, report.failed, report.total) == (2, 2, 4)
    assert emulator.ledger.count("updateCell") == 2


async def test_duration_at_the_quota_last_told(clock: ManualClock) -> None:
    """The plan's duration is its requests at the limit that the server reported last."""
    edits = [(f"cell_{row}_1", row) for row in range(1, 601)]

    async with Emulator(clock=clock.time, sample_world=False, rate_limit=300) as limited:
        dataset_id = limited.add_dataset("table", ["name"], [["a"]] * 600)
        async with ClaroClient(limited.api_key, limited.base_url, clock=clock) as claro:
            plan = await claro.dataset(dataset_id).plan_updates(edits)

    assert plan.duration == timedelta(minutes=2)
    plan.close()


async def test_requests_of_a_large_job(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """Of 30,000 edits 1,000 differ: the requests are those 1,000 and the 30 pages."""
    dataset = make_dataset(30_000)
    edits: list[Any] = list(all_names(emulator, dataset).items())
    for at in range(0, 30_000, 30):
        edits[at] = (edits[at][0], f"other {at}")

    report = await dataset.update_cells(edits)

    assert (report.updated, report.unchanged) == (1000, 29_000)
    assert len(emulator.ledger.requests) == 1030  # of 1,051 that would do


async def test_no_reading_where_it_does_not_pay(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """Edits that all differ cost one page at the most; a handful costs none."""
    dataset = make_dataset(5000)

    await dataset.update_cells([(f"cell_{row}_1", row) for row in range(1, 1001)])
    assert emulator.ledger.count("getDatasetData") <= 2
    emulator.ledger.clear()
    await dataset.update_cells([(f"cell_{row}_1", -row) for row in range(1, 21)])

    assert emulator.ledger.count("getDatasetData") == 0


async def test_unchanged_cells_keep_their_metadata(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """A cell that has the value already is not sent, so its metadata stays."""
    dataset = make_dataset(60)
    edits = all_names(emulator, dataset)

    report = await dataset.update_cells(edits)

    assert report.unchanged == 60
    assert emulator.ledger.applied == []


async def test_rows_and_columns(emulator: Emulator, make_dataset: Callable[..., Dataset]) -> None:
    """An edit by row and column finds its cell by the column's name or its id."""
    dataset = make_dataset(3)

    edits: list[Any] = [("row_1", "size", 10), ("row_2", "col_2", 20), ("cell_3_2", 30)]

    await dataset.update_cells(edits)

    values = emulator.values(dataset.dataset_id)
    assert [values[f"cell_{row}_2"] for row in (1, 2, 3)] == [10, 20, 30]


async def test_only_the_columns_concerned_are_read(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """Once it is known where the edits are, the further pages are asked for without the rest."""
    dataset = make_dataset(4000)

    await dataset.plan_updates(all_names(emulator, dataset))

    queries = [parse_qs(record.query) for record in emulator.ledger.requests]
    assert [query.get("columns") for query in queries] == [None, ["col_1"], ["col_1"], ["col_1"]]


async def test_edits_of_other_columns_are_found_in_a_second_walk(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """A cell in a column that the first pages did not point to is found all the same."""
    dataset = make_dataset(3000)
    edits = {**all_names(emulator, dataset), "cell_2500_2": -1}

    plan = await dataset.plan_updates(edits, skip_unchanged=True)

    assert [tuple(change) for change in plan] == [("cell_2500_2", -1, 2499)]
    assert (plan.unknown_cells, plan.pages_read) == ([], 3 + 2)


async def test_the_same_cell_addressed_twice(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """A cell addressed by id and by row is one cell: the later edit stands, and one is sent."""
    dataset = make_dataset(2)
    edits: list[CellEdit | RowEdit] = [CellEdit("cell_1_2", 1), RowEdit("row_1", "size", 2)]

    report = await dataset.update_cells(edits)

    assert (report.updated, report.superseded) == (1, 1)
    assert emulator.values(dataset.dataset_id)["cell_1_2"] == 2


async def test_own_equality(make_dataset: Callable[..., Dataset]) -> None:
    """A callable decides what is the same: here numbers as text are."""
    dataset = make_dataset(3)
    edits = [("cell_1_2", "0"), ("cell_2_2", "5")]

    report = await dataset.update_cells(
        edits, skip_unchanged=True, equal=lambda now, new: str(now) == str(new)
    )

    assert (report.updated, report.unchanged) == (1, 1)


async def test_somebody_elses_change_is_seen(make_dataset: Callable[..., Dataset]) -> None:
    """A cell changed between planning and sending is marked as a conflict and counted."""
    dataset = make_dataset(3)
    plan = await dataset.plan_updates(
        [("cell_1_1", "mine"), ("cell_2_1", "mine")], skip_unchanged=True
    )
    await dataset.update_cell("cell_2_1", "theirs")

    report = await plan.apply()

    assert report.updated == 2
    (conflict,) = report.conflicts
    assert conflict.edit == ("cell_2_1", "mine")
    assert (conflict.conflict, conflict.previous_value) == (True, "theirs")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (b"1", b"1", True),
        (b"1", b"1.0", True),
        (b"0", b"-0.0", True),
        (b"1", b"1.5", False),
        (b"9007199254740993", b"9007199254740992.0", False),
        (b"1", b'"1"', False),
        (b"1", b"true", False),
        (b"null", b'""', False),
        (b"1e2", b"100.0", True),
        (b'"\\u00e9"', '"é"'.encode(), True),
        (b'{"a":1,"b":[1]}', b'{ "b": [1], "a": 1 }', True),
        (b'{"a":[1]}', b'{"a":[1.0]}', True),
        (b'{"a":1}', b'{"a":true}', False),
        (b"[1,2]", b"[2,1]", False),
    ],
)
def test_equality_is_typed(left: bytes, right: bytes, same: bool) -> None:  # noqa: FBT001
    """Values of different types differ; the order of keys and the way of writing do not count."""
    assert same_json(left, right) is same


@pytest.mark.parametrize(
    ("estimate", "pages_left", "pays"),
    [
        (Estimate(1000, exhaustive=False), 0, False),
        (Estimate(1000, exhaustive=False, seen=10, unchanged=9), 99, True),
        (Estimate(1000, exhaustive=False, seen=10, unchanged=0), 99, False),
        (Estimate(100, exhaustive=False), 999, False),
        (Estimate(100, exhaustive=True), 999, True),
        (Estimate(100, exhaustive=True, seen=100), 999, False),
    ],
)
def test_when_reading_pays(estimate: Estimate, pages_left: int, pays: bool) -> None:  # noqa: FBT001
    """Reading goes on while a page is expected to save more requests than the one it costs."""
    assert estimate.pays(pages_left) is pays


async def test_sync_by_key(emulator: Emulator, make_dataset: Callable[..., Dataset]) -> None:
    """Rows matched by a key column: only cells that differ are sent, unknown keys fail."""
    dataset = make_dataset(1200)
    rows = [{"size": row, "name": f"name {row}"} for row in range(1200)]
    rows[5]["name"] = "five"
    rows.append({"size": 99_999, "name": "nobody"})

    report = await dataset.update_from(rows, key="size")

    assert (report.updated, report.unchanged, report.failed) == (1, 1199, 1)
    assert "no row with size = 99999" in str(report.failures[0].error)
    assert emulator.values(dataset.dataset_id)["cell_6_1"] == "five"
    assert len(emulator.ledger.requests) == 2 + 1


@pytest.mark.parametrize(
    ("rows", "error", "match"),
    [
        ([{"name": "x"}], ValueError, "rows\\[0\\] has no 'size'"),
        ([{"size": 1}, {"size": 1}], ValueError, "comes twice"),
        ([{"size": 1, "colour": "red"}], KeyError, "no column 'colour'"),
        ([{"size": 1, "name": float("inf")}], ValueError, "rows\\[0\\]\\['name'\\] is inf"),
        ({"size": 1}, TypeError, "rows is an iterable of dicts"),
    ],
)
async def test_sync_refuses_what_it_cannot_match(
    emulator: Emulator,
    make_dataset: Callable[..., Dataset],
    rows: Any,
    error: type[Exception],
    match: str,
) -> None:
    """Rows that cannot be matched raise before anything is changed."""
    with pytest.raises(error, match=match):
        await make_dataset(3).update_from(rows, key="size")

    assert emulator.ledger.applied == []


async def test_sync_refuses_a_key_that_is_not_unique(
    emulator: Emulator, client: ClaroClient
) -> None:
    """A key that two rows of the dataset share raises before anything is changed."""
    dataset_id = emulator.add_dataset("table", ["key", "value"], [["a", 1], ["a", 2]])

    with pytest.raises(ValueError, match="in two rows"):
        await client.dataset(dataset_id).update_from([{"key": "a", "value": 3}], key="key")

    assert emulator.ledger.applied == []


async def test_a_missing_value_is_null(emulator: Emulator, client: ClaroClient) -> None:
    """An edit to null of a cell that has no value changes nothing, and is not sent."""
    dataset_id = emulator.add_dataset("table", ["name"], [[None], ["a"]])

    report = await client.dataset(dataset_id).update_cells(
        {"cell_1_1": None, "cell_2_1": None}, skip_unchanged=True
    )

    assert (report.updated, report.unchanged) == (1, 1)


async def test_sync_from_a_data_frame(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """Anything that speaks Arrow can be the source: nulls become null."""
    pyarrow = pytest.importorskip("pyarrow")
    dataset = make_dataset(3)
    table = pyarrow.table({"size": [0, 1, 2], "name": ["name 0", None, "two"]})

    report = await dataset.update_from(table, key="size")

    assert (report.updated, report.unchanged) == (2, 1)
    values = emulator.values(dataset.dataset_id)
    assert [values[f"cell_{row}_1"] for row in (1, 2, 3)] == ["name 0", None, "two"]
