"""What a cheap request shows of a service: that it answers, how soon, and the quota."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import attrs

from claro_async._plain import plain_record

if TYPE_CHECKING:
    from claro_async.transport.quota.headers import RateLimit


@attrs.frozen(kw_only=True)
class PingResult:
    """The answer to a ping.

    Attributes:
        seconds: From sending the request that was answered to the whole reply.
        rate_limit: The key's rate limit after it.
        request_id: The ``X-Request-Id`` of the reply, or None.
        clock_skew: Seconds by which the server's clock is ahead of this machine's, right to a
            second or so (replies name no fractions); None where the reply had no ``Date``.
    """

    seconds: float
    rate_limit: RateLimit
    request_id: str | None
    clock_skew: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain JSON values."""
        return plain_record(self)


def clock_skew(date: str | None, now: float, seconds: float) -> float | None:
    """By how many seconds the server's clock is ahead; None where its ``Date`` does not tell.

    Args:
        date: The reply's ``Date``, which is cut to the second.
        now: This machine's time when the reply was there, in epoch seconds.
        seconds: How long the reply took.
    """
    try:
        moment = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return moment + 0.5 - (now - seconds / 2)
