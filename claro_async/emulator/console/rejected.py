"""How many bodies were rejected: what a client that knows the documents keeps at zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from claro_async.emulator.ledger import Ledger, RequestRecord

REJECTED: Final = frozenset({400, 413, 415})
"""Statuses that say that a request itself is wrong."""
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "DELETE"})
_PLAYED: Final = frozenset({"status", "html"})
"""Faults that answer with a status of their own, whatever was sent."""


def is_body_rejected(record: RequestRecord) -> bool:
    """Tell whether the emulator found a body wrong; not a query, and not because of a fault."""
    return (
        record.status in REJECTED
        and record.fault not in _PLAYED
        and (record.method not in _WITHOUT_BODY or record.body_size > 0)
    )


class RejectedBodies:
    """Counts them in the whole ledger, anew only where a request was rejected since.

    Args:
        ledger: The ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._seen = (0, 0)
        self._count = 0

    def count(self) -> int:
        """Count the requests whose bodies were rejected."""
        statuses = self._ledger.statuses
        rejected = sum(statuses.get(status, 0) for status in REJECTED)
        seen = (self._ledger.times_cleared, rejected)
        if seen != self._seen:
            self._seen = seen
            self._count = sum(map(is_body_rejected, self._ledger.requests)) if rejected else 0
        return self._count
