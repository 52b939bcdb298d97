"""What became of a bulk update."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from claro_async.errors import BulkUpdateError, ClaroError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from claro_async.bulk.edits import EditOutcome, EditStatus

MAX_OUTCOMES_KEPT = 10_000


@attrs.frozen
class BulkProgress:
    """How far a bulk update is.

    Attributes:
        done: Edits with an outcome.
        total: Edits in the input, or None while that is not known.
        updated: Edits that were applied.
        failed: Edits that failed or whose outcome is unknown.
        requests: Requests sent.
        seconds: Since the start.
    """

    done: int
    total: int | None
    updated: int
    failed: int
    requests: int
    seconds: float


ProgressCallback: TypeAlias = "Callable[[BulkProgress], None]"


@attrs.define
class BulkReport:
    """What became of every edit of a bulk update; the counts sum to :attr:`total`.

    Attributes:
        updated: Applied; the server said so.
        unchanged: Not sent, since the cell had the value already.
        superseded: Not sent, since a later edit of the same cell came before.
        failed: Refused or not sendable; nothing was applied.
        not_sent: Never tried, since the update was stopped before.
        unknown: Sent, and it cannot be told whether it was applied.
        failures: The outcomes of failed and unknown edits, the first 10,000.
        stopped_by: The error that ended the update before its end, or None.
        requests: Requests sent, repeats included.
        retries: Requests that were repeats.
        rate_limited: Refusals with 429 seen by the client meanwhile.
        seconds: From start to end.
    """

    updated: int = 0
    unchanged: int = 0
    superseded: int = 0
    failed: int = 0
    not_sent: int = 0
    unknown: int = 0
    failures: list[EditOutcome] = attrs.Factory(list)
    stopped_by: Exception | None = None
    requests: int = 0
    retries: int = 0
    rate_limited: int = 0
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """Edits of the input; for an input without a length, those that were read."""
        return (
            self.updated
            + self.unchanged
            + self.superseded
            + self.failed
            + self.not_sent
            + self.unknown
        )

    def count(self, status: EditStatus, number: int = 1) -> None:
        """Count edits of a status."""
        setattr(self, status.value, getattr(self, status.value) + number)

    def keep(self, outcome: EditOutcome) -> None:
        """Keep an outcome that somebody should look at."""
        if len(self.failures) < MAX_OUTCOMES_KEPT:
            self.failures.append(outcome)

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
            f"{self.updated} of {self.total} edits applied, {self.failed} failed,"
            f" {self.unknown} unknown, {self.not_sent} not sent",
            causes or [ClaroError("the update was stopped")],
        )
        error.report = self
        raise error
