"""What is known of a key's quota, and how many requests may go now: pure, without clock or I/O.

The gate of one client and the gate that several processes share follow this same algorithm. All
moments are in the server's time, in epoch seconds, and handed in.

Within a window a request may go while fewer are unanswered than the server says remain: each of
them may not be counted yet. When a window is over, a single request goes ahead to learn about the
next one, and the others follow its reply.

A reset told in whole seconds may be rounded, by up to a second in either direction. Where our own
request opened the window, the true end is a whole number of seconds after that request, or the
moment told: in the first windows that are used up, the last permits are kept to look at those
moments, when a look too early costs nothing. What was found is remembered.

Where others use the key without a word to us, requests are refused that should have been within
what remained. From then on the last permits of a window, as many as were overdrawn, go one by one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

import msgspec

from claro_async.transport.quota.headers import is_relative, parse_count, parse_moment

if TYPE_CHECKING:
    from collections.abc import Mapping

UNPACED = 1 << 62
"""Permits where the server tells of no quota."""
ASK_AGAIN = 1.0
"""Seconds after which another request goes ahead to learn, since the first one may be lost."""
TOO_MANY_REQUESTS = 429
_DOCUMENTED_WINDOW = 60.0
_MARGIN = 0.005
_ROUNDING = 1.0  # seconds by which a moment told in whole seconds can be off
_PROMPT = 0.1  # seconds after a moment within which a request was sent because of it
_LOOKS_FROM_LIMIT = 20
_MOST_OVERDRAWN = 3  # a third of the limit
_LONGEST_BLIND_PAUSE = 60.0
_LONG_AGO = -1e12  # JSON has no infinity


class Told(msgspec.Struct, frozen=True, gc=False):
    """What one reply tells of the quota.

    Attributes:
        status: The HTTP status.
        sent: When its request went out.
        received: When it came.
        limit: Requests a window, or None.
        remaining: Requests left, or None.
        reset: The text of ``X-RateLimit-Reset``.
        ends_at: When the window ends, as far as that text is believable, or None.
        relative: Whether that text counts seconds from now.
        retry_at: When ``Retry-After`` is due, or None.
    """

    status: int
    sent: float
    received: float
    limit: int | None = None
    remaining: int | None = None
    reset: str = ""
    ends_at: float | None = None
    relative: bool = False
    retry_at: float | None = None

    @classmethod
    def read(cls, status: int, headers: Mapping[str, str], sent: float, received: float) -> Self:
        """Read the headers of a reply, which are looked up without regard to case."""
        reset = headers.get("X-RateLimit-Reset", "")
        ends_at = parse_moment(reset, received) if reset else None
        retry = headers.get("Retry-After", "") if status == TOO_MANY_REQUESTS else ""
        return cls(
            status,
            sent,
            received,
            parse_count(headers.get("X-RateLimit-Limit")),
            parse_count(headers.get("X-RateLimit-Remaining")),
            reset,
            ends_at,
            ends_at is None or is_relative(reset),
            parse_moment(retry, received) if retry else None,
        )

    @property
    def refused(self) -> bool:
        """Whether the request was refused for the quota."""
        return self.status == TOO_MANY_REQUESTS

    @property
    def whole_seconds(self) -> bool:
        """Whether the reset may be rounded to a second."""
        if self.ends_at is None:
            return False
        return self.relative or self.ends_at.is_integer()


class QuotaState(msgspec.Struct, omit_defaults=True):
    """The state of a key's quota.

    Attributes:
        limit: Requests a window as last told, or None while nothing was told.
        remaining: Requests left as last told.
        told_end: The end of the window as told.
        allowed: Requests that may be unanswered at once in this window.
        windows: How many windows there were.
    """

    limit: int | None = None
    remaining: int | None = None
    told_end: float = _LONG_AGO
    allowed: int = 0
    windows: int = 0
    _reset: str = ""
    _relative: bool = False
    _ends_at: float = _LONG_AGO
    _opened_at: float | None = None  # when we knew that our own request had opened the window
    _looks: list[float] = msgspec.field(default_factory=list)
    _length: float | None = None  # from opening to end; 0: go by the moment told; None: find out
    _undecided: bool = False
    _slack: float = 0.0
    _overdrawn: int = 0  # permits that others may take between a reply and our next request
    _refused: bool = False  # whether that was seen in this window
    _paused_until: float = _LONG_AGO
    _blind_pauses: int = 0
    _asked_at: float = _LONG_AGO

    @property
    def spares(self) -> int:
        """Permits kept for looking whether the window is over."""
        return len(self._looks)

    def grant(
        self, want: int, now: float, unanswered: int, reserve: float = 0.0, *, spare: bool = True
    ) -> int:
        """Say how many requests may go; they count as gone from then on.

        Args:
            want: How many would like to.
            now: The moment.
            unanswered: Requests under way.
            reserve: The share of the quota, from 0 to 1, that is left to requests without one.
            spare: Whether the permits for looking are kept.
        """
        if now < self._paused_until:
            return 0
        if self.allowed == UNPACED:
            return want
        if now >= self._ends_at + _MARGIN:
            return self._ask(now)
        if self._looks and self.may_look(now) and self.allowed > unanswered:
            del self._looks[0]
            return 1
        return max(0, min(want, self.free(unanswered, reserve, spare=spare)))

    def free(self, unanswered: int, reserve: float = 0.0, *, spare: bool = True) -> int:
        """Permits of this window that are free; negative where more are kept than there are."""
        free = self.allowed - unanswered
        if spare:
            free -= len(self._looks)
        if self._overdrawn:
            free = max(free - self._overdrawn, min(free, int(not unanswered)))
        if reserve and self.limit:
            free -= min(math.ceil(reserve * self.limit), self.limit - 1)
        return free

    def may_look(self, now: float) -> bool:
        """Whether it is time to look whether the window is over."""
        return bool(self._looks) and now >= self._looks[0] + _MARGIN

    def is_shared_out(self, now: float) -> bool:
        """Whether the permits of a window are being given out, rather than one asking or all."""
        return self.allowed != UNPACED and now < self._ends_at + _MARGIN

    def _ask(self, now: float) -> int:
        if now < self._asked_at + ASK_AGAIN:
            return 0
        self._asked_at = now
        return 1

    def left(self, now: float) -> float:
        """Seconds until the window ends, as far as is known; 0 between windows."""
        return max(0.0, self._ends_at + _MARGIN - now)

    def opens_at(self, now: float, unanswered: int) -> float:
        """When the next request may go even if no reply comes before."""
        if now < self._paused_until:
            return self._paused_until
        if now >= self._ends_at + _MARGIN:
            return max(now, self._asked_at + ASK_AGAIN)
        if self._looks and self.allowed > unanswered:
            return self._looks[0] + _MARGIN
        return self._ends_at + _MARGIN

    def asking_since(self, now: float) -> float | None:
        """For how many seconds a request has been under way to learn; None if none is."""
        since = now - self._asked_at
        return since if now >= self._ends_at + _MARGIN and 0 <= since < ASK_AGAIN else None

    def used_up(self, now: float) -> bool:
        """Whether it is the server, not a request under way, that must be waited for."""
        if now < self._paused_until:
            return True
        return self.allowed <= len(self._looks) and now < self._ends_at + _MARGIN

    def lose(self, count: int = 1) -> None:
        """Requests ended without a reply; the server may have counted them."""
        self._asked_at = _LONG_AGO
        if self.allowed != UNPACED:
            self.allowed = max(0, self.allowed - count)

    def give_back(self) -> None:
        """A request did not go out after all: if it was to learn, another one may."""
        self._asked_at = _LONG_AGO

    def shift(self, seconds: float) -> None:
        """The server's time turned out to be later by so much than was thought."""
        self._paused_until += seconds
        self._asked_at += seconds
        if self._opened_at is not None:
            self._opened_at += seconds
        if self._relative:
            self.told_end += seconds
            self._ends_at += seconds
            self._looks = [moment + seconds for moment in self._looks]

    def count_down(self, headers: Mapping[str, str], sent: float) -> bool:
        """Learn from a reply within a known window, at the least cost; False if it is none."""
        if sent >= self._ends_at or self._relative:
            return False
        if headers.get("X-RateLimit-Reset") != self._reset:
            return False
        remaining = parse_count(headers.get("X-RateLimit-Remaining"))
        if remaining is None:
            return False
        self.remaining = remaining
        if remaining < self.allowed:
            self.allowed = remaining
            if not remaining:
                self._give_up_looking()
        return True

    def _give_up_looking(self) -> None:
        """Go by the moment told where what was kept for looking is used up by somebody else."""
        if self._looks:
            self._looks = []
            self._opened_at = None
            self._ends_at = self.told_end + self._slack

    def learn(self, told: Told) -> bool:
        """Learn from a reply.

        Returns:
            Whether its request went out too early although nothing was rounded: then the sender's
            idea of the server's time is wrong.
        """
        early = self._is_mistake(told) and not self._correct(told)
        if told.refused and self.limit and told.sent < self._ends_at:
            self._overdrawn = min(self._overdrawn + 1, self.limit // _MOST_OVERDRAWN)
            self._refused = True
        if told.sent >= self._asked_at:
            self._asked_at = _LONG_AGO
        if told.remaining is not None:
            self._learn_remaining(told, told.remaining)
        elif self.limit is None and not told.refused:
            self.allowed = UNPACED
        else:
            self.lose()  # a proxy's page: it may have been counted
        if told.refused:
            self._pause(told)
        else:
            self._blind_pauses = 0
        return early

    def _learn_remaining(self, told: Told, remaining: int) -> None:
        self.remaining = remaining
        if told.reset == self._reset and not told.relative:
            self._learn_in_window(told, remaining)
            return
        told_end = told.received + _DOCUMENTED_WINDOW if told.ends_at is None else told.ends_at
        tolerance = _ROUNDING if told.relative else 0.0
        if told_end > self.told_end + tolerance:
            self._open(told, remaining, told_end)
        elif told_end >= self.told_end - tolerance:
            if told_end < self.told_end and self._opened_at is None:
                # the least of rounded times is the nearest
                self._ends_at += told_end - self.told_end
                self.told_end = told_end
            self._learn_in_window(told, remaining)
        elif told.sent >= self._ends_at:
            self._open(told, remaining, told_end)
        # else a late reply of a window that is over

    def _learn_in_window(self, told: Told, remaining: int) -> None:
        if told.sent < self._ends_at:
            self.allowed = min(self.allowed, remaining)
            if not remaining:
                self._give_up_looking()
            return
        # still the window that was thought to be over, by mistake or after a pause within it
        self.allowed = remaining
        self._ends_at = max(self.told_end, told.received)
        if self._ends_at == told.received:
            self._ends_at += _ROUNDING

    def _is_mistake(self, told: Told) -> bool:
        """Whether a request that went when the window was thought to be over was refused by it."""
        if not (told.refused or told.remaining == 0) or told.sent < self._ends_at:
            return False
        if told.remaining is None:
            return told.sent - self._ends_at < _ROUNDING
        if told.relative:
            return told.ends_at is not None and told.ends_at <= self.told_end + _ROUNDING
        return told.reset == self._reset

    def _correct(self, told: Told) -> bool:
        """Account for a mistake by the way in which the reset is rounded, if that can be."""
        if self._opened_at is not None and self._length:
            self._length = 0.0
        elif told.sent < self.told_end:
            pass  # a pause had ended
        elif told.whole_seconds and not self._slack:
            self._slack = _ROUNDING
        else:
            return False
        return True

    def _open(self, told: Told, remaining: int, told_end: float) -> None:
        self._remember_length(told)
        self.limit = limit = told.limit or self.limit or remaining
        self.windows += 1
        self.allowed = remaining
        if not self._refused:
            self._overdrawn = max(0, self._overdrawn - 1)
        self._refused = False
        self.told_end = told_end
        self._reset, self._relative = told.reset, told.relative
        self._ends_at = told_end + (self._slack if told.whole_seconds else 0.0)
        self._looks = []
        self._opened_at = None
        first = remaining == limit - 1 and not told.refused
        if first and told.whole_seconds and limit >= _LOOKS_FROM_LIMIT:
            self._opened_at = told.received
            self._expect_end(self._opened_at)

    def _expect_end(self, opened_at: float) -> None:
        """Say when the window ends that a request of ours opened, told in whole seconds."""
        if self._length is None:
            early = self._early(opened_at)
            # a relative time counts from the opening, too
            self._looks = [self.told_end] if self._relative else [early, self.told_end]
            self._ends_at = early + _ROUNDING
        elif self._length:
            expected = opened_at + self._length
            if abs(expected - self.told_end) <= _ROUNDING + _PROMPT:
                self._ends_at = expected

    def _early(self, opened_at: float) -> float:
        """The last moment before the told one that is whole seconds after the opening."""
        return opened_at + math.floor(self.told_end - opened_at)

    def _remember_length(self, told: Told) -> None:
        """Find out how the window ended, if the request was sent to look for that."""
        if self._opened_at is None or self._length is not None:
            return
        looked = not self._looks
        early = self._early(self._opened_at)
        late = early + _ROUNDING
        if looked and 0 <= told.sent - late < _PROMPT and late - self.told_end >= _PROMPT:
            self._length = round(late - self._opened_at)
        elif looked and 0 <= told.sent - self.told_end < _PROMPT:
            apart = min(self.told_end - early, late - self.told_end)
            if apart < _PROMPT and not self._relative and not self._undecided:
                self._undecided = True  # it could be either: see what the next window shows
            else:
                self._length = 0.0
        elif 0 <= told.sent - early < _PROMPT:
            self._length = round(early - self._opened_at)

    def _pause(self, told: Told) -> None:
        now = told.received
        if told.retry_at is not None:
            until = told.retry_at
        elif self._ends_at > now:
            until = self._ends_at
        else:
            until = now + min(2.0**self._blind_pauses, _LONGEST_BLIND_PAUSE)
            self._blind_pauses += 1
        self.allowed = 0
        self._looks = []
        self._opened_at = None
        self._paused_until = max(self._paused_until, until)
        self._ends_at = min(self._ends_at, self._paused_until)  # then one request asks
