"""The engine and its parts by themselves, above a transport that does what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import msgspec
import pytest

from claro_async import BulkReport, EditStatus, errors
from claro_async.bulk.account import Account
from claro_async.bulk.concurrency import AttemptEnd
from claro_async.bulk.edits import CellEdit, EditOutcome, Entry
from claro_async.bulk.engine import BulkEngine
from claro_async.bulk.memory import StreamStore
from claro_async.bulk.patches import (
    Patches,
    end_of,
    failed_outcome,
    interrupted_outcome,
    updated_outcome,
    updated_result,
)
from claro_async.bulk.slots import Slot, Slots
from claro_async.bulk.states import Result, State, Tally
from claro_async.options import SendOptions
from claro_async.transport.retry import History
from claro_async.wire.replies import HttpReply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from claro_async import BulkProgress
    from claro_async.transport.exchange import Exchange
    from tests.clocks import ManualClock

NO_EDIT = CellEdit("", None)
ENTRY = Entry(0, "c0", b'"new"')


def exchange_of(entry: Entry, content: bytes, **more: Any) -> Exchange:
    """An exchange with its reply."""
    exchange = Patches("d1").exchange(entry)
    exchange.attempts = 1
    answer(exchange, content)
    for name, value in more.items():
        setattr(exchange, name, value)
    return exchange


def answer(exchange: Exchange, content: bytes | None = None, **headers: str) -> None:
    """A success comes."""
    if content is None:
        content = b'{"cellId":"%b","previousValue":"old"}' % cell_of(exchange).encode()
    exchange.reply = HttpReply(200, headers, content)
    assert exchange.read is not None
    exchange.value = exchange.read(exchange.reply)


def reject(exchange: Exchange) -> None:
    """The key is not valid."""
    exchange.error = errors.AuthenticationError(cell_of(exchange), status=401)
    exchange.reply = HttpReply(401, {}, b"")


def cell_of(exchange: Exchange) -> str:
    """The cell that a request is for."""
    return exchange.request.target.rpartition("/")[2]


# --- requests and what their ends say


@pytest.mark.parametrize(
    ("content", "previous"),
    [
        (b'{"cellId":"c0","previousValue":"old"}', b'"old"'),
        (b'{"cellId":"c1","previousValue":"old"}', None),
        (b'{"cellId":"c0","previousValue":"\xff"}', None),
        (b'{"cellId":"c0","previousValue":1e999}', None),
        (b'{"cellId":"\xff","previousValue":"old"}', None),
        (b'{"cellId":"c0","x":"a\nb","y":"\xef\xbf\xbd","previousValue":"\xff"}', None),
    ],
    ids=["its own", "another cell", "no text", "no number", "no id", "as another part if replaced"],
)
def test_the_value_before_is_certain_or_not_known(content: bytes, previous: bytes | None) -> None:
    """Only a readable value in a reply about the same cell is what the cell held."""
    assert updated_result(ENTRY, exchange_of(ENTRY, content)).previous == previous


def test_a_value_before_an_attempt_in_doubt_is_not_trusted() -> None:
    """It may be what the earlier attempt wrote."""
    content = b'{"cellId":"c0","previousValue":"old"}'
    doubt = exchange_of(ENTRY, content, history=History(maybe_applied=True))
    assert updated_result(ENTRY, doubt).previous is None
    again = Entry(0, "c0", b'"new"', maybe_applied=True)  # by an earlier run of the job
    assert updated_result(again, exchange_of(again, content)).previous is None


@pytest.mark.parametrize(
    ("keeps", "wanted", "previous"),
    [(True, False, b'"old"'), (False, True, b'"old"'), (False, False, None)],
)
def test_the_value_before_is_read_for_whoever_takes_it(
    clock: ManualClock, *, keeps: bool, wanted: bool, previous: bytes | None
) -> None:
    """A record that keeps it, or who wants the outcome; for nobody else is the reply searched."""
    results: list[Result] = []
    record = SimpleNamespace(record=results.append, keeps_values=keeps)
    account = Account(cast("Any", record), BulkReport(), clock, None)
    exchange = exchange_of(ENTRY, b'{"cellId":"c0","previousValue":"old"}')
    outcome = account.updated(ENTRY, exchange, 1, clock.monotonic(), wanted=wanted)
    assert [each.previous for each in results] == [previous]
    assert (outcome is not None) is wanted
    assert outcome is None or outcome.previous_value == "old"


@pytest.mark.parametrize(
    ("expected", "previous", "conflict"),
    [
        (b'"old"', b'"other"', True),
        (b'"old"', b'"old"', False),
        (b'"old"', b'"new"', False),
        (None, b'"other"', False),
    ],
)
def test_a_conflict_is_a_value_that_nobody_expected(
    expected: bytes | None, previous: bytes, *, conflict: bool
) -> None:
    """The cell held neither what was read before nor what was written."""
    entry = Entry(3, "c0", b'"new"', expected)
    exchange = exchange_of(entry, b'{"cellId":"c0","previousValue":%b}' % previous)
    result = updated_result(entry, exchange)
    assert result.conflict is conflict
    outcome = updated_outcome(entry, result)
    assert (outcome.index, outcome.status, outcome.attempts) == (3, EditStatus.UPDATED, 1)
    assert (outcome.conflict, outcome.error) == (conflict, None)
    assert outcome.previous_value == msgspec.json.decode(previous)


def test_a_request_goes_to_its_cell() -> None:
    """The target has both ids, and the body the value as it is."""
    request = Patches("d1").exchange(Entry(0, "a/b", b'{"x":1}')).request
    assert request.target.endswith("/a%2Fb")
    assert "/d1/" in request.target
    assert request.content == b'{"value":{"x":1}}'


@pytest.mark.parametrize(
    ("headers", "failures", "end"),
    [
        ({}, 1, AttemptEnd.FAILED),
        ({"X-RateLimit-Remaining": "1"}, 0, AttemptEnd.THROTTLED),
        ({"X-RateLimit-Remaining": "0"}, 0, AttemptEnd.ANSWERED),
        ({}, 0, AttemptEnd.ANSWERED),
        ({"X-RateLimit-Remaining": "many"}, 0, AttemptEnd.ANSWERED),
    ],
)
def test_the_end_of_an_attempt_says_what_it_says_of_overload(
    clock: ManualClock, headers: dict[str, str], failures: int, end: AttemptEnd
) -> None:
    """A failure is one; a 429 is a sign only while quota remains."""
    exchange = exchange_of(ENTRY, b'{"cellId":"c0"}', history=History(failures=failures))
    exchange.reply = HttpReply(429, headers, b"")
    assert end_of(Slot(Slots(1, clock, lambda: None)), exchange) is end


@pytest.mark.parametrize(
    ("unanswered", "in_doubt", "status"),
    [
        (False, False, EditStatus.NOT_SENT),
        (True, False, EditStatus.UNKNOWN),
        (False, True, EditStatus.UNKNOWN),
    ],
)
def test_an_interrupted_edit_is_unknown_where_it_may_have_been_applied(
    *, unanswered: bool, in_doubt: bool, status: EditStatus
) -> None:
    """That is so while its request is on its way, or after one in doubt."""
    exchange = exchange_of(
        ENTRY, b'{"cellId":"c0"}', unanswered=unanswered, history=History(maybe_applied=in_doubt)
    )
    outcome = interrupted_outcome(ENTRY, exchange)
    assert (outcome.status, outcome.attempts) == (status, 1)
    assert (outcome.error is None) is (status is EditStatus.NOT_SENT)


def test_a_failed_edit_that_was_in_doubt_stays_unknown() -> None:
    """A later failure does not tell that the earlier request was not applied."""
    entry = Entry(0, "c0", b"1", maybe_applied=True)
    exchange = exchange_of(entry, b'{"cellId":"c0"}')
    error = errors.ConnectionFailedError("no")
    assert failed_outcome(entry, exchange, error).status is EditStatus.UNKNOWN
    assert failed_outcome(ENTRY, exchange, error).status is EditStatus.NOT_SENT


# --- slots


async def test_a_retry_goes_before_new_edits(clock: ManualClock) -> None:
    """While one waits for a slot, none is free for an edit; what it leaves is announced."""
    free: list[int] = []
    slots = Slots(1, clock, lambda: free.append(slots.active))
    slot = Slot(slots)
    slot.give_back()  # it was never taken
    assert slots.is_free
    await slot.retake()
    assert (slots.active, slots.is_free, slot.can_stay) == (1, False, True)
    waiting = asyncio.ensure_future(slots.wait())
    await asyncio.sleep(0)
    assert (len(slots.retries), slot.can_stay, slots.is_free) == (1, False, False)
    slot.give_back()
    slot.give_back()  # it is held no more
    await waiting
    assert (slots.active, free) == (1, [1])
    slots.give_back()
    assert (slots.active, free, slots.is_free) == (0, [1, 0], True)


async def test_one_slot_is_for_one_retry(clock: ManualClock) -> None:
    """A slot that is given back goes to the retry that waited longest, and to no other."""
    slots = Slots(1, clock, lambda: None)
    await slots.wait()
    first, second = (asyncio.ensure_future(slots.wait()) for _ in range(2))
    await asyncio.sleep(0)
    slots.give_back()
    await first
    assert (slots.active, second.done()) == (1, False)
    slots.give_back()
    await second


@pytest.mark.parametrize("handed_over", [True, False])
async def test_a_cancelled_wait_keeps_no_slot(clock: ManualClock, *, handed_over: bool) -> None:
    """A slot that was handed over just before the cancellation is given back."""
    slots = Slots(1, clock, lambda: None)
    await slots.wait()
    waiting = asyncio.ensure_future(slots.wait())
    await asyncio.sleep(0)
    if handed_over:
        slots.give_back()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert slots.active == (0 if handed_over else 1)
    if not handed_over:
        slots.give_back()
        assert (slots.active, slots.is_free) == (0, True)


def test_an_attempt_and_a_failure_are_noted_once(clock: ManualClock) -> None:
    """A number that was seen before tells of nothing new, until another exchange begins."""
    slot = Slot(Slots(2, clock, lambda: None))
    for notes in (slot.notes_attempt, slot.notes_failure):
        assert [notes(number) for number in (0, 1, 1, 2)] == [False, True, False, True]
    slot.begin()
    assert slot.notes_attempt(1)
    assert slot.notes_failure(1)


class Rule:
    """Records how attempts ended, and then allows another number."""

    def __init__(self, after: int = 2) -> None:
        self.current = 2
        self.generation = 7
        self.ends: list[tuple[int, AttemptEnd, float, float, bool]] = []
        self._after = after

    def ended(
        self, generation: int, result: AttemptEnd, seconds: float, now: float, *, full: bool
    ) -> None:
        """An attempt ended."""
        self.ends.append((generation, result, seconds, now, full))
        self.current = self._after


@pytest.mark.parametrize("begins_by", ["begin", "restart"])
def test_the_rule_hears_of_each_attempt(clock: ManualClock, begins_by: str) -> None:
    """It hears when the attempt began, how long it took, and whether all slots were taken."""
    slots, rule = Slots(2, clock, lambda: None), Rule()
    slots.rule = cast("Any", rule)
    slot = Slot(slots)
    slots.active = 1
    clock.advance(5.0)
    getattr(slot, begins_by)()
    rule.generation = 8
    clock.advance(1.5)
    now = clock.monotonic()
    slot.ended(AttemptEnd.FAILED, now)
    slots.active = 2
    slot.ended(AttemptEnd.ANSWERED, now)
    assert rule.ends == [
        (7, AttemptEnd.FAILED, 1.5, now, False),
        (7, AttemptEnd.ANSWERED, 1.5, now, True),
    ]


@pytest.mark.parametrize(("after", "calls"), [(3, 1), (2, 0), (1, 0)])
def test_a_slot_more_is_handed_out_at_once(clock: ManualClock, after: int, calls: int) -> None:
    """When the rule allows more, and only then, who waits hears of it."""
    free: list[bool] = []
    slots = Slots(2, clock, lambda: free.append(True))
    slots.rule = cast("Any", Rule(after))
    slot = Slot(slots)
    slot.begin()
    slots.active = 2
    slot.ended(AttemptEnd.ANSWERED, clock.monotonic())
    assert len(free) == calls
    assert slot.can_stay is (after >= 2)


# --- the account


class Quota:
    """What is counted of a quota."""

    throttled = 3
    seconds_waited = 4.0


def account_of(
    clock: ManualClock, seen: list[BulkProgress] | None = None
) -> tuple[Account, BulkReport, StreamStore]:
    """An account with its report and record."""
    report, record = BulkReport(), StreamStore()
    on_progress = None if seen is None else seen.append
    return Account(record, report, clock, on_progress), report, record


def test_a_run_adds_its_figures(clock: ManualClock) -> None:
    """Seconds, 429s and waits are added to those of an earlier run, and progress is shown."""
    seen: list[BulkProgress] = []
    clock.advance(5.0)
    account, report, _ = account_of(clock, seen)
    report.seconds, report.throttled, report.seconds_waited = 1.0, 1, 1.0
    quota = Quota()
    with account.running(cast("Any", quota), 9):
        clock.advance(2.0)
        quota.throttled, quota.seconds_waited = 5, 7.0
    assert (report.seconds, report.throttled, report.seconds_waited) == (3.0, 3, 4.0)
    [progress] = seen
    assert (progress.total, progress.seconds, progress.done) == (9, 2.0, 0)


async def test_what_becomes_of_edits_is_counted(clock: ManualClock) -> None:
    """Requests, retries, states and the timeline are those of the exchanges."""
    seen: list[BulkProgress] = []
    account, report, record = account_of(clock, seen)
    record.tally = Tally({State.PLANNED: 8})
    clock.advance(0.25)
    with account.running(cast("Any", Quota()), None):
        clock.advance(0.5)
        for seq in range(5):
            await record.intend(Entry(seq, f"c{seq}", b"1"))
        content = b'{"cellId":"c0","previousValue":"old"}'
        history = History(failures=1, throttled=2)
        first = exchange_of(ENTRY, content, attempts=4, history=history, seconds=0.5)
        now = clock.monotonic()
        assert account.updated(ENTRY, first, 3, now, wanted=False) is None
        entry = Entry(1, "c0", b'"new"', b'"expected"')
        clashing = account.updated(entry, exchange_of(entry, content), 2, now, wanted=False)
        assert clashing is not None
        other = Entry(2, "c0", b"1")
        wanted = account.updated(other, exchange_of(ENTRY, content), 2, now, wanted=True)
        assert wanted is not None
        account.ended(EditOutcome(3, NO_EDIT, EditStatus.FAILED, ValueError("no"), 3))
        account.ended(EditOutcome(9, NO_EDIT, EditStatus.SUPERSEDED))
        account.ended(EditOutcome(4, NO_EDIT, EditStatus.UNKNOWN, ValueError("no"), 1))
        account.superseded(Entry(7, "c7", b"1"))
        failed = exchange_of(ENTRY, content, history=History(failures=3))
        failed.error = errors.ServerError("no", status=503)
        account.measure(failed, 1, now)
        account.show_progress()
        account.show_progress()
        clock.advance(0.1)
        account.show_progress()
    assert (report.requests, report.retries) == (4 + 1 + 1 + 3 + 1, 3 + 2)
    assert [each.index for each in report.failures] == [3, 4]
    assert [each.index for each in report.conflicts] == [1]
    moment = report.timeline.at(0.5)
    assert (moment.edits, moment.concurrency, moment.throttled, moment.errors) == (3, 3, 2, 3)
    assert report.latency.total == 4
    assert record.tally.of(State.UPDATED) == 3
    assert [each.seconds for each in seen] == pytest.approx([0.5, 0.6, 0.6])
    last = seen[-1]
    assert (last.updated, last.failed, last.requests) == (3, 2, 10)
    assert last.done == record.tally.total - 1 == 7


def test_why_an_edit_failed_is_recorded(clock: ManualClock) -> None:
    """The record has the error of a failed edit, and none of one that was overtaken."""
    results: list[Result] = []
    record = SimpleNamespace(record=results.append, tally=Tally())
    account = Account(cast("Any", record), BulkReport(), clock, None)
    account.ended(EditOutcome(0, NO_EDIT, EditStatus.FAILED, ValueError("no"), 1))
    account.ended(EditOutcome(1, NO_EDIT, EditStatus.SUPERSEDED))
    assert [each.failure is None for each in results] == [False, True]


def test_a_progress_callback_that_raises_is_noted(clock: ManualClock) -> None:
    """What it raises ends nothing, and stands in the report's notes."""
    report = BulkReport()

    def refuse(_: BulkProgress) -> None:
        raise LookupError("no display")

    account = Account(StreamStore(), report, clock, refuse)
    with account.running(cast("Any", Quota()), 1):
        account.show_progress()
    [note] = report.notes
    assert "on_progress" in note


