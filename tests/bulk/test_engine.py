"""The engine step by step, above a server whose every answer is scripted, on a clock that jumps."""

from __future__ import annotations

import asyncio
import json
import pickle
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from claro_async import BulkUpdateError, EditStatus, JournalError, OutcomeUnknownError
from claro_async.bulk.sqlite_store import SqliteStore
from claro_async.errors import (
    AuthenticationError,
    CellNotFoundError,
    ConnectionFailedError,
    PermissionDeniedError,
)
from claro_async.transport.failures import AttemptError
from claro_async.wire.replies import HttpReply
from tests.simulated import simulated_dataset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from claro_async import BulkProgress, BulkReport, Dataset
    from claro_async.wire.requests import HttpRequest
    from tests.clocks import ManualClock

LOST = AttemptError("reset", sent=True)
UNSENT = AttemptError("connection refused", sent=False)


def error_reply(status: int, code: str, **headers: str) -> HttpReply:
    """A rejection as the API makes it."""
    return HttpReply(status, headers, json.dumps({"error": "no", "code": code}).encode())


def ok(cell: str, previous: str = '"old"') -> HttpReply:
    """A success."""
    return HttpReply(200, {}, f'{{"cellId":"{cell}","previousValue":{previous}}}'.encode())


class Script:
    """A server that does what it is told with the n-th request for a cell.

    Args:
        clock: Time.
        answer: Given a cell and the number of its request, from 1: a reply, a failure, or None for
            a success.
        seconds: How long each reply takes.

    Attributes:
        sent: The cells in the order of the requests.
        values: What was written last.
        most: The most requests that were under way at once.
    """

    def __init__(
        self,
        clock: ManualClock,
        answer: Callable[[str, int], HttpReply | AttemptError | None] = lambda _cell, _number: None,
        seconds: float = 1.0,
    ) -> None:
        self._clock = clock
        self._answer = answer
        self._seconds = seconds
        self._under_way = 0
        self.sent: list[str] = []
        self.values: dict[str, Any] = {}
        self.most = 0

    async def send(self, request: HttpRequest) -> HttpReply:
        """Answer a request."""
        cell = request.target.rpartition("/")[2]
        self.sent.append(cell)
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        answer = self._answer(cell, self.sent.count(cell)) or ok(cell)
        try:
            await self._clock.sleep(self._seconds)
        finally:
            self._under_way -= 1
        if isinstance(answer, AttemptError):
            raise answer
        if answer.status < 400:
            self.values[cell] = msgspec.json.decode(request.content or b"{}")["value"]
        return answer

    async def close(self) -> None:
        """There is nothing to close."""


@pytest.fixture
def dataset_on(clock: ManualClock) -> Iterator[Callable[[Script], Dataset]]:
    """Makes handles whose requests go to a script; time jumps meanwhile."""

    def make(script: Script) -> Dataset:
        return simulated_dataset(script, clock)

    yield make
    assert clock.pending == [], "a timer was left behind"


def edits(number: int) -> list[tuple[str, Any]]:
    """One edit each of so many cells."""
    return [(f"c{place}", place) for place in range(number)]


async def update(clock: ManualClock, dataset: Dataset, items: Any, **options: Any) -> BulkReport:
    """Carry out edits without reading, while time jumps."""
    with clock.automatic(grace=0.002 if "journal" in options else 0):
        return await dataset.update_cells(items, skip_unchanged=False, **options)


def counts(report: BulkReport) -> dict[str, int]:
    """The counts of a report that are not 0."""
    return {each.value: number for each in EditStatus if (number := getattr(report, each.value))}


# --- figures


