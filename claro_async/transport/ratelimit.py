"""What the rate-limit headers say, in whatever unit the server chose.

``X-RateLimit-Limit``, ``-Remaining`` and ``-Reset`` come with every reply of the Claro API; the
unit of the reset is not documented. Accepted are epoch seconds, epoch milliseconds, seconds from
now, HTTP dates and ISO 8601.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.transport.clock import Clock

LONGEST_WINDOW = 3600.0
"""Seconds; a reset further away than this is not believed."""
_EPOCH_FROM = 1e9
_MILLISECONDS_FROM = 1e11


@attrs.frozen
class RateLimit:
    """The quota as last told by the server.

    Attributes:
        limit: Requests a minute that the key is allowed, or None where not told.
        remaining: Requests left in the present window, or None where not told.
        resets_at: When the window ends (by this machine's clock), or None where not told or not
            believable.
    """

    limit: int | None = None
    remaining: int | None = None
    resets_at: datetime | None = None


def parse_count(text: str | None) -> int | None:
    """A header that counts requests; None where it is missing or not a count."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    return int(text[:18])


def parse_moment(text: str, server_now: float) -> float | None:
    """When a reset or ``Retry-After`` is due, by the server's clock; None if not believable.

    Args:
        text: The header's value.
        server_now: The server's present time in epoch seconds.
    """
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        moment = _parse_date(text)
    else:
        if number >= _MILLISECONDS_FROM:
            moment = number / 1000
        elif number >= _EPOCH_FROM:
            moment = number
        else:
            moment = server_now + number
    if moment is None or not math.isfinite(moment):
        return None
    return moment if abs(moment - server_now) <= LONGEST_WINDOW else None


def is_relative(text: str) -> bool:
    """Whether a believable header counts seconds from now, so that it changes within one window."""
    try:
        return float(text) < _EPOCH_FROM
    except ValueError:
        return False


def _parse_date(text: str) -> float | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


class ServerTime:
    """How far the server's clock is from ours, learned from ``Date`` headers.

    A ``Date`` is cut to the second, so each reply only bounds the difference; the bounds of many
    replies together are tight. While no difference at all is possible, none is assumed.
    """

    def __init__(self) -> None:
        self._low = -math.inf
        self._high = math.inf
        self._last = ""

    def observe(self, headers: Mapping[str, str], sent_at: float, clock: Clock) -> None:
        """Learn from one reply, received just now; `sent_at` is in epoch seconds of our clock."""
        text = headers.get("Date", "")
        if text == self._last:
            return
        self._last = text
        told = _parse_date(text) if text else None
        if told is None:
            return
        low, high = told - clock.time(), told + 1 - sent_at
        self._low, self._high = max(self._low, low), min(self._high, high)
        if self._low > self._high:  # one of the clocks was set
            self._low, self._high = low, high

    @property
    def ahead(self) -> float:
        """Seconds by which the server's clock is ahead of ours."""
        return min(max(0.0, self._low), self._high)