async def test_an_edit_without_a_request_is_not_counted_as_sent(clock: ManualClock) -> None:
    """An interrupted edit is recorded where a request went out, and withdrawn where none did."""
    account, report, record = account_of(clock)
    record.tally = Tally({State.PLANNED: 2})
    await record.intend(ENTRY)
    none = Patches("d1").exchange(ENTRY)
    assert account.interrupted(ENTRY, none).status is EditStatus.NOT_SENT
    assert (record.tally.of(State.SENT), record.tally.of(State.PLANNED)) == (0, 2)
    entry = Entry(1, "c1", b"1")
    await record.intend(entry)
    sent = exchange_of(entry, b'{"cellId":"c1"}', unanswered=True)
    assert account.interrupted(entry, sent).status is EditStatus.UNKNOWN
    assert (record.tally.of(State.UNKNOWN), report.requests) == (1, 1)


# --- the engine

Answer: TypeAlias = Callable[["Exchange", "Transport"], Awaitable[None]]


async def succeed(exchange: Exchange, transport: Transport) -> None:
    """An answer at the next turn."""
    await asyncio.sleep(0)
    del transport
    answer(exchange)


class Transport:
    """Carries requests out as a test says.

    Attributes:
        sent: The cells of the attempts, in their order.
        reserves: What each asked to leave to others.
        under_way: Attempts under way.
        most: The most that were at once.
    """

    def __init__(self, clock: ManualClock, answers: Answer = succeed) -> None:
        self.clock = clock
        self.quota = SimpleNamespace(throttled=0, seconds_waited=0.0)
        self.jobs = 0
        self.sent: list[str] = []
        self.reserves: set[float] = set()
        self.under_way = self.most = 0
        self._answers = answers

    def begin_job(self) -> None:
        """A job begins."""
        self.jobs += 1

    async def admit(self, exchange: Exchange, delay: float, reserve: float) -> None:
        """The quota lets everything go."""
        assert delay == 0.0
        self.sent.append(cell_of(exchange))
        self.reserves.add(reserve)

    async def carry_out(
        self,
        exchange: Exchange,
        *,
        reserve: float,
        admission: Callable[[Exchange, float], Awaitable[None]],
    ) -> None:
        """Two attempts where the first is lost, else one."""
        self.reserves.add(reserve)
        await admission(exchange, 0.0)
        await self.attempt(exchange)
        if exchange.history.failures:
            await admission(exchange, 0.5)
            await self.attempt(exchange)

    async def attempt(self, exchange: Exchange) -> None:
        """One attempt."""
        exchange.attempts += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self._answers(exchange, self)
        finally:
            self.under_way -= 1