async def test_figures_of_a_run(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """Seconds, latencies, requests and the timeline are those of the run."""
    script = Script(clock, seconds=2.0)
    dataset = dataset_on(script)
    report = await update(clock, dataset, edits(8), max_concurrency=4)
    assert report.seconds == clock.monotonic() > 4.0
    # one request goes ahead to learn the quota, and the others wait for its reply
    assert 0 < report.seconds_waited <= 3 * 2.0
    assert report.latency.total == report.requests == 8
    assert report.latency.percentile(0.5) == pytest.approx(2.0, rel=0.06)
    assert sum(each.edits for each in report.timeline.bins) == 8
    assert max(each.concurrency for each in report.timeline.bins) == script.most == 4
    assert (report.retries, report.throttled) == (0, 0)
    again = await update(clock, dataset, edits(8), max_concurrency=4)
    assert again.seconds == 4.0
    assert again.seconds_waited == 0


async def test_failed_attempts_stand_in_the_figures(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """Requests, retries, refusals and errors count every attempt, also of edits that failed."""

    def answer(cell: str, number: int) -> HttpReply | AttemptError | None:
        if cell == "c1" and number < 3:
            return LOST
        if cell == "c2" and number == 1:
            return error_reply(429, "RATE_LIMIT_EXCEEDED", **{"Retry-After": "1"})
        if cell == "c2":
            return error_reply(404, "CELL_NOT_FOUND")
        return LOST if cell == "c3" else None

    script = Script(clock, answer)
    report = await update(clock, dataset_on(script), edits(5))
    assert counts(report) == {"updated": 3, "failed": 1, "unknown": 1}
    assert report.requests == len(script.sent) == 1 + 3 + 2 + 4 + 1
    assert report.retries == 2 + 1 + 3
    assert report.throttled == 1
    assert sum(each.errors for each in report.timeline.bins) == 2 + 4
    assert sum(each.throttled for each in report.timeline.bins) == 1
    assert sum(each.edits for each in report.timeline.bins) == 3
    by_cell = {outcome.edit.cell_id: outcome for outcome in report.failures}
    assert by_cell["c2"].attempts == 2
    assert isinstance(by_cell["c2"].error, CellNotFoundError)
    assert by_cell["c3"].attempts == 4
    assert isinstance(by_cell["c3"].error, OutcomeUnknownError)


@pytest.mark.parametrize(
    ("last", "status", "kind"),
    [
        (error_reply(404, "CELL_NOT_FOUND"), EditStatus.FAILED, CellNotFoundError),
        (error_reply(403, "ACCESS_DENIED"), EditStatus.FAILED, PermissionDeniedError),
        (LOST, EditStatus.UNKNOWN, OutcomeUnknownError),
        (HttpReply(200, {}, b"<html>"), EditStatus.UNKNOWN, OutcomeUnknownError),
        (UNSENT, EditStatus.NOT_SENT, ConnectionFailedError),
        (HttpReply(302, {"Location": "/"}, b""), EditStatus.NOT_SENT, Exception),
    ],
    ids=["404", "403", "lost", "unreadable", "unsent", "redirect"],
)
async def test_each_end_of_an_edit_has_its_status(
    clock: ManualClock,
    dataset_on: Callable[[Script], Dataset],
    last: HttpReply | AttemptError,
    status: EditStatus,
    kind: type[Exception],
) -> None:
    """One edit that ends badly has the status that is true, and the others are applied."""
    script = Script(clock, lambda cell, _: last if cell == "c2" else None)
    report = await update(clock, dataset_on(script), edits(5))
    assert counts(report) == {"updated": 4, status.value: 1}
    [outcome] = report.failures
    assert (outcome.status, outcome.edit) == (status, ("c2", 2))
    assert isinstance(outcome.error, kind)
    assert outcome.attempts == script.sent.count("c2")
    assert report.requests == len(script.sent)
    assert report.stopped_by is None


async def test_a_reply_that_cannot_be_read_is_asked_for_again(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """After a garbled 200 the edit is sent again; its value before is not known for certain."""
    garbled = HttpReply(200, {}, b"{")
    script = Script(clock, lambda cell, number: garbled if (cell, number) == ("c1", 1) else None)
    dataset = dataset_on(script)
    with clock.automatic(grace=0):
        async with dataset.iter_updates(edits(3), skip_unchanged=False) as outcomes:
            previous = {each.edit: each.previous_value async for each in outcomes}
    assert previous == {("c0", 0): "old", ("c1", 1): None, ("c2", 2): "old"}
    assert script.sent.count("c1") == 2


async def test_the_report_is_plain_and_pickles(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """A report with failures goes through JSON as a dict, and whole through pickle."""
    expired = error_reply(401, "UNAUTHORIZED")
    script = Script(clock, lambda cell, _: expired if cell == "c3" else None)
    report = await update(clock, dataset_on(script), iter(edits(10)), max_concurrency=1)
    plain = json.loads(json.dumps(report.to_dict()))
    assert plain["total"] == report.total == sum(plain[each.value] for each in EditStatus)
    assert plain["stopped_by"] is not None
    again = pickle.loads(pickle.dumps(report))  # noqa: S301 - our own bytes
    assert again.to_dict() == report.to_dict()
    assert isinstance(again.stopped_by, AuthenticationError)


# --- stopping


async def test_a_stop_finishes_what_is_under_way(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """After `stop` nothing is sent; replies on their way are counted, the rest is not sent."""
    script, stop = Script(clock), asyncio.Event()
    clock.call_later(2.5, stop.set)
    report = await update(clock, dataset_on(script), edits(40), max_concurrency=4, stop=stop)
    assert counts(report) == {"updated": 9, "not_sent": 31}
    assert len(script.sent) == report.requests == 9
    assert report.stop_requested
    assert report.stopped_by is None


async def test_a_stop_before_the_start_sends_nothing(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset], tmp_path: Path
) -> None:
    """With `stop` set already, no request goes out, whatever the input."""
    script, stop = Script(clock), asyncio.Event()
    stop.set()
    for items in (edits(5), iter(edits(5))):
        report = await update(clock, dataset_on(script), items, stop=stop)
        assert (report.updated, report.stop_requested) == (0, True)
    journal = tmp_path / "job"
    report = await update(clock, dataset_on(script), edits(5), stop=stop, journal=journal)
    assert (report.updated, report.stop_requested) == (0, True)
    assert script.sent == []


async def test_a_stop_returns_the_report_although_errors_are_to_be_raised(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """A stop is no failure: with ``on_error="raise"`` the report is returned as well."""
    script, stop = Script(clock), asyncio.Event()
    clock.call_later(1.5, stop.set)
    report = await update(
        clock, dataset_on(script), edits(40), max_concurrency=2, stop=stop, on_error="raise"
    )
    assert report.updated + report.not_sent == 40


@pytest.mark.parametrize("journal", [False, True])
async def test_a_stop_does_not_wait_for_the_input(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset], tmp_path: Path, *, journal: bool
) -> None:
    """A stop ends a job whose input is idle, and closes the input."""
    script, stop, closed = Script(clock), asyncio.Event(), []

    async def feed() -> AsyncIterator[tuple[str, Any]]:
        try:
            yield "c0", 0
            stop.set()
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    options = {"journal": tmp_path / "job"} if journal else {}
    report = await update(clock, dataset_on(script), feed(), stop=stop, **options)
    assert report.stop_requested
    assert report.updated + report.unknown + report.not_sent == report.total <= 1
    assert closed == [True]


async def test_a_stop_breaks_waits_off(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """An edit that waits to be sent again is unknown if it may have been applied, else not sent."""

    def answer(cell: str, _: int) -> HttpReply | AttemptError:
        return LOST if cell == "c0" else UNSENT

    script, stop = Script(clock, answer, seconds=0.01), asyncio.Event()
    clock.call_later(0.1, stop.set)
    report = await update(clock, dataset_on(script), edits(2), stop=stop)
    assert counts(report) == {"unknown": 1, "not_sent": 1}
    assert report.requests == len(script.sent)
    assert clock.monotonic() < 0.2


async def test_a_stop_does_not_wait_for_the_quota(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """Edits that wait for the quota are not sent, and the job ends at once."""

    def answer(_: str, number: int) -> HttpReply | None:
        headers = {"Retry-After": "300"}
        return error_reply(429, "RATE_LIMIT_EXCEEDED", **headers) if number == 1 else None

    script, stop = Script(clock, answer), asyncio.Event()
    clock.call_later(10, stop.set)
    report = await update(clock, dataset_on(script), edits(20), stop=stop)
    assert counts(report) == {"not_sent": 20}
    assert clock.monotonic() == pytest.approx(10)
    assert report.requests == len(script.sent) <= 2


async def test_an_endless_input_ends_after_an_error_that_all_would_get(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """What is left of a generator is counted, unless that takes long; a note says so."""
    script = Script(clock, lambda _cell, _number: error_reply(401, "UNAUTHORIZED"))

    def endless() -> Iterator[tuple[str, Any]]:
        for number in count():
            clock.advance(0.001)
            yield f"c{number}", number

    report = await update(clock, dataset_on(script), endless())
    assert isinstance(report.stopped_by, AuthenticationError)
    assert 500 < report.total == report.not_sent < 2000
    assert any("not read to its end" in note for note in report.notes)


async def test_an_outage_stops_the_job(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """When nothing but 503 comes any more, the job ends and says why; the rest is not sent."""
    script = Script(
        clock, lambda cell, _: HttpReply(503, {}, b"") if int(cell[1:]) >= 20 else None, 0.1
    )
    report = await update(clock, dataset_on(script), edits(400), max_concurrency=4)
    assert report.updated == 20
    assert 10 <= report.unknown <= 10 + 4
    assert report.unknown + report.not_sent == 380
    assert isinstance(report.stopped_by, OutcomeUnknownError)


# --- accounts


async def test_a_cancelled_job_carries_its_report(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """The CancelledError has the report: applied, unknown for what was on its way, not sent."""
    script = Script(clock)
    job = asyncio.ensure_future(update(clock, dataset_on(script), edits(40), max_concurrency=4))
    clock.call_later(2.5, job.cancel)
    with pytest.raises(asyncio.CancelledError) as caught:
        await job
    report: BulkReport = vars(caught.value)["report"]
    assert counts(report) == {"updated": 5, "unknown": 4, "not_sent": 31}
    assert report.requests == len(script.sent) == 9
    [note] = caught.value.__notes__
    assert note.startswith("5 of 40 edits applied, 0 failed, 4 unknown, 31 not sent")


async def test_an_error_of_the_input_carries_the_report(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """What a generator raises comes out with the report of what had been sent."""
    script = Script(clock)

    def feed() -> Iterator[tuple[str, Any]]:
        yield from edits(3)
        raise LookupError("the file ends here")

    with pytest.raises(LookupError) as caught:
        await update(clock, dataset_on(script), feed())
    report: BulkReport = vars(caught.value)["report"]
    assert report.total == report.updated + report.not_sent == 3
    assert len(script.sent) == report.updated


async def test_failures_are_raised_with_the_report(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """With ``on_error="raise"`` the first failure ends the job, and the error has the report."""
    missing = error_reply(404, "CELL_NOT_FOUND")
    script = Script(clock, lambda cell, _: missing if cell == "c2" else None)
    with pytest.raises(BulkUpdateError) as caught:
        await update(clock, dataset_on(script), edits(40), max_concurrency=2, on_error="raise")
    report = caught.value.report
    assert report is not None
    assert (report.failed, report.total) == (1, 40)
    assert len(script.sent) <= 5


async def test_a_stream_that_is_left_early_has_its_report(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """Leaving the block ends the update; before that, the report cannot be had."""
    script = Script(clock)
    outcomes = dataset_on(script).iter_updates(iter(edits(40)), max_concurrency=2)
    with clock.automatic(grace=0):
        async with outcomes:
            async for _ in outcomes:
                with pytest.raises(RuntimeError, match="not over"):
                    outcomes.report  # noqa: B018 - it raises
                break
    report = outcomes.report
    assert report.updated >= 1
    assert report.updated + report.unknown == len(script.sent) == report.requests


async def test_a_journal_that_cannot_be_written_ends_the_job(
    clock: ManualClock,
    dataset_on: Callable[[Script], Dataset],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An intent that cannot be written down is not sent; the error has the report."""
    script, commits = Script(clock), 0
    write_down = SqliteStore.write_down

    async def full_later(self: SqliteStore, *arguments: Any) -> None:
        nonlocal commits
        commits += 1
        if commits > 3:
            raise JournalError("no space left")
        await write_down(self, *arguments)

    monkeypatch.setattr(SqliteStore, "write_down", full_later)
    with pytest.raises(JournalError, match="no space left") as caught:
        await update(
            clock, dataset_on(script), edits(40), max_concurrency=2, journal=tmp_path / "job"
        )
    report: BulkReport = vars(caught.value)["report"]
    assert report.total == 40
    assert report.updated == len(script.sent) == report.requests
    assert report.not_sent == 40 - len(script.sent)


async def test_progress_is_counted_from_the_record(
    clock: ManualClock, dataset_on: Callable[[Script], Dataset]
) -> None:
    """Progress never goes back, comes ten times a second at the most, and ends with all."""
    script = Script(clock, seconds=0.03)
    seen: list[BulkProgress] = []
    await update(clock, dataset_on(script), edits(60), max_concurrency=2, on_progress=seen.append)
    assert [each.done for each in seen] == sorted(each.done for each in seen)
    assert (seen[-1].done, seen[-1].total, seen[-1].updated) == (60, 60, 60)
    assert (seen[-1].requests, seen[-1].failed, seen[-1].unit) == (60, 0, "edits")
    moments = [each.seconds for each in seen[:-1]]
    assert all(later - earlier >= 0.1 for earlier, later in pairwise(moments))


# --- the event loop


async def test_many_edits_of_one_cell_hold_the_loop_for_moments_only(
    dataset_on: Callable[[Script], Dataset], clock: ManualClock
) -> None:
    """While 300,000 edits of one cell stream in, the loop takes a turn at each 1,000 or sooner."""
    turns, over = 0, False

    async def turn() -> None:
        nonlocal turns
        while not over:
            turns += 1
            await asyncio.sleep(0)

    ticking = asyncio.ensure_future(turn())
    dataset = dataset_on(Script(clock, seconds=0.0))
    report = await dataset.update_cells(("c0", number) for number in range(300_000))
    over = True
    await ticking
    assert report.updated + report.superseded == 300_000
    assert turns >= 300


async def test_an_input_that_takes_long_gives_way_by_time(
    dataset_on: Callable[[Script], Dataset], clock: ManualClock
) -> None:
    """A generator whose items take 5 ms each gives way after two or three of them."""
    longest, last = 0.0, clock.monotonic()

    def slow() -> Iterator[tuple[str, Any]]:
        for number in range(200):
            clock.advance(0.005)
            yield "c0", number

    async def watch() -> None:
        nonlocal longest, last
        while True:
            now = clock.monotonic()
            longest, last = max(longest, now - last), now
            await asyncio.sleep(0)

    watching = asyncio.ensure_future(watch())
    dataset = dataset_on(Script(clock, seconds=0.0))
    await dataset.update_cells(slow(), skip_unchanged=False)
    watching.cancel()
    assert longest <= 0.02


async def test_an_endless_input_can_be_cancelled(clock: ManualClock) -> None:
    """An endless generator of edits of one cell, whose job never ends by itself, is cancelled."""
    edits_made = ((f"c{number % 2}", number) for number in count())
    script = Script(clock, seconds=1.0)
    job = asyncio.ensure_future(simulated_dataset(script, clock).update_cells(edits_made))
    for _ in range(5):
        await asyncio.sleep(0)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert len(script.sent) <= 2  # of two cells, none twice at once
