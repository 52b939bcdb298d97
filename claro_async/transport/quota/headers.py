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
    from claro_async.transport.clock import Clock

LONGEST_WINDOW = 3600.0
"""Seconds; a reset further away than this is not believed."""
_EPOCH_FROM = 1e9
_MILLISECONDS_FROM = 1e11
_SLIGHTLY = 0.5


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
    """The server's time, learned from ``Date`` headers and carried on by our monotonic clock.

    A ``Date`` is cut to the second, so each reply only bounds the time; the bounds of many replies
    together are tight. While our own clock may be right, it is believed. Otherwise the earliest
    possible time is, so that nothing is thought to be over too soon; a clock that is ahead by a
    fraction of a second is only set back as far as it must be.

    Args:
        clock: Our time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ours = clock.time() - clock.monotonic()
        self._low = -math.inf
        self._high = math.inf
        self._last = ""
        self.ahead = self._ours
        """Seconds by which the server's clock is ahead of our monotonic one."""

    def now(self) -> float:
        """The server's time in epoch seconds, as far as its replies tell."""
        return self._clock.monotonic() + self.ahead

    def observe(self, date: str, sent: float) -> float:
        """Learn from a reply received just now.

        Args:
            date: Its ``Date`` header.
            sent: When the request went out, on our monotonic clock.

        Returns:
            By how many seconds the server's time is now thought to be later.
        """
        if date == self._last:
            return 0.0
        self._last = date
        told = _parse_date(date) if date else None
        if told is None:
            return 0.0
        low, high = told - self._clock.monotonic(), told + 1 - sent
        self._low, self._high = max(self._low, low), min(self._high, high)
        if self._low > self._high:  # one of the clocks was set
            self._low, self._high = low, high
        return self._set()

    def doubt(self) -> float:
        """Believe our own clock no more: what should have been over by it was not.

        Returns:
            By how many seconds the server's time is now thought to be later; not positive.
        """
        self._ours = math.inf
        return self._set()

    def _set(self) -> float:
        before = self.ahead
        self.ahead = self._choose()
        return self.ahead - before

    def _choose(self) -> float:
        if self._ours < self._low:
            return self._low
        if self._ours - self._high < _SLIGHTLY:
            return min(self._ours, self._high)
        return self._low if self._low > -math.inf else self.ahead
