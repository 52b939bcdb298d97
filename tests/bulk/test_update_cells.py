"""`update_cells` against the emulator: what is sent, in which order, and how it is counted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import (
    AuthenticationError,
    BulkUpdateError,
    CellEdit,
    CellNotFoundError,
    ClaroClient,
    ConnectionFailedError,
    EditStatus,
    ProcessingInProgressError,
    RetryPolicy,
    RowEdit,
)
from claro_async.transport.clock import SystemClock
from claro_async.transport.events import RequestSent
from tests.simulated import SimulatedServer, simulated_dataset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from claro_async import BulkProgress, Dataset
    from claro_async.emulator import Emulator
    from claro_async.transport.events import Event


def edits_of(rows: int, prefix: str = "new") -> Iterator[tuple[str, Any]]:
    """New names for the first rows of a dataset."""
    return ((f"cell_{row}_1", f"{prefix} {row}") for row in range(1, rows + 1))


async def streamed(edits: Iterator[tuple[str, Any]]) -> AsyncIterator[tuple[str, Any]]:
    """The edits from an async generator that gives way between any two."""
    for edit in edits:
        await asyncio.sleep(0)
        yield edit


@pytest.mark.parametrize("kind", ["list", "generator", "async", "mapping", "CellEdit"])
async def test_any_kind_of_input(
    emulator: Emulator, make_dataset: Callable[..., Dataset], kind: str
) -> None:
    """Edits from a list, a generator, an async generator or a mapping all arrive, once each."""
    dataset = make_dataset(120)
    makers: dict[str, Callable[[], Any]] = {
        "list": lambda: list(edits_of(120)),
        "generator": lambda: edits_of(120),
        "async": lambda: streamed(edits_of(120)),
        "mapping": lambda: dict(edits_of(120)),
        "CellEdit": lambda: [CellEdit(*edit) for edit in edits_of(120)],
    }

    report = await dataset.update_cells(makers[kind](), skip_unchanged=False)

    assert report.updated == report.total == 120
    assert report.requests == emulator.ledger.count("updateCell") == 120
    values = emulator.values(dataset.dataset_id)
    assert all(values[cell] == value for cell, value in edits_of(120))


async def test_empty_input(make_dataset: Callable[..., Dataset], emulator: Emulator) -> None:
    """An empty input sends nothing and gives a report of zeros."""
    report = await make_dataset(1).update_cells([])

    assert report.total == 0
    assert emulator.ledger.requests == []


async def test_concurrency_is_bounded(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """No more than max_concurrency requests are ever under way."""
    emulator.faults.add("updateCell", "slow", delay=0.001)

    await make_dataset(60).update_cells(edits_of(60), max_concurrency=7)

    assert 1 < emulator.ledger.max_in_flight <= 7


async def test_last_edit_of_a_cell_stands(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """Of many edits of few cells the last ones stand, never two at a time, and all are counted."""
    dataset = make_dataset(3)
    edits = [(f"cell_{number % 3 + 1}_1", number) for number in range(300)]
    emulator.faults.add("updateCell", "slow", delay=0.001)

    report = await dataset.update_cells(iter(edits), max_concurrency=16)

    values = emulator.values(dataset.dataset_id)
    assert [values[f"cell_{row}_1"] for row in (1, 2, 3)] == [297, 298, 299]
    assert emulator.ledger.max_in_flight_per_cell == 1
    assert report.updated + report.superseded == report.total == 300
    assert report.superseded > 200


async def test_order_holds_when_a_reply_is_lost(
    emulator: Emulator,
    make_dataset: Callable[..., Dataset],
    connect: Callable[..., ClaroClient],
) -> None:
    """A cell edited twice ends at the last value, even if the reply to the first edit was lost."""
    emulator.faults.add("updateCell", "reset", apply=True, times=1)
    first_sent = asyncio.Event()

    async def edits() -> AsyncIterator[tuple[str, Any]]:
        yield ("cell_1_1", "first")
        await first_sent.wait()
        yield ("cell_1_1", "last")

    def on_event(event: Event) -> None:
        if isinstance(event, RequestSent):
            first_sent.set()

    dataset = connect(on_event=on_event).dataset(make_dataset(1).dataset_id)
    report = await dataset.update_cells(edits())

    assert emulator.values(dataset.dataset_id)["cell_1_1"] == "last"
    assert [edit.value for edit in emulator.ledger.edits] == ["first", "first", "last"]
    assert (report.updated, report.retries) == (2, 1)


async def test_failures_are_collected(make_dataset: Callable[..., Dataset]) -> None:
    """Edits that the server refuses are counted and kept with their errors; the others are done."""
    edits = [("cell_1_1", "a"), ("cell_99_1", "b"), ("cell_2_1", "c")]

    report = await make_dataset(2).update_cells(edits)

    assert (report.updated, report.failed, report.total) == (2, 1, 3)
    (failure,) = report.failures
    assert (failure.index, failure.edit, failure.status) == (1, edits[1], EditStatus.FAILED)
    assert isinstance(failure.error, CellNotFoundError)
    with pytest.raises(BulkUpdateError) as caught:
        report.raise_for_failures()
    assert caught.value.report is report
    assert caught.group_contains(CellNotFoundError)


async def test_raise_stops_at_the_first_failure(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """With on_error="raise" nothing more is sent after a failure, and the counts still sum."""
    dataset = make_dataset(500)
    edits = [("nowhere", 0), *edits_of(500)]

    with pytest.raises(BulkUpdateError) as caught:
        await dataset.update_cells(edits, max_concurrency=2, on_error="raise", skip_unchanged=False)

    report: Any = caught.value.report
    assert report.failed == 1
    assert report.total == 501
    assert report.not_sent > 400
    assert emulator.ledger.count("updateCell") == report.requests < 100


async def test_a_list_is_checked_before_anything_is_sent(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """A value that JSON cannot carry anywhere in a list raises, and no request is sent."""
    dataset = make_dataset(3)

    with pytest.raises(ValueError, match=r"edits\[1\]: value is nan"):
        await dataset.update_cells([("cell_1_1", 1), ("cell_2_1", float("nan"))])
    with pytest.raises(TypeError, match=r"edits\[0\]: an edit is"):
        await dataset.update_cells(["cell_1_1"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="edits is an iterable"):
        await dataset.update_cells("cell_1_1")

    assert emulator.ledger.requests == []


async def test_a_generators_bad_item_counts_as_failed(
    make_dataset: Callable[..., Dataset],
) -> None:
    """An item of a generator that cannot be sent fails alone, with its place in the input."""
    edits: Any = (edit for edit in [("cell_1_1", 1), ("", 2), ("cell_2_1", {1, 2}), 7])

    report = await make_dataset(2).update_cells(edits)

    assert (report.updated, report.failed) == (1, 3)
    assert sorted(failure.index for failure in report.failures) == [1, 2, 3]


@pytest.mark.parametrize("kind", ["list", "generator"])
async def test_a_wrong_key_ends_the_update(emulator: Emulator, kind: str) -> None:
    """A refusal that every edit would meet ends the update; the rest counts as not sent."""
    dataset_id = emulator.add_dataset("table", ["name"], [["a"]] * 400)
    claro = ClaroClient("wrong", emulator.base_url)
    edits: Any = list(edits_of(400)) if kind == "list" else edits_of(400)

    async with claro:
        report = await claro.dataset(dataset_id).update_cells(edits, max_concurrency=4)

    assert isinstance(report.stopped_by, AuthenticationError)
    assert (report.not_sent, report.total) == (400, 400)
    assert len(emulator.ledger.requests) < 10


async def test_a_locked_dataset_ends_the_update(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """While a task has locked the dataset nothing is sent beyond the first refusals."""
    dataset = make_dataset(300)
    emulator.set_processing(dataset.dataset_id, until=None)

    report = await dataset.update_cells(edits_of(300), max_concurrency=4)

    assert isinstance(report.stopped_by, ProcessingInProgressError)
    assert (report.not_sent, report.total) == (300, 300)
    assert len(emulator.ledger.requests) < 10


async def test_no_server_ends_the_update() -> None:
    """Where no server answers, the update ends after a few edits instead of trying each."""
    async with ClaroClient(
        "key", "http://127.0.0.1:1/api/v2", retry=RetryPolicy(max_attempts=1)
    ) as claro:
        report = await claro.dataset("d").update_cells(edits_of(1000), max_concurrency=2)

    assert isinstance(report.stopped_by, ConnectionFailedError)
    assert (report.not_sent, report.total) == (1000, 1000)
    assert report.requests < 20


async def test_an_unknown_outcome_says_so(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """An edit whose every reply is lost is counted as unknown, with the error that says so."""
    emulator.faults.add("updateCell", "reset", apply=True, match="cell_2_1")

    report = await make_dataset(3).update_cells(edits_of(3))

    assert (report.updated, report.unknown, report.total) == (2, 1, 3)
    assert report.failures[0].status is EditStatus.UNKNOWN
    assert "may or may not" in str(report.failures[0].error)


async def test_progress_is_told(make_dataset: Callable[..., Dataset]) -> None:
    """The progress callback sees counts that grow, and in the end all of them."""
    seen: list[BulkProgress] = []

    await make_dataset(80).update_cells(list(edits_of(80)), on_progress=seen.append)

    assert seen[-1].done == seen[-1].total == seen[-1].updated == 80
    assert [each.done for each in seen] == sorted(each.done for each in seen)


async def test_an_error_of_the_input_is_passed_on(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """What the caller's own generator raises comes out, after what was under way has ended."""
    dataset = make_dataset(50)

    def edits() -> Iterator[tuple[str, Any]]:
        yield from edits_of(40)
        raise LookupError("the caller's database went away")

    with pytest.raises(LookupError, match="went away"):
        await dataset.update_cells(edits(), max_concurrency=4)

    assert None not in {record.status for record in emulator.ledger.requests}


