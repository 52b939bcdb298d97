"""What became of a bulk update."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from claro_async.bulk.edits import EditOutcome, EditStatus
from claro_async.bulk.measure import LatencyHistogram, Timeline
from claro_async.errors import BulkUpdateError, ClaroError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

MAX_OUTCOMES_KEPT = 10_000
_SUMMED = (
    *EditStatus,
    *("requests", "earlier_requests", "pages_read", "retries", "throttled", "seconds_waited"),
)
_PERCENTILES = (0.5, 0.9, 0.99)


@attrs.define
class BulkReport:
    """What became of every edit of a bulk update; the counts sum to :attr:`total`.

    Attributes:
        updated: Applied: the server said so, or a later look showed it.
        unchanged: Not sent, since the cell had the value already.
        superseded: Not sent, since a later edit of the same cell came before.
        failed: Rejected, not sendable, or of a cell that does not exist; nothing was applied.
        not_sent: Nothing was applied, and sending would make sense: the update was stopped, or no
            server was reached.
        unknown: Sent, and nobody knows whether it was applied.
        failures: The outcomes of edits that failed, are unknown or reached no server; the first
            10,000.
        conflicts: The outcomes of edits that overwrote somebody else's change; the first 10,000.
        stopped_by: The error that ended the update before its end, or None.
        stop_requested: Whether ``stop`` ended the update before its end.
        notes: What went wrong beside the edits, in sentences, such as a callback that raised.
        requests: Requests sent for edits in this run, repeats included.
        earlier_requests: Requests for edits that earlier runs of the job sent, as far as they are
            on record: those under way at a kill are not. The counts and outcomes are of the whole
            job; this and all figures that follow are of this run.
        pages_read: Requests sent to read pages.
        retries: Requests for edits that were repeats.
        throttled: Replies with 429 that the client got meanwhile.
        seconds: From start to end.
        seconds_waited: Time that requests waited for the quota, summed over all that waited.
        latency: Seconds from sending to the reply of requests for edits.
        timeline: The course of the run.
    """

    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    failed: int = 0
    not_sent: int = 0
    unknown: int = 0
    failures: list[EditOutcome] = attrs.field(factory=list, repr=False)
    conflicts: list[EditOutcome] = attrs.field(factory=list, repr=False)
    stopped_by: Exception | None = None
    stop_requested: bool = False
    notes: list[str] = attrs.field(factory=list)
    requests: int = 0
    earlier_requests: int = 0
    pages_read: int = 0
    retries: int = 0
    throttled: int = 0
    seconds: float = 0.0
    seconds_waited: float = 0.0
    latency: LatencyHistogram = attrs.field(factory=LatencyHistogram, repr=False)
    timeline: Timeline = attrs.field(factory=Timeline, repr=False)

    @property
    def total(self) -> int:
        """Edits of the input; for an async input that was stopped, those that were read."""
        return sum(getattr(self, status.value) for status in EditStatus)

    def count(self, status: EditStatus, number: int = 1) -> None:
        """Count edits of a status."""
        setattr(self, status.value, getattr(self, status.value) + number)

    def take_counts(self, counts: Mapping[EditStatus, int]) -> None:
        """Take the counts from the job's record."""
        for status in EditStatus:
            setattr(self, status.value, counts.get(status, 0))

    def keep(self, outcome: EditOutcome) -> None:
        """Keep an outcome that somebody should look at."""
        kept = self.conflicts if outcome.conflict else self.failures
        if len(kept) < MAX_OUTCOMES_KEPT:
            kept.append(outcome)

    @classmethod
    def merge(cls, reports: Iterable[BulkReport]) -> BulkReport:
        """One report of several jobs that ran beside each other, such as the tasks of a cluster.

        Counts and latencies are summed, ``seconds`` is the longest, the timeline takes all as begun
        at once and shows the concurrency of the busiest; the first error that ended one stands in
        ``stopped_by``.
        """
        merged = cls()
        for each in reports:
            for name in _SUMMED:
                setattr(merged, name, getattr(merged, name) + getattr(each, name))
            for outcome in (*each.failures, *each.conflicts):
                merged.keep(outcome)
            merged.notes += each.notes
            merged.seconds = max(merged.seconds, each.seconds)
            merged.stopped_by = merged.stopped_by or each.stopped_by
            merged.stop_requested |= each.stop_requested
            merged.latency.merge(each.latency)
            merged.timeline.merge(each.timeline)
        return merged

    def note(self, text: str | None) -> None:
        """Keep a note, if there is one."""
        if text is not None:
            self.notes.append(text)

    @contextmanager
    def on_exception(self) -> Iterator[None]:
        """Whatever is raised inside carries this report as ``report``, and says so in a note."""
        try:
            yield
        except BaseException as error:
            if getattr(error, "report", None) is not self:
                vars(error)["report"] = self
                if self.total:
                    error.add_note(f"{self._summary()}; the exception's report says more")
            raise

    def _summary(self) -> str:
        return (
            f"{self.updated} of {self.total} edits applied, {self.failed} failed,"
            f" {self.unknown} unknown, {self.not_sent} not sent"
        )

    def raise_for_failures(self) -> None:
        """Raise if any edit failed, is unknown or was not sent.

        Raises:
            BulkUpdateError: With this report and the first errors as a group.
        """
        if not (self.failed or self.unknown or self.not_sent):
            return
        causes: list[Exception] = [
            outcome.error for outcome in self.failures if outcome.error is not None
        ]
        if self.stopped_by is not None and self.stopped_by not in causes:
            causes.append(self.stopped_by)
        error = BulkUpdateError(
            self._summary(),
            causes or [ClaroError("the update was stopped")],
        )
        error.report = self
        raise error

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values, for logs and dashboards, without values of cells."""
        return {
            **{status.value: getattr(self, status.value) for status in EditStatus},
            "total": self.total,
            "conflicts": len(self.conflicts),
            "stopped_by": None if self.stopped_by is None else str(self.stopped_by),
            "stop_requested": self.stop_requested,
            "notes": list(self.notes),
            "requests": self.requests,
            "earlier_requests": self.earlier_requests,
            "pages_read": self.pages_read,
            "retries": self.retries,
            "throttled": self.throttled,
            "seconds": round(self.seconds, 3),
            "seconds_waited": round(self.seconds_waited, 3),
            "latency": {
                f"p{share * 100:g}": self.latency.percentile(share) for share in _PERCENTILES
            },
            "failures": [_failure(outcome) for outcome in self.failures[:100]],
        }

    def write_html(self, path: str | Path) -> None:
        """Write the report as one page that needs nothing else: no script, no font, no network.

        Args:
            path: Where; an existing file is replaced in one step, and keeps its permissions.

        Raises:
            OSError: It cannot be written; what was there stays, and nothing is left behind.
        """
        from claro_async.reporting.page import write_report  # noqa: PLC0415 - seldom wanted

        write_report(self, path)


def _failure(outcome: EditOutcome) -> dict[str, Any]:
    return {
        "index": outcome.index,
        "cell_id": outcome.edit.cell_id or None,
        "status": outcome.status.value,
        "error": None if outcome.error is None else str(outcome.error),
        "attempts": outcome.attempts,
    }


@attrs.define
class SkippedRevert:
    """An edit that was not set back, and why.

    Attributes:
        cell_id: The cell.
        reason: In words.
    """

    cell_id: str
    reason: str


@attrs.define
class RevertReport(BulkReport):
    """What became of a revert; the counts are those of the cells that were set back.

    The metadata that the cells had before cannot be restored: the API resets it with every edit,
    and offers no way to write it.

    Attributes:
        skipped: Edits that were not set back, with the reason; the first 10,000.
        skipped_count: How many those are in all.
    """

    skipped: list[SkippedRevert] = attrs.field(factory=list, repr=False)
    skipped_count: int = 0

    @property
    def nothing_to_do(self) -> bool:
        """Whether there was nothing that could be set back."""
        return self.total == 0

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values, with the first 100 edits that were not set back."""
        skipped = [attrs.asdict(each) for each in self.skipped[:100]]
        return {**super().to_dict(), "skipped_count": self.skipped_count, "skipped": skipped}

    def skip(self, cell_id: str, reason: str) -> None:
        """Note an edit that is not set back."""
        self.skipped_count += 1
        if len(self.skipped) < MAX_OUTCOMES_KEPT:
            self.skipped.append(SkippedRevert(cell_id, reason))