class Run:
    """An engine over a transport, with what came out."""

    def __init__(self, transport: Transport, **options: Any) -> None:
        self.report = BulkReport()
        self.record = StreamStore()
        self.outcomes: list[EditOutcome] = []
        self.engine = BulkEngine(
            cast("Any", transport),
            "d1",
            SendOptions(**options),
            self.report,
            record=self.record,
            sink=self.take,
        )

    async def take(self, outcome: EditOutcome) -> None:
        """The sink."""
        self.outcomes.append(outcome)

    @property
    def statuses(self) -> dict[int, EditStatus]:
        """What became of each edit."""
        return {each.index: each.status for each in self.outcomes}


async def entries(number: int, *others: EditOutcome) -> AsyncGenerator[Entry | EditOutcome, None]:
    """Outcomes of items that cannot be sent, and so many edits."""
    for other in others:
        yield other
    for seq in range(number):
        yield Entry(seq, f"c{seq}", b"1")


async def test_outcomes_of_the_input_are_told_and_recorded(clock: ManualClock) -> None:
    """An item that cannot be sent is in the record and comes out, as do all others."""
    transport = Transport(clock)
    run = Run(transport, max_concurrency=2, reserve=0.25)
    bad = EditOutcome(9, CellEdit("", "x"), EditStatus.FAILED, TypeError("no edit"))
    await run.engine.run(entries(5, bad), None)
    assert run.statuses == {9: EditStatus.FAILED, **dict.fromkeys(range(5), EditStatus.UPDATED)}
    assert run.report.failures == [bad]
    assert (transport.most, transport.jobs, transport.reserves) == (2, 1, {0.25})
    assert run.record.tally.of(State.UPDATED) == 5


