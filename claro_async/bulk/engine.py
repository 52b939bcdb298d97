"""Carries edits out: a fixed pool of workers, one request a cell, at most one at a time for each.

Claro API v2, "Manage Dataset", section "Update Cell Value".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from claro_api.datasets import UPDATE_CELL

from claro_async import errors
from claro_async._callbacks import CallbackGuard
from claro_async.bulk.buffer import EditBuffer
from claro_async.bulk.concurrency import AttemptEnd
from claro_async.bulk.edits import EditOutcome, EditStatus, Entry
from claro_async.bulk.equality import readable_json, same_json
from claro_async.bulk.failures import failure_of
from claro_async.bulk.slots import Slot, Slots
from claro_async.bulk.states import STATE_OF, Result, State, status_after
from claro_async.bulk.stopping import (
    STOPPING,
    ConsecutiveFailures,
    Halt,
    HaltedError,
    is_redirect,
)
from claro_async.progress import BulkProgress
from claro_async.transport.exchange import Exchange
from claro_async.transport.retry import FRESH, History
from claro_async.wire.identifiers import encode_segment
from claro_async.wire.replies import decode_into
from claro_async.wire.requests import HttpRequest, partial_target

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from claro_async.bulk.measure import Bin
    from claro_async.bulk.report import BulkReport
    from claro_async.bulk.store import Record
    from claro_async.options import SendOptions, StopSignal
    from claro_async.transport.quota.gate import Gate
    from claro_async.transport.transport import Transport
    from claro_async.wire.replies import HttpReply

Source: TypeAlias = "AsyncGenerator[Entry | EditOutcome, None]"
"""Edits to send, and outcomes of items that cannot be sent."""
Sink: TypeAlias = Callable[[EditOutcome], Awaitable[None]]

_LOOK_AHEAD = 4  # edits read ahead for each worker
_PROGRESS_INTERVAL = 0.1  # seconds
_COUNTING_SECONDS = 1.0  # for which what is left of an input is counted
_COUNTED_ITEMS = 1_000_000

# What became of earlier attempts: none, or, after an earlier run, some that may have been applied.
_HISTORY = {False: FRESH, True: History(maybe_applied=True)}


class _Updated(msgspec.Struct, rename="camel"):
    """What is read of the reply to an edit."""

    cell_id: str
    previous_value: msgspec.Raw = msgspec.Raw()


_decoder = msgspec.json.Decoder(_Updated)
_decode = msgspec.json.Decoder().decode


def _read_updated(reply: HttpReply) -> _Updated:
    try:
        return _decoder.decode(reply.content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        updated = decode_into(_decoder, reply)
        updated.previous_value = msgspec.Raw()  # with parts replaced it is not what the cell held
        return updated


def _previous_of(entry: Entry, exchange: Exchange) -> bytes | None:
    """The value that the edit's cell held before, as JSON, where the reply says so for certain.

    A reply that names another cell speaks of that one. A value that cannot be decoded stands
    replaced in what was read of the reply, and so does not stand in the reply itself.
    """
    updated: _Updated = exchange.value
    raw = bytes(updated.previous_value)
    if updated.cell_id != entry.cell_id or raw not in exchange.reply.content:
        return None
    return readable_json(raw)


class BulkEngine:
    """One run over the edits of one dataset.

    A worker takes an edit when a slot is free, records the intent, and carries the request out; it
    gives its slot back while it waits for another attempt. Once the job is halted, what is on its
    way comes to its end and nothing is sent any more.

    Args:
        transport: Carries the requests out.
        dataset_id: The dataset.
        options: How.
        report: Takes the figures of the run, and the outcomes worth a look.
        record: Where it stands what is about to be sent, and what became of it.
        sink: Takes every outcome, if any is wanted.
    """

    def __init__(  # noqa: PLR0913 - what a run is put together from
        self,
        transport: Transport,
        dataset_id: str,
        options: SendOptions,
        report: BulkReport,
        *,
        record: Record,
        sink: Sink | None = None,
    ) -> None:
        self._transport = transport
        self._clock = transport.clock
        self._dataset_id = dataset_id
        self._target = partial_target(UPDATE_CELL.path, {"datasetId": dataset_id})
        self._options = options
        self._report = report
        self._record = record
        self._sink = sink
        self._buffer = EditBuffer(_LOOK_AHEAD * options.max_concurrency)
        self._slots = Slots(options.max_concurrency, self._clock, self._hand_out)
        self._on_progress = CallbackGuard.wrap(options.on_progress, "on_progress")
        self._failures = ConsecutiveFailures()
        self._halt = Halt()
        self._total: int | None = None
        self._counts_rest = False
        self._is_read = False  # whether the input is at its end
        self._failure: Exception | None = None
        self._room = asyncio.Event()
        self._idle: list[asyncio.Future[Entry | None]] = []
        self._started = 0.0
        self._next_progress = 0.0

    async def run(self, source: Source, total: int | None, *, counts_rest: bool = False) -> None:
        """Carry out the edits of a source.

        Args:
            source: The edits; closed at the end.
            total: How many edits there are in all, where that is known.
            counts_rest: Whether, once nothing is sent any more, the rest is read to be counted, for
                a source that never waits; not after a stop that the caller asked for.

        Raises:
            Exception: Whatever the source raised.
        """
        self._total = total
        self._counts_rest = counts_rest
        self._started = self._clock.monotonic()
        with _quota_figures(self._transport.quota, self._report):
            try:
                await self._run(source)
            finally:
                self._report.seconds += self._clock.monotonic() - self._started
                if self._on_progress is not None:
                    self._on_progress(self._progress())
                    self._report.note(self._on_progress.note)
        if self._failure is not None:
            raise self._failure

    async def _run(self, source: Source) -> None:
        stop, watches = self._options.stop, []
        if stop is not None:  # it begins before the workers do: what is set already sends nothing
            watches = [asyncio.ensure_future(self._watch(stop))]
        jobs = [self._feed(source)]
        jobs += [self._work() for _ in range(self._options.max_concurrency)]
        tasks = [asyncio.ensure_future(job) for job in jobs]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in (*watches, *tasks):
                task.cancel()
            await asyncio.gather(*watches, *tasks, return_exceptions=True)

    async def _watch(self, stop: StopSignal) -> None:
        """Halt the job once its caller says so."""
        if not stop.is_set():
            await stop.wait()
        self._report.stop_requested = True
        self._halt_job()

    # --- the input

    async def _feed(self, source: Source) -> None:
        """Read the input, never further ahead than the buffer is large."""
        try:
            async with aclosing(source):
                while not self._halt.is_set:
                    if self._counts_rest:  # it never waits
                        item = await anext(source)
                    else:
                        with self._halt:
                            item = await anext(source)
                    await self._take_in(item)
                if self._counts_rest:
                    await self._count_rest(source)
        except (StopAsyncIteration, HaltedError):
            pass
        except Exception as error:  # noqa: BLE001 - whatever the caller's own iterator raises
            self._halt_job(error)
        self._is_read = True
        self._hand_out()

    async def _take_in(self, item: Entry | EditOutcome) -> None:
        """Take an item of the input in, and wait while the buffer is full."""
        if isinstance(item, EditOutcome):
            await self._ended(item)
            return
        if self._halt.is_set:
            return
        superseded = self._buffer.offer(item)
        if superseded is not None:
            self._record.record(Result(superseded.seq, State.SUPERSEDED))
        self._hand_out()
        while self._buffer.is_full and not self._halt.is_set:
            self._room.clear()
            await self._room.wait()

    async def _count_rest(self, source: Source) -> None:
        """Count what is left of the input, unless that takes long: it may never end."""
        ends = self._clock.monotonic() + _COUNTING_SECONDS
        for _ in range(_COUNTED_ITEMS):
            if self._report.stop_requested or self._failure is not None:
                return
            if self._clock.monotonic() > ends:
                break
            await anext(source)
        self._report.note("the input was not read to its end: what is left of it is not counted")

    # --- the workers

    async def _work(self) -> None:
        slot = Slot(self._slots)
        admission = partial(self._readmit, slot)
        while (entry := await self._next()) is not None:
            slot.begin()
            try:
                await self._apply(entry, slot, admission)
            finally:
                self._buffer.finish(entry.cell_id)
                slot.give_back()
            if not self._buffer.is_full:
                self._room.set()

    async def _next(self) -> Entry | None:
        """The next edit, with a slot; None when there will be none."""
        if self._slots.is_free and (entry := self._buffer.take()) is not None:
            self._slots.active += 1
            return entry
        future: asyncio.Future[Entry | None] = asyncio.get_running_loop().create_future()
        self._idle.append(future)
        self._hand_out()
        return await future

    def _hand_out(self) -> None:
        """Give what is ready to workers that are idle, as far as there are slots."""
        while self._idle:
            if self._idle[-1].done():  # cancelled
                self._idle.pop()
                continue
            if self._is_read and self._buffer.is_empty:
                entry = None
            elif self._slots.is_free and (entry := self._buffer.take()) is not None:
                self._slots.active += 1
            else:
                return
            self._idle.pop().set_result(entry)

    async def _apply(
        self,
        entry: Entry,
        slot: Slot,
        admission: Callable[[Exchange, float], Awaitable[None]],
    ) -> None:
        exchange = Exchange(
            self._request(entry), _read_updated, history=_HISTORY[entry.maybe_applied]
        )
        number = self._buffer.taken
        try:
            await self._record.intend(entry)
        except errors.JournalError as error:
            self._halt_job(error)
            return
        try:
            if self._halt.is_set:
                raise HaltedError  # noqa: TRY301 - as from a wait
            await self._transport.carry_out(
                exchange, reserve=self._options.reserve, admission=admission
            )
        except asyncio.CancelledError:
            self._interrupted(entry, exchange)
            raise
        except HaltedError:
            await self._tell(self._interrupted(entry, exchange))
        except errors.ClaroError as error:
            slot.ended(_end_of(slot, exchange))
            self._measure(exchange)
            await self._ended(_outcome_of(entry, exchange, error), number)
        else:
            slot.ended(AttemptEnd.ANSWERED)
            if exchange.error is None:
                await self._updated(entry, exchange)
            else:
                self._measure(exchange)
                await self._ended(_outcome_of(entry, exchange, exchange.error), number)

    async def _readmit(self, slot: Slot, exchange: Exchange, delay: float) -> None:
        """Wait until an attempt may go; between two attempts without a slot."""
        if exchange.attempts:
            slot.ended(_end_of(slot, exchange))
            slot.give_back()
        with self._halt:
            if exchange.attempts:
                if delay > 0:
                    await self._clock.sleep(delay)
                await slot.retake()
            await self._transport.admit(exchange, 0.0, self._options.reserve)
        slot.restart()

    def _request(self, entry: Entry) -> HttpRequest:
        head, tail = self._target
        target = f"{head}{encode_segment(entry.cell_id, 'cell_id')}{tail}"
        content = b'{"value":%b}' % entry.content
        return HttpRequest(
            UPDATE_CELL.operation_id,
            UPDATE_CELL.method,
            target,
            content,
            idempotency=UPDATE_CELL.idempotency,
            template=UPDATE_CELL.path,
            dataset_id=self._dataset_id,
        )

    # --- what became of an edit

    async def _updated(self, entry: Entry, exchange: Exchange) -> None:
        attempts = exchange.attempts
        previous = _previous_of(entry, exchange)
        conflict = bool(
            entry.expected
            and previous
            and not same_json(previous, entry.expected)
            and not same_json(previous, entry.content)
        )
        # after an attempt in doubt, the cell may have held what that attempt wrote
        trusted = None if exchange.maybe_applied else previous
        self._measure(exchange).edits += 1
        self._failures.succeeded()
        self._count_requests(attempts)
        self._record.record(
            Result(entry.seq, State.UPDATED, attempts, previous=trusted, conflict=conflict)
        )
        if conflict or self._sink is not None:
            outcome = EditOutcome(
                entry.seq,
                entry.edit,
                EditStatus.UPDATED,
                None,
                attempts,
                None if trusted is None else _decode(trusted),
                conflict,
            )
            if conflict:
                self._report.keep(outcome)
            await self._tell(outcome)
        self._show_progress()

    async def _ended(self, outcome: EditOutcome, number: int | None = None) -> None:
        """Record an edit that was not applied, and stop where going on makes no sense.

        Args:
            outcome: What became of it.
            number: Its number in the order of sending; None for what could not be sent.
        """
        self._write_down(outcome)
        error = outcome.error
        is_outage = number is not None and self._failures.failed(
            number, self._buffer.oldest_under_way, error
        )
        if isinstance(error, STOPPING) or is_outage:
            self._report.stopped_by = self._report.stopped_by or error
            self._halt_job()
        elif self._options.on_error == "raise":
            self._halt_job()
        await self._tell(outcome)
        self._show_progress()

    def _interrupted(self, entry: Entry, exchange: Exchange) -> EditOutcome:
        """Record an edit whose request the end of the job broke off."""
        if exchange.unanswered or exchange.maybe_applied:
            outcome = _unknown_outcome(entry, exchange)
        else:
            outcome = EditOutcome(
                entry.seq, entry.edit, EditStatus.NOT_SENT, None, exchange.attempts
            )
        if exchange.attempts:
            self._write_down(outcome)
        else:
            self._record.withdraw(entry)
        return outcome

    def _write_down(self, outcome: EditOutcome) -> None:
        error, attempts = outcome.error, outcome.attempts
        if error is not None:
            self._report.keep(outcome)
        self._count_requests(attempts)
        failure = None if error is None else failure_of(error)
        state = STATE_OF[outcome.status]
        self._record.record(Result(outcome.index, state, attempts, failure=failure))

    def _count_requests(self, attempts: int) -> None:
        if attempts:
            self._report.requests += attempts
            self._report.retries += attempts - 1

    def _measure(self, exchange: Exchange) -> Bin:
        """Enter an exchange that is over into the figures; returns its moment in the timeline."""
        report, under_way = self._report, self._slots.active
        report.latency.add(exchange.seconds)
        moment = report.timeline.at(self._clock.monotonic() - self._started)
        if under_way > moment.concurrency:  # noqa: PLR1730 - cheaper than max() on the hot path
            moment.concurrency = under_way
        moment.throttled += exchange.throttled
        moment.errors += exchange.failures - (exchange.error is not None)
        return moment

    async def _tell(self, outcome: EditOutcome) -> None:
        if self._sink is not None:
            await self._sink(outcome)

    def _halt_job(self, failure: Exception | None = None) -> None:
        """Send nothing more; what is on its way comes to its end."""
        if self._failure is None:
            self._failure = failure
        if self._halt.is_set:
            return
        self._halt.set()
        self._buffer.drain()
        self._room.set()
        self._hand_out()

    def _show_progress(self) -> None:
        if self._on_progress is None:
            return
        now = self._clock.monotonic()
        if now >= self._next_progress:
            self._next_progress = now + _PROGRESS_INTERVAL
            self._on_progress(self._progress())

    def _progress(self) -> BulkProgress:
        tally = self._record.tally
        waiting = sum(map(tally.of, (State.PLANNED, State.RESEND, State.SENT)))
        return BulkProgress(
            done=tally.total - waiting,
            total=self._total,
            updated=tally.of(State.UPDATED),
            failed=tally.of(State.FAILED) + tally.of(State.UNKNOWN),
            requests=self._report.requests,
            seconds=self._clock.monotonic() - self._started,
        )


@contextmanager
def _quota_figures(quota: Gate, report: BulkReport) -> Iterator[None]:
    """Add what the quota's gate counts meanwhile to the report."""
    throttled, waited = quota.throttled, quota.seconds_waited
    try:
        yield
    finally:
        report.rate_limited += quota.throttled - throttled
        report.seconds_waited += quota.seconds_waited - waited


