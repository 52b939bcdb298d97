"""Carries edits out: a fixed pool of workers, one request a cell, at most one at a time for each.

Claro API v2, "Manage Dataset", section "Update Cell Value".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs
import msgspec
from claro_api.datasets import UPDATE_CELL

from claro_async import errors
from claro_async._checks import check_int, check_on_error
from claro_async.bulk.concurrency import AdaptiveLimit
from claro_async.bulk.edits import EditOutcome, EditStatus, Entry
from claro_async.bulk.equality import readable_json, same_json
from claro_async.bulk.failures import failure_of
from claro_async.bulk.states import STATE_OF, Result, State, status_after
from claro_async.bulk.window import EditWindow
from claro_async.progress import BulkProgress
from claro_async.transport.retry import FRESH, History
from claro_async.transport.transport import Exchange
from claro_async.wire.identifiers import encode_segment
from claro_async.wire.replies import decode_into
from claro_async.wire.requests import HttpRequest, partial_target

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from claro_async.bulk.report import BulkReport, ProgressCallback
    from claro_async.bulk.store import Record
    from claro_async.transport.transport import Transport
    from claro_async.wire.replies import HttpReply

OnError: TypeAlias = Literal["collect", "raise"]
Source: TypeAlias = "AsyncGenerator[Entry | EditOutcome, None]"
"""Edits to send, and outcomes of items that cannot be sent."""
Sink: TypeAlias = Callable[[EditOutcome], Awaitable[None]]

_LOOK_AHEAD = 4  # edits read ahead for each worker
_PROGRESS_INTERVAL = 0.1  # seconds
_HOPELESS = 10  # edits in a row that met no server at all

# What the next edit would meet as well: going on would only spend requests.
STOPPING = (
    errors.AuthenticationError,
    errors.DatasetNotFoundError,
    errors.ProcessingInProgressError,
    errors.RateLimitError,
)


# What became of earlier attempts: none, or, after an earlier run, some that may have been applied.
_HISTORY = {False: FRESH, True: History(maybe_applied=True)}


@attrs.frozen
class EngineOptions:
    """How edits are carried out.

    Attributes:
        max_concurrency: Requests under way at once, at the most.
        on_error: ``collect`` or ``raise``.
        on_progress: Called now and then.
        reserve: The share of the quota, from 0 to 1, that is left to others.
    """

    max_concurrency: int = 32
    on_error: OnError = "collect"
    on_progress: ProgressCallback | None = None
    reserve: float = 0.0


def engine_options(
    max_concurrency: int,
    on_error: OnError,
    on_progress: ProgressCallback | None,
    reserve: float,
) -> EngineOptions:
    """The options, checked.

    Raises:
        TypeError: ``max_concurrency`` is no int.
        ValueError: An argument outside its limits.
    """
    check_int("max_concurrency", max_concurrency, 1)
    check_on_error(on_error)
    if not 0 <= reserve < 1:
        raise ValueError(
            f"reserve is the share of the quota left to others, from 0 to below 1, not {reserve!r}"
        )
    return EngineOptions(max_concurrency, on_error, on_progress, reserve)


class _Updated(msgspec.Struct, rename="camel"):
    """What is read of the reply to an edit."""

    cell_id: str
    previous_value: msgspec.Raw = msgspec.Raw()


_decoder = msgspec.json.Decoder(_Updated)
_decode = msgspec.json.Decoder().decode


def _read_updated(reply: HttpReply) -> _Updated:
    return decode_into(_decoder, reply)


class BulkEngine:
    """One run over the edits of one dataset.

    Args:
        transport: Carries the requests out.
        dataset_id: The dataset.
        options: How.
        report: Where the run is counted.
        record: Where it stands what is about to be sent, and what became of it.
        sink: Takes every outcome, if anybody wants them.
    """

    def __init__(  # noqa: PLR0913 - what a run is put together from
        self,
        transport: Transport,
        dataset_id: str,
        options: EngineOptions,
        report: BulkReport,
        *,
        record: Record,
        sink: Sink | None = None,
    ) -> None:
        self._transport = transport
        self._target = partial_target(UPDATE_CELL.path, {"datasetId": dataset_id})
        self._options = options
        self._report = report
        self._record = record
        self._sink = sink
        self._window = EditWindow(_LOOK_AHEAD * options.max_concurrency)
        self._limit = AdaptiveLimit(options.max_concurrency)
        self._total: int | None = None
        self._exhausted = False
        self._stopped = False
        self._failure: Exception | None = None
        self._hopeless = 0
        self._space = asyncio.Event()
        self._parked: list[asyncio.Future[None]] = []
        self._started = 0.0
        self._next_progress = 0.0

    async def run(self, source: Source, total: int | None, *, count_rest: bool) -> None:
        """Carry out the edits of a source.

        Args:
            source: The edits.
            total: How many edits the report will count, where that is known.
            count_rest: Whether, once nothing is sent any more, the rest is read to be counted.

        Raises:
            Exception: Whatever the source or the progress callback raised.
        """
        quota = self._transport.quota
        self._started = self._transport.clock.monotonic()
        self._total = total
        throttled, waited = quota.throttled, quota.seconds_waited
        workers = [self._work() for _ in range(self._options.max_concurrency)]
        feed = self._feed(source, count_rest=count_rest)
        tasks = [asyncio.ensure_future(job) for job in (feed, *workers)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            report = self._report
            report.rate_limited += quota.throttled - throttled
            report.seconds_waited += quota.seconds_waited - waited
            report.seconds += self._transport.clock.monotonic() - self._started
        if self._failure is not None:
            raise self._failure
        if self._options.on_progress is not None:
            self._options.on_progress(self._progress())

    async def _feed(self, source: Source, *, count_rest: bool) -> None:
        """Read the input, never further ahead than the window is wide."""
        window, report = self._window, self._report
        try:
            async with aclosing(source):
                async for item in source:
                    if self._stopped:
                        report.count(EditStatus.NOT_SENT)
                        if not count_rest:
                            break
                    elif isinstance(item, EditOutcome):
                        await self._settle(item)
                    else:
                        overtaken = window.offer(item)
                        if overtaken is not None:
                            report.count(EditStatus.SUPERSEDED)
                            self._record.record(Result(overtaken.seq, State.SUPERSEDED))
                        self._unpark()
                    while window.is_full and not self._stopped:
                        self._space.clear()
                        await self._space.wait()
                    if self._stopped and not count_rest:
                        break
        except Exception as error:  # noqa: BLE001 - whatever the caller's own iterator raises
            self._stop(error)
        self._exhausted = True
        while self._parked:
            self._unpark()

    async def _work(self) -> None:
        window = self._window
        while True:
            entry = window.take() if window.under_way < self._limit.current else None
            if entry is None:
                if self._exhausted and not window.waiting:
                    self._unpark()  # one after the other, all end
                    return  # a held edit is taken by the worker that it waits for
                parked = asyncio.get_running_loop().create_future()
                self._parked.append(parked)
                await parked
                continue
            await self._apply(entry)
            window.finish(entry.cell_id)
            if not window.is_full:
                self._space.set()
            if window.waiting:
                self._unpark()

    def _unpark(self) -> None:
        while self._parked:
            parked = self._parked.pop()
            if not parked.done():
                parked.set_result(None)
                return

    async def _apply(self, entry: Entry) -> None:
        try:
            await self._record.intend(entry)
        except errors.JournalError as error:
            self._report.count(EditStatus.NOT_SENT)
            self._stop(error)
            return
        try:
            history = _HISTORY[entry.maybe_applied]
            exchange = await self._transport.carry_out(
                Exchange(self._request(entry), _read_updated, history=history),
                reserve=self._options.reserve,
            )
        except errors.ClaroError as error:
            self._limit.struggled()
            await self._settle(_outcome_of(entry, error))
            return
        self._measure(exchange)
        if exchange.error is not None:
            outcome = _outcome_of(entry, exchange.error)
            outcome.attempts = exchange.attempts
            await self._settle(outcome)
        else:
            await self._applied(entry, exchange)

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
        )

    def _measure(self, exchange: Exchange) -> None:
        report, under_way = self._report, self._window.under_way
        report.latency.add(exchange.seconds)
        moment = report.timeline.at(self._transport.clock.monotonic() - self._started)
        if under_way > moment.concurrency:  # noqa: PLR1730 - cheaper than max() on the hot path
            moment.concurrency = under_way
        moment.refusals += exchange.throttled
        if exchange.failures:
            moment.errors += exchange.failures
            self._limit.struggled()
        else:
            self._limit.succeeded(exchange.seconds)
        if exchange.error is None:
            moment.edits += 1

    async def _applied(self, entry: Entry, exchange: Exchange) -> None:
        told: _Updated = exchange.value
        report, attempts = self._report, exchange.attempts
        previous = readable_json(bytes(told.previous_value))
        conflict = bool(
            entry.expected
            and previous
            and not same_json(previous, entry.expected)
            and not same_json(previous, entry.content)
        )
        # after an attempt in doubt, the cell may have held what that attempt wrote
        trusted = None if exchange.maybe_applied else previous
        self._hopeless = 0
        report.requests += attempts
        report.retries += attempts - 1
        report.updated += 1
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
                report.keep(outcome)
            if self._sink is not None:
                await self._sink(outcome)
        self._show_progress()

    async def _settle(self, outcome: EditOutcome) -> None:
        """Count an edit that was not applied, and stop where going on makes no sense."""
        report, error = self._report, outcome.error
        report.count(outcome.status)
        report.keep(outcome)
        report.requests += outcome.attempts
        report.retries += max(0, outcome.attempts - 1)
        failure = None if error is None else failure_of(error)
        state = STATE_OF[outcome.status]
        self._record.record(Result(outcome.index, state, outcome.attempts, failure=failure))
        met_nobody = isinstance(error, errors.ConnectionFailedError)
        self._hopeless = self._hopeless + 1 if met_nobody else 0
        if isinstance(error, STOPPING) or self._hopeless >= _HOPELESS:
            report.stopped_by = report.stopped_by or error
            self._stop()
        elif self._options.on_error == "raise":
            self._stop()
        if self._sink is not None:
            await self._sink(outcome)
        self._show_progress()

    def _stop(self, failure: Exception | None = None) -> None:
        """Send nothing more; what is under way comes to its end."""
        if failure is not None and self._failure is None:
            self._failure = failure
        self._stopped = True
        self._report.count(EditStatus.NOT_SENT, self._window.drain())
        self._space.set()

    def _show_progress(self) -> None:
        on_progress = self._options.on_progress
        if on_progress is None or self._failure is not None:
            return
        now = self._transport.clock.monotonic()
        if now < self._next_progress:
            return
        self._next_progress = now + _PROGRESS_INTERVAL
        try:
            on_progress(self._progress())
        except Exception as error:  # noqa: BLE001 - the caller's own callback
            self._stop(error)

    def _progress(self) -> BulkProgress:
        report = self._report
        return BulkProgress(
            done=report.total,
            total=self._total,
            updated=report.updated,
            failed=report.failed + report.unknown,
            requests=report.requests,
            seconds=self._transport.clock.monotonic() - self._started,
        )


def _outcome_of(entry: Entry, error: errors.ClaroError) -> EditOutcome:
    """The outcome of an edit that met an error."""
    if isinstance(error, errors.OutcomeUnknownError | errors.DecodeError):
        status = EditStatus.UNKNOWN  # after a reply that cannot be read, too
    elif isinstance(error, (errors.ConnectionFailedError, *STOPPING)):
        status = EditStatus.NOT_SENT  # nothing was applied, and a later try makes sense
    else:
        status = EditStatus.FAILED
    status = status_after(status, maybe_applied=entry.maybe_applied)
    attempts = getattr(error, "attempts", 1)
    return EditOutcome(entry.seq, entry.edit, status, error, attempts)
