"""The account of a run: what became of each edit, the figures, and the progress shown meanwhile."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from claro_async._callbacks import CallbackGuard
from claro_async.bulk.failures import failure_of
from claro_async.bulk.patches import interrupted_outcome, updated_outcome, updated_result
from claro_async.bulk.states import STATE_OF, Result, State
from claro_async.bulk.watching import final_counts
from claro_async.progress import BulkProgress
from claro_async.transport.observing import current_job
from claro_async.transport.retry import FRESH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claro_async.bulk.edits import EditOutcome, Entry
    from claro_async.bulk.measure import Bin
    from claro_async.bulk.report import BulkReport
    from claro_async.bulk.store import Record
    from claro_async.progress import ProgressCallback
    from claro_async.transport.clock import Clock
    from claro_async.transport.exchange import Exchange
    from claro_async.transport.quota.gate import Gate

_PROGRESS_INTERVAL = 0.1  # seconds


class Account:
    """Writes down what becomes of edits.

    Args:
        record: Where each edit stands.
        report: Takes the figures, and the outcomes worth a look.
        clock: Time.
        on_progress: Called now and then.
    """

    def __init__(
        self,
        record: Record,
        report: BulkReport,
        clock: Clock,
        on_progress: ProgressCallback[BulkProgress] | None,
    ) -> None:
        self._record = record
        self._report = report
        self._clock = clock
        self._on_progress = CallbackGuard.wrap(on_progress, "on_progress")
        self._job = current_job()
        self._total: int | None = None
        self._started = 0.0
        self._next_progress = 0.0

    @contextmanager
    def running(self, quota: Gate, total: int | None) -> Iterator[None]:
        """Measure the time and the waits for the quota, and show the progress at the end."""
        report = self._report
        self._total = total
        self._started = self._clock.monotonic()
        throttled, waited = quota.throttled, quota.seconds_waited
        try:
            yield
        finally:
            report.seconds += self._clock.monotonic() - self._started
            report.throttled += quota.throttled - throttled
            report.seconds_waited += quota.seconds_waited - waited
            if self._on_progress is not None:
                self._on_progress(self._progress())
                report.note(self._on_progress.note)

    def superseded(self, entry: Entry) -> None:
        """An edit was overtaken by a later one before it was sent."""
        self._record.record(Result(entry.seq, State.SUPERSEDED))

    def updated(
        self, entry: Entry, exchange: Exchange, under_way: int, now: float, *, wanted: bool
    ) -> EditOutcome | None:
        """An edit was applied; returns its outcome where it is wanted."""
        wants_previous = wanted or self._record.keeps_values
        result = updated_result(entry, exchange, wants_previous=wants_previous)
        self.measure(exchange, under_way, now).edits += 1
        report, attempts = self._report, result.attempts
        report.requests += attempts
        if attempts > 1:
            report.retries += attempts - 1
        self._record.record(result)
        if not (wanted or result.conflict):
            return None
        outcome = updated_outcome(entry, result)
        if result.conflict:
            report.keep(outcome)
        return outcome

    def ended(self, outcome: EditOutcome) -> None:
        """An edit was not applied, or may not have been."""
        error, attempts = outcome.error, outcome.attempts
        if error is not None:
            self._report.keep(outcome)
        if attempts:
            self._report.requests += attempts
            self._report.retries += attempts - 1
        failure = None if error is None else failure_of(error)
        state = STATE_OF[outcome.status]
        self._record.record(Result(outcome.index, state, attempts, failure=failure))

    def interrupted(self, entry: Entry, exchange: Exchange) -> EditOutcome:
        """The end of the job broke the request of an edit off; returns its outcome."""
        outcome = interrupted_outcome(entry, exchange)
        if exchange.attempts:
            self.ended(outcome)
        else:
            self._record.withdraw(entry)
        return outcome

    def measure(self, exchange: Exchange, under_way: int, now: float) -> Bin:
        """Enter an exchange that is over into the figures; returns its moment in the timeline."""
        report = self._report
        report.latency.add(exchange.seconds)
        moment = report.timeline.at(now - self._started)
        if under_way > moment.concurrency:  # noqa: PLR1730 - cheaper than max() on the hot path
            moment.concurrency = under_way
        if exchange.history is FRESH:
            return moment
        moment.throttled += exchange.throttled
        moment.errors += exchange.failures - (exchange.error is not None)
        return moment

    def show_progress(self) -> None:
        """Tell who wants to know how far it is, unless that was done just now."""
        if self._on_progress is None and self._job is None:
            return
        now = self._clock.monotonic()
        if now >= self._next_progress:
            self._next_progress = now + _PROGRESS_INTERVAL
            if self._job is not None:
                self._job.progressed(final_counts(self._record.tally))
            if self._on_progress is not None:
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