def _end_of(slot: Slot, exchange: Exchange) -> AttemptEnd:
    """What the last attempt of an exchange, which had no success, says of overload."""
    if slot.notes_failure(exchange.failures):
        return AttemptEnd.FAILED
    if not exchange.attempts:  # none was made: the quota's gate ended it
        return AttemptEnd.ANSWERED
    remaining = exchange.reply.headers.get("X-RateLimit-Remaining", "").strip()
    # without quota left it is the quota, which the gate sees to
    has_quota = remaining.isdecimal() and int(remaining) > 0
    return AttemptEnd.THROTTLED if has_quota else AttemptEnd.ANSWERED


def _unknown_outcome(entry: Entry, exchange: Exchange) -> EditOutcome:
    """The outcome of an edit that may have been applied when the job ended."""
    reason = "the job ended before a reply came"
    error = errors.OutcomeUnknownError(
        f"{UPDATE_CELL.operation_id} may or may not have been applied: {reason}",
        operation=UPDATE_CELL.operation_id,
        attempts=exchange.attempts,
        reason=reason,
    )
    return EditOutcome(entry.seq, entry.edit, EditStatus.UNKNOWN, error, exchange.attempts)


def _outcome_of(entry: Entry, exchange: Exchange, error: errors.ClaroError) -> EditOutcome:
    """The outcome of an edit that ended with an error."""
    if isinstance(error, errors.OutcomeUnknownError | errors.DecodeError):
        status = EditStatus.UNKNOWN  # after a reply that cannot be read, too
    elif isinstance(error, (errors.ConnectionFailedError, *STOPPING)) or is_redirect(error):
        status = EditStatus.NOT_SENT  # nothing was applied, and a later try makes sense
    else:
        status = EditStatus.FAILED
    status = status_after(status, maybe_applied=entry.maybe_applied)
    return EditOutcome(entry.seq, entry.edit, status, error, exchange.attempts)