@pytest.mark.parametrize(("total", "most"), [(None, 4), (9, 4), (2, 2)])
async def test_no_more_workers_than_edits(clock: ManualClock, total: int | None, most: int) -> None:
    """As many go at once as may, and as there are edits."""
    transport = Transport(clock)
    run = Run(transport, max_concurrency=4)
    await run.engine.run(entries(total or 9), total)
    assert transport.most == most
    assert len(transport.sent) == (total or 9)


async def test_another_attempt_waits_for_a_slot(clock: ManualClock) -> None:
    """While a retry waits another edit has the slot, and the two are never under way at once."""

    async def lose_the_first(exchange: Exchange, transport: Transport) -> None:
        if transport.sent == ["c0"]:
            exchange.history = History(failures=1)
            return
        await transport.clock.sleep(1.0)
        answer(exchange)

    transport = Transport(clock, lose_the_first)
    run = Run(transport, max_concurrency=2)
    run.engine._slots.rule = cast("Any", rule := Rule(1))
    rule.current = 1
    with clock.automatic(grace=0):
        await run.engine.run(entries(3), None)
    assert transport.sent == ["c0", "c1", "c0", "c2"]
    assert transport.most == 1
    assert clock.monotonic() == pytest.approx(3.0)
    assert run.report.retries == 1