async def test_an_error_of_the_callback_ends_nothing(
    make_dataset: Callable[..., Dataset], caplog: pytest.LogCaptureFixture
) -> None:
    """What the progress callback raises is logged once and noted; every edit is applied."""

    def on_progress(_: BulkProgress) -> None:
        raise ZeroDivisionError("bar")

    report = await make_dataset(50).update_cells(edits_of(50), on_progress=on_progress)

    assert (report.updated, report.total) == (50, 50)
    [note] = report.notes
    assert note.startswith("on_progress raised")
    assert "ZeroDivisionError: bar" in note
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "options", [{"max_concurrency": 0}, {"on_error": "ignore"}, {"reserve": 1.0}]
)
async def test_bad_options(
    emulator: Emulator, make_dataset: Callable[..., Dataset], options: dict[str, Any]
) -> None:
    """An option outside its limits raises before anything is sent."""
    with pytest.raises(ValueError, match=next(iter(options))):
        await make_dataset(1).update_cells([("cell_1_1", 1)], **options)
    assert emulator.ledger.requests == []


async def test_outcomes_as_they_come(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """`iter_updates` gives one outcome for every edit, also for those that are not sent."""
    edits: list[Any] = [
        ("cell_1_1", "x"),
        ("cell_1_1", "y"),
        ("cell_2_1", "name 1"),
        ("nowhere", 0),
        ("row_3", "size", 7),
    ]
    async with make_dataset(3).iter_updates(edits, skip_unchanged=True) as outcomes:
        found = {outcome.index: outcome async for outcome in outcomes}

    assert {index: outcome.status.value for index, outcome in found.items()} == {
        0: "superseded",
        1: "updated",
        2: "unchanged",
        3: "failed",
        4: "updated",
    }
    assert found[1].previous_value == "name 0"
    assert outcomes.report.total == 5
    assert emulator.ledger.count("updateCell") == 2


@pytest.mark.parametrize(
    ("item", "edit"),
    [
        (("cell 1", object), CellEdit("cell 1", object)),
        ((7, "x"), CellEdit("", (7, "x"))),
        (RowEdit("row_1", "size", 1), CellEdit("", RowEdit("row_1", "size", 1))),
        ("cell_1_1", CellEdit("", "cell_1_1")),
        (None, CellEdit("", None)),
    ],
)
async def test_an_item_that_cannot_be_sent_has_an_outcome_with_an_edit(
    make_dataset: Callable[..., Dataset], item: Any, edit: CellEdit
) -> None:
    """Whatever the input has, an outcome has an edit; what names no cell is the value of one."""
    report = await make_dataset(1).update_cells(iter([("cell_1_1", "x"), item]))
    assert (report.updated, report.failed) == (1, 1)
    [outcome] = report.failures
    assert (outcome.index, outcome.edit) == (1, edit)
    assert isinstance(outcome.edit, CellEdit)
    assert outcome.error is not None


async def test_leaving_early_ends_the_update(
    emulator: Emulator, make_dataset: Callable[..., Dataset]
) -> None:
    """Leaving `iter_updates` early sends nothing more than was under way."""
    dataset = make_dataset(500)

    async with dataset.iter_updates(edits_of(500), max_concurrency=4) as outcomes:
        async for _ in outcomes:
            break
    sent = len(emulator.ledger.requests)
    await dataset.get()

    assert len(emulator.ledger.requests) == sent + 1 < 50


async def test_outcomes_need_their_block() -> None:
    """Outside of `async with` nothing would end the job: the error says what to write."""
    outcomes = simulated_dataset(SimulatedServer(SystemClock())).iter_updates(edits_of(2))
    with pytest.raises(RuntimeError, match="async with"):
        await anext(outcomes)


async def test_a_block_that_reads_nothing_ends() -> None:
    """Whoever asks for no outcome stops the job by leaving."""
    server = SimulatedServer(SystemClock())
    async with simulated_dataset(server).iter_updates(edits_of(1000), max_concurrency=4):
        pass
    assert server.edits < 1000


async def test_nothing_is_sent_faster_than_outcomes_are_taken() -> None:
    """While nobody takes outcomes, no more is sent than the workers and the queue hold."""
    server = SimulatedServer(SystemClock())
    async with simulated_dataset(server).iter_updates(edits_of(1000), max_concurrency=4) as taken:
        async for _ in taken:
            for _ in range(50):
                await asyncio.sleep(0)
            assert server.edits <= 1 + 4 + 4
            break


async def test_no_task_for_each_edit() -> None:
    """However many edits there are, the tasks are the workers and the one that reads."""
    most = 0

    def edits() -> Iterator[tuple[str, Any]]:
        nonlocal most
        for edit in edits_of(2000):
            most = max(most, len(asyncio.all_tasks()))
            yield edit

    dataset = simulated_dataset(SimulatedServer(SystemClock()))
    before = len(asyncio.all_tasks())
    report = await dataset.update_cells(edits(), max_concurrency=8)

    assert report.updated == 2000
    assert most - before <= 8 + 1
