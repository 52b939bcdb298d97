"""What the rate-limit headers say, in whatever unit the server chose.

``X-RateLimit-Limit``, ``-Remaining`` and ``-Reset`` come with every reply of the Claro API; the
unit of the reset is not documented. Accepted are epoch seconds, epoch milliseconds, seconds from
now, HTTP dates and ISO 8601.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Self

import attrs
import msgspec
from multidict import istr

from claro_async._plain import PlainRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_PERIOD = 3600.0
"""Seconds; pacing does not go by a reset that is further away than this."""
TOO_MANY_REQUESTS = 429
# looked up in every reply: the names that aiohttp's headers need not make small letters of first
LIMIT = istr("X-RateLimit-Limit")
REMAINING = istr("X-RateLimit-Remaining")
RESET = istr("X-RateLimit-Reset")
DATE = istr("Date")
_YEAR = 366 * 86_400.0
_EPOCH_FROM = 1e9
_MILLISECONDS_FROM = 1e11
_SLIGHTLY = 0.5  # seconds by which a wall clock may be ahead and still be of use


@attrs.frozen
class RateLimit(PlainRecord):
    """The key's rate limit as the server reported it last.

    Attributes:
        limit: Requests a minute that the key is allowed, or None where not reported.
        remaining: Requests left in the present period, or None where not reported.
        resets_at: When the period ends, by the server's clock; None where that was not reported or
            cannot be read. Pacing does not go by a moment more than an hour away; this shows it.
    """

    limit: int | None = None
    remaining: int | None = None
    resets_at: datetime | None = None


class QuotaHeaders(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What one reply says of the quota, with the times of the request.

    Positional, since one is made for many replies.

    Attributes:
        status: The HTTP status.
        sent: When its request went out, by the clock of whoever keeps the state.
        received: When it came, by the same clock.
        limit: Requests a period, or None.
        remaining: Requests left, or None.
        reset: The text of ``X-RateLimit-Reset``.
        retry_after: The text of ``Retry-After``, of a 429 only.
        date: The text of ``Date``.
    """

    status: int
    sent: float
    received: float
    limit: int | None = None
    remaining: int | None = None
    reset: str = ""
    retry_after: str = ""
    date: str = ""

    @classmethod
    def read(cls, status: int, headers: Mapping[str, str], sent: float, received: float) -> Self:
        """Read the headers of a reply, which are looked up without regard to case."""
        return cls(
            status,
            sent,
            received,
            parse_count(headers.get(LIMIT)),
            parse_count(headers.get(REMAINING)),
            headers.get(RESET, ""),
            headers.get("Retry-After", "") if status == TOO_MANY_REQUESTS else "",
            headers.get(DATE, ""),
        )

    @property
    def throttled(self) -> bool:
        """Whether the request was answered with 429."""
        return self.status == TOO_MANY_REQUESTS

    @property
    def is_concurrency_limit(self) -> bool:
        """Whether it was throttled although requests remain: too many at once, not too many."""
        return self.throttled and bool(self.remaining)

    def moved(self, seconds: float) -> QuotaHeaders:
        """The same by a clock that is ahead by so much."""
        moved = msgspec.structs.replace
        return moved(self, sent=self.sent + seconds, received=self.received + seconds)