async def test_the_wait_between_two_attempts_is_no_time_of_either(clock: ManualClock) -> None:
    """The rule hears how long each attempt took, not how long its edit did."""

    async def lose_the_first(exchange: Exchange, transport: Transport) -> None:
        await transport.clock.sleep(1.0)
        if len(transport.sent) == 1:
            exchange.history = History(failures=1)
        else:
            answer(exchange)

    run = Run(Transport(clock, lose_the_first), max_concurrency=1)
    run.engine._slots.rule = cast("Any", rule := Rule())
    with clock.automatic(grace=0):
        await run.engine.run(entries(1), None)
    assert [seconds for _, _, seconds, _, _ in rule.ends] == pytest.approx([1.0, 1.0])
    assert clock.monotonic() == pytest.approx(2.5)


async def test_edits_that_idle_workers_get_take_a_slot_each(clock: ManualClock) -> None:
    """Where one may be under way one is, though all workers wait when the edits come."""

    async def take_a_second(exchange: Exchange, transport: Transport) -> None:
        await transport.clock.sleep(1.0)
        answer(exchange)

    async def source() -> AsyncGenerator[Entry | EditOutcome, None]:
        await clock.sleep(1.0)
        async for entry in entries(8):
            yield entry

    transport = Transport(clock, take_a_second)
    run = Run(transport, max_concurrency=4)
    run.engine._slots.rule = cast("Any", rule := Rule(1))
    rule.current = 1
    with clock.automatic(grace=0):
        await run.engine.run(source(), None)
    assert (len(transport.sent), transport.most) == (8, 1)


