"""Which requests are attempts at one and the same call.

Clients send nothing by which a server could know. So a request is taken for the next attempt where
it is the same as an earlier one, byte for byte, that had failed shortly before and has no successor
yet; or where both have the same ``Idempotency-Key``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from claro_async.emulator.recent import ENTRIES_KEPT, Kept

if TYPE_CHECKING:
    from claro_async.emulator.ledger import Ledger, RequestRecord

MAX_WAIT: Final = 120.0
"""Seconds after a failure in which the same request is taken for a further attempt."""
_RETRIED_STATUSES: Final = frozenset({408, 425, 429})
_SPOILING_FAULTS: Final = frozenset(
    {"truncate", "stall", "slow", "invalid_json", "wrong_length", "bad_gzip", "error_in_ok"}
)
_KEY: Final = b"idempotency-key"

_Same: TypeAlias = tuple[str, ...] | tuple[str, bytes]


class Attempt(NamedTuple):
    """Which attempt a request is.

    Attributes:
        call: The index of the first request of the call.
        number: The attempt, from 1.
        wait: Seconds since the attempt before had ended; None for the first.
    """

    call: int
    number: int
    wait: float | None


class _Failed(NamedTuple):
    attempt: Attempt
    ended_at: float


class Attempts:
    """Groups the newest requests, as far as it is asked for.

    Args:
        ledger: The ledger, which has them.

    Attributes:
        retried: How many requests were further attempts.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.retried: int = 0
        self._ledger = ledger
        self._cleared = ledger.times_cleared
        self._next = 0
        self._attempts: dict[int, Attempt] = {}
        self._failed: dict[_Same, _Failed] = {}

    def catch_up(self) -> None:
        """Group what has come since the last time."""
        if self._cleared != self._ledger.times_cleared:
            self._cleared, self.retried = self._ledger.times_cleared, 0
            self._failed.clear()
        for entry in self._ledger.recent.since(self._next):
            if isinstance(entry, Kept):
                self._group(entry)
        self._next = self._ledger.recent.added
        while len(self._attempts) > 3 * ENTRIES_KEPT:
            del self._attempts[next(iter(self._attempts))]
        while len(self._failed) > ENTRIES_KEPT:
            del self._failed[next(iter(self._failed))]

    def of(self, index: int) -> Attempt:
        """Tell which attempt a request is."""
        return self._attempts.get(index) or Attempt(index, 1, None)

    def _group(self, kept: Kept) -> None:
        record = kept.record
        same = _what(record)
        failed = self._failed.pop(same, None)
        attempt = Attempt(record.index, 1, None)
        if failed is not None and record.received_at - failed.ended_at <= MAX_WAIT:
            wait = max(0.0, record.received_at - failed.ended_at)
            attempt = Attempt(failed.attempt.call, failed.attempt.number + 1, wait)
            self._attempts[record.index] = attempt
            self.retried += 1
        if has_failed(record):
            self._failed[same] = _Failed(attempt, record.received_at + kept.seconds)


def has_failed(record: RequestRecord) -> bool:
    """Tell whether a client may well send a request again."""
    status = record.status
    return (
        status is None
        or status >= 500  # noqa: PLR2004 - the server's own errors
        or status in _RETRIED_STATUSES
        or record.fault in _SPOILING_FAULTS
    )


def _what(record: RequestRecord) -> _Same:
    for name, value in record.raw_headers:
        if name.lower() == _KEY:
            return record.raw_path, value
    return record.method, record.raw_path, record.query, record.body_sha256