def parse_count(text: str | None) -> int | None:
    """A header that counts requests; None where it is missing or not a count."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    return int(text[:18])


def parse_moment(text: str, server_now: float) -> float | None:
    """When a period ends, by the server's clock; None where pacing cannot go by it.

    Args:
        text: The value of ``X-RateLimit-Reset``.
        server_now: The server's present time in epoch seconds.
    """
    moment = _read_moment(text, server_now)
    if moment is None or abs(moment - server_now) > LONGEST_PERIOD:
        return None
    return moment


def read_retry_after(text: str, server_now: float) -> float | None:
    """Seconds for which ``Retry-After`` asks to wait, however many; None if it cannot be read.

    A number counts seconds, as RFC 9110, section 10.2.3, says, unless it is an epoch time within a
    year of now. An HTTP date and the other forms of a reset are read as well.

    Args:
        text: The header's value.
        server_now: The server's present time in epoch seconds.
    """
    text = text.strip()
    try:
        seconds = float(text)
    except ValueError:
        moment = _parse_date(text)
        if moment is None or moment < server_now - LONGEST_PERIOD:
            return None
        return max(0.0, moment - server_now)
    if seconds >= _EPOCH_FROM:
        moment = _read_moment(text, server_now)
        if moment is not None and abs(moment - server_now) <= _YEAR:
            return max(0.0, moment - server_now)
    return seconds if 0 <= seconds < math.inf else None


def reported_reset(text: str, server_now: float) -> datetime | None:
    """When the period ends as the server reported it, believable or not; None if unreadable."""
    moment = _read_moment(text, server_now)
    try:
        return None if moment is None else datetime.fromtimestamp(moment, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def is_relative(text: str) -> bool:
    """Whether a believable header counts seconds from now, so that it changes within one period."""
    try:
        return float(text) < _EPOCH_FROM
    except ValueError:
        return False


def _read_moment(text: str, server_now: float) -> float | None:
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        return _parse_date(text)
    if not math.isfinite(number):
        return None
    if number >= _MILLISECONDS_FROM:
        return number / 1000
    return number if number >= _EPOCH_FROM else server_now + number


def _parse_date(text: str) -> float | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


_DRIFT = 1e-4
"""Share by which two machines' clocks may go apart: twice what a poor quartz does."""


class ServerClock(msgspec.Struct, omit_defaults=True):
    """The server's time against a clock of ours that never steps, learned from ``Date`` headers.

    A ``Date`` is cut to the second, so each reply only bounds the time; the bounds of many replies
    together are tight. They widen with time, since no two clocks run equally fast. Where a wall
    clock of ours lies within them it is believed. Otherwise the earliest possible time is, so that
    no period is thought to be over too soon; a wall clock that is ahead by a fraction of a second
    is set back only as far as it must be.

    Attributes:
        offset: Seconds by which the server's clock is ahead of ours.
        wall: The same of our wall clock, a hint; None where there is none or it proved wrong.
        date: The text of the last ``Date``.
        low: The least that `offset` can be, by the replies so far.
        high: The most that it can be.
        at: When both were learned, by our clock.
    """

    offset: float = 0.0
    wall: float | None = None
    date: str = ""
    low: float | None = None
    high: float | None = None
    at: float = 0.0

    @classmethod
    def hinted(cls, wall: float) -> Self:
        """One that goes by a wall clock until a reply tells more."""
        return cls(offset=wall, wall=wall)

    def observe(self, date: str, sent: float, received: float) -> float:
        """Learn from a reply.

        Args:
            date: Its ``Date`` header.
            sent: When the request went out, by our clock.
            received: When the reply came.

        Returns:
            By how many seconds the server's time is now thought to be later.
        """
        if date == self.date:
            return 0.0
        self.date = date
        moment = _parse_date(date) if date else None
        if moment is None:
            return 0.0
        low, high = moment - received, moment + 1 - sent
        if self.low is not None and self.high is not None:
            drift = _DRIFT * max(0.0, received - self.at)
            narrow = max(self.low - drift, low), min(self.high + drift, high)
            if narrow[0] <= narrow[1]:  # else one of the clocks was set
                low, high = narrow
        self.low, self.high, self.at = low, high, received
        return self._move_to(self._choose(low, high))

    def distrust_wall(self) -> float:
        """Believe the wall clock no more: what should have been over by it was not.

        Returns:
            By how many seconds the server's time is now thought to be later; not positive.
        """
        self.wall = None
        return self._move_to(self.offset if self.low is None else self.low)

    def _move_to(self, offset: float) -> float:
        before, self.offset = self.offset, offset
        return offset - before

    def _choose(self, low: float, high: float) -> float:
        if self.wall is None or self.wall < low or self.wall - high >= _SLIGHTLY:
            return low
        return min(self.wall, high)