@pytest.mark.parametrize("fails", [True, False])
async def test_progress_is_shown_as_edits_come_to_their_end(
    clock: ManualClock, *, fails: bool
) -> None:
    """Not only in the end: after each second here, whether edits succeed or not."""
    seen: list[int] = []

    async def take_a_second(exchange: Exchange, transport: Transport) -> None:
        await transport.clock.sleep(1.0)
        if fails:
            exchange.error = errors.NotFoundError(cell_of(exchange), status=404)
            exchange.reply = HttpReply(404, {}, b"")
        else:
            answer(exchange)

    def show(progress: BulkProgress) -> None:
        seen.append(progress.updated + progress.failed)

    run = Run(Transport(clock, take_a_second), max_concurrency=1, on_progress=show)
    with clock.automatic(grace=0):
        await run.engine.run(entries(3), None)
    assert sorted(set(seen)) == [1, 2, 3]


async def test_a_journal_that_cannot_be_written_ends_the_job(clock: ManualClock) -> None:
    """Without the note that it is about to be sent nothing is, and no other edit is tried."""
    asked: list[int] = []
    taken_back: list[Entry] = []

    async def refuse(entry: Entry) -> None:
        asked.append(entry.seq)
        raise errors.JournalError("the disk is full")

    transport = Transport(clock)
    run = Run(transport, max_concurrency=1)
    run.engine._record = cast("Any", SimpleNamespace(intend=refuse, withdraw=taken_back.append))
    with pytest.raises(errors.JournalError, match="the disk is full"):
        await run.engine.run(entries(20), None)
    assert (asked, transport.sent) == ([0], [])
    assert [entry.seq for entry in taken_back] == [0]


async def test_every_attempt_is_told_to_the_rule_once(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is the last one, whether it ends with a success, a rejection or an error."""
    results: list[AttemptEnd] = []
    monkeypatch.setattr(Slot, "ended", lambda _, result, *__: results.append(result))

    async def fail(exchange: Exchange, transport: Transport) -> None:
        del transport
        if cell_of(exchange) == "c1":
            exchange.history = History(failures=exchange.attempts)
            if exchange.attempts == 2:
                raise errors.ConnectionFailedError("no")
        else:
            answer(exchange)

    run = Run(Transport(clock, fail), max_concurrency=1)
    with clock.automatic(grace=0):
        await run.engine.run(entries(3), None)
    assert sorted(results) == [AttemptEnd.ANSWERED] * 2 + [AttemptEnd.FAILED] * 2
    assert run.statuses[1] is EditStatus.NOT_SENT
    assert (run.report.requests, run.report.latency.total) == (4, 3)


async def test_edits_that_are_handed_out_at_once_fail_one_by_one(clock: ManualClock) -> None:
    """Edits in a row are counted as they were sent, also where idle workers got many at once.

    The eleventh failure ends the job, since ten before it are over; until then each worker whose
    edit had failed began another one.
    """

    async def refuse(exchange: Exchange, transport: Transport) -> None:
        await asyncio.sleep(0)
        del transport
        exchange.error = errors.PermissionDeniedError(cell_of(exchange), status=403)
        exchange.reply = HttpReply(403, {}, b"")

    async def source() -> AsyncGenerator[Entry | EditOutcome, None]:
        for _ in range(3):  # meanwhile all workers become idle
            await asyncio.sleep(0)
        async for entry in entries(60):
            yield entry

    transport = Transport(clock, refuse)
    run = Run(transport, max_concurrency=16)
    await run.engine.run(source(), None)
    assert isinstance(run.report.stopped_by, errors.PermissionDeniedError)
    assert len(transport.sent) == 16 + 10


async def test_an_error_of_the_sink_comes_out_and_leaves_nothing_behind(clock: ManualClock) -> None:
    """What the sink raises ends the run, whose other requests are cancelled and accounted for."""

    async def hang(exchange: Exchange, transport: Transport) -> None:
        if cell_of(exchange) == "c1":
            exchange.unanswered = True
            await asyncio.Event().wait()
        await succeed(exchange, transport)

    transport = Transport(clock, hang)
    run = Run(transport, max_concurrency=2)

    async def refuse(outcome: EditOutcome) -> None:
        raise LookupError(outcome.index)

    run.engine._sink = refuse
    with pytest.raises(LookupError):
        await run.engine.run(entries(2), None)
    assert transport.under_way == 0
    assert run.record.tally.of(State.UNKNOWN) == 1
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("stops", [True, False])
async def test_the_rest_is_counted_unless_the_caller_stops(
    clock: ManualClock, *, stops: bool
) -> None:
    """After an error that all would get the input is read to its end; after a stop it is not."""
    read: list[int] = []
    stop = asyncio.Event()

    def source() -> Generator[Entry | EditOutcome, None, None]:
        for seq in range(50):
            read.append(seq)
            yield Entry(seq, f"c{seq}", b"1")

    async def end(exchange: Exchange, transport: Transport) -> None:
        if not stops:
            reject(exchange)
            return
        stop.set()
        await succeed(exchange, transport)
        await asyncio.sleep(0)

    run = Run(Transport(clock, end), max_concurrency=1, stop=stop)
    await run.engine.run(source(), None, counts_rest=True)
    assert (len(read) == 50) is not stops
    assert run.report.stop_requested is stops
    assert (run.report.stopped_by is None) is stops
    assert run.report.notes == []


async def test_the_first_error_that_stops_is_the_reason(clock: ManualClock) -> None:
    """Those of requests that were under way as well do not take its place."""

    async def expire(exchange: Exchange, transport: Transport) -> None:
        del transport
        await asyncio.sleep(0)
        reject(exchange)

    run = Run(Transport(clock, expire), max_concurrency=2)
    await run.engine.run(entries(9), None)
    assert "c0" in str(run.report.stopped_by)
    assert set(run.statuses) == {0, 1}


async def test_a_success_ends_a_row_of_failures(clock: ManualClock) -> None:
    """Nine edits in a row that got no reply are no outage, however often that comes."""

    async def now_and_then(exchange: Exchange, transport: Transport) -> None:
        await asyncio.sleep(0)
        if len(transport.sent) % 10:
            exchange.history = History(failures=1)
            raise errors.ConnectionFailedError("no reply")
        answer(exchange)

    run = Run(Transport(clock, now_and_then), max_concurrency=1)
    await run.engine.run(entries(40), None)
    assert run.report.stopped_by is None
    assert len(run.outcomes) == 40
    assert list(run.statuses.values()).count(EditStatus.UPDATED) == 4
