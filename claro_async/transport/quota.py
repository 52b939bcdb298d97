"""The quota of a key: one gate that all requests of a client pass.

It goes by what the server tells, not by an assumed minute. Within a window a request may go while
fewer are unanswered than the server says remain: each of them may not be counted yet. When a window
is used up or over, a single request goes ahead to learn about the next one, and the others follow
its reply.

Claro API v2, rate limits: 100 requests a minute (standard) or 500 (premium) a key, and the headers
on every reply.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from claro_async.transport.events import EventHook, QuotaPaused, QuotaResumed
from claro_async.transport.ratelimit import (
    RateLimit,
    ServerTime,
    is_relative,
    parse_count,
    parse_moment,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.transport.clock import Clock, Timer

_DOCUMENTED_WINDOW = 60.0
_TOO_MANY_REQUESTS = 429
_MARGIN = 0.005
_SAME_RELATIVE_WINDOW = 1.0
_PROBE_INTERVAL = 1.0
_LONGEST_BLIND_PAUSE = 60.0


class QuotaGate:
    """Lets requests go when the key's quota allows; first come, first served.

    Every :meth:`try_acquire` that is true and every :meth:`acquire` is followed by exactly one of
    :meth:`observe` (a reply came) or :meth:`release` (none did).
    """

    def __init__(self, clock: Clock, on_event: EventHook | None = None) -> None:
        self._clock = clock
        self._on_event = on_event
        self._server_time = ServerTime()
        self._limit: int | None = None
        # how many may be unanswered at once: what remains of the window, 1 while that is to be
        # learned
        self._allowed: float = 1
        self._unanswered = 0
        self._remaining: int | None = None
        self._reset_text: str | None = None
        self._reset_is_relative = False
        self._resets_at = -math.inf  # on the monotonic clock
        self._paused_until = -math.inf
        self._slack = 0.0
        self._blind_pauses = 0
        # those who leave a reserve come after those who do not
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._patient: deque[tuple[asyncio.Future[None], float]] = deque()
        self._timer: Timer | None = None
        self._announced = False
        self.refusals = 0
        self.seconds_waited = 0.0

    @property
    def told(self) -> RateLimit:
        """The quota as last told."""
        if self._limit is None:
            return RateLimit()
        left = self._resets_at - self._clock.monotonic()
        moment = datetime.fromtimestamp(self._clock.time() + left, UTC) if left > 0 else None
        return RateLimit(self._limit, self._remaining, moment)

    def try_acquire(self, reserve: float = 0.0) -> bool:
        """Take a permit if one is free and nobody waits for it.

        Args:
            reserve: The share of the quota, from 0 to 1, that is left to requests without one.
        """
        if self._waiters or self._patient:
            return False
        if self._unanswered < (self._allowed_with(reserve) if reserve else self._allowed):
            self._unanswered += 1
            return True
        return False

    async def acquire(self, reserve: float = 0.0) -> None:
        """Wait for a permit; requests that leave no reserve go before those that do."""
        if self.try_acquire(reserve):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if reserve:
            self._patient.append((waiter, reserve))
        else:
            self._waiters.append(waiter)
        self._arm()
        started = self._clock.monotonic()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with suppress(ValueError):
                    if reserve:
                        self._patient.remove((waiter, reserve))
                    else:
                        self._waiters.remove(waiter)
            else:  # the permit had been given: pass it on
                self._unanswered -= 1
            self._admit()
            raise
        finally:
            self.seconds_waited += self._clock.monotonic() - started

    def release(self, *, sent: bool) -> None:
        """An attempt ended without a reply; if it was sent, the server may have counted it."""
        self._unanswered -= 1
        if sent and self._limit is not None:
            self._allowed = max(0, self._allowed - 1)
        self._admit()

    def observe(self, status: int, headers: Mapping[str, str], sent_at: float) -> None:
        """A reply came: learn from its headers.

        Args:
            status: The HTTP status.
            headers: Its headers, looked up without regard to case.
            sent_at: When the request went out, in epoch seconds of our clock.
        """
        self._unanswered -= 1
        self._server_time.observe(headers, sent_at, self._clock)
        remaining = parse_count(headers.get("X-RateLimit-Remaining"))
        if remaining is not None:
            self._learn(remaining, headers)
        elif self._limit is None and status != _TOO_MANY_REQUESTS:
            self._allowed = math.inf  # a server that tells nothing is not paced
        else:
            self._allowed = max(0, self._allowed - 1)  # a proxy's page: it may have been counted
        if status == _TOO_MANY_REQUESTS:
            self._pause(headers)
        elif self._blind_pauses:
            self._blind_pauses = 0
        if self._waiters or self._patient:
            self._admit()

    def _allowed_with(self, reserve: float) -> float:
        """How many may be unanswered where a share of the quota is left to others.

        Between windows, when one request goes ahead to learn, nothing is held back.
        """
        if self._limit is None or not self._in_window():
            return self._allowed
        return self._allowed - math.ceil(reserve * self._limit)

    def _in_window(self) -> bool:
        return self._clock.monotonic() < self._resets_at

    def server_now(self) -> float:
        """The server's time in epoch seconds, as far as its replies tell."""
        return self._clock.time() + self._server_time.ahead

    def seconds_until(self, told: str) -> float | None:
        """Seconds until the moment that a header such as ``Retry-After`` tells, if believable."""
        server_now = self.server_now()
        moment = parse_moment(told, server_now)
        return None if moment is None else max(0.0, moment - server_now)

    def seconds_until_open(self) -> float:
        """Seconds for which nothing will be sent, as far as is known."""
        return max(0.0, self._opens_at() - self._clock.monotonic())

    def close(self) -> None:
        """Call the timer off, and let those who wait fail: nobody would wake them any more."""
        self._disarm()
        waiters = [*self._waiters, *(waiter for waiter, _ in self._patient)]
        self._waiters.clear()
        self._patient.clear()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_exception(RuntimeError("the client was closed"))

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _learn(self, remaining: int, headers: Mapping[str, str]) -> None:
        self._remaining = remaining
        text = headers.get("X-RateLimit-Reset", "")
        now = self._clock.monotonic()
        if text == self._reset_text and not self._reset_is_relative and now < self._resets_at:
            self._allowed = min(self._allowed, remaining)
        else:
            self._learn_window(text, remaining, headers)
        if self._paused_until > now:
            self._allowed = 0

    def _learn_window(self, text: str, remaining: int, headers: Mapping[str, str]) -> None:
        now = self._clock.monotonic()
        self._limit = parse_count(headers.get("X-RateLimit-Limit")) or self._limit or remaining
        server_now = self.server_now()
        moment = parse_moment(text, server_now)
        window_end = now + (_DOCUMENTED_WINDOW if moment is None else moment - server_now)
        relative = moment is None or is_relative(text)
        tolerance = _SAME_RELATIVE_WINDOW if relative else 0.0
        if text == self._reset_text and not relative:
            # still the window that should be over: its end was told too early
            self._allowed = remaining
            if remaining == 0:
                self._slack += 1.0
        elif now >= self._resets_at or window_end > self._resets_at + tolerance:
            self._resets_at = window_end
            self._allowed = remaining
        elif window_end >= self._resets_at - tolerance:
            self._resets_at = min(window_end, self._resets_at)
            self._allowed = min(self._allowed, remaining)
        else:
            return  # a late reply of a window that is over
        self._reset_text = text
        self._reset_is_relative = relative

    def _pause(self, headers: Mapping[str, str]) -> None:
        self.refusals += 1
        now = self._clock.monotonic()
        told = self.seconds_until(headers.get("Retry-After", ""))
        if 0 <= now - self._resets_at < 1:
            # refused right after the reset that was told: that server rounds its reset down
            self._slack = max(self._slack, 1.0)
        if told is not None:
            pause = told
        elif self._resets_at > now:
            pause = self._resets_at - now
        else:
            pause = min(2.0**self._blind_pauses, _LONGEST_BLIND_PAUSE)
            self._blind_pauses += 1
        self._allowed = 0
        self._paused_until = max(self._paused_until, now + pause)
        if not self._announced:
            self._announce(pause, limited=True)
        self._arm()

    def _opens_at(self) -> float:
        """When the next request may go even if no reply comes before; on the monotonic clock."""
        if self._paused_until > -math.inf:
            return self._paused_until
        return self._resets_at + _MARGIN + self._slack

    def _arm(self) -> None:
        """See to it that those who wait are looked at again, even if no reply ever comes."""
        self._disarm()
        if not (self._waiters or self._patient):
            return
        delay = self._opens_at() - self._clock.monotonic()
        if delay <= 0 and self._unanswered:
            delay = _PROBE_INTERVAL  # a request is under way to learn; it may be lost
        elif delay > 0 and self._allowed == 0 and not self._announced:
            self._announce(delay, limited=False)
        self._timer = self._clock.call_later(max(delay, 0.0), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._clock.monotonic() >= self._opens_at():
            if self._paused_until > -math.inf:
                # a pause may end within the window: what was told before it counts no more, or the
                # one request that goes ahead now would stay the only one until the window ends
                self._paused_until = self._resets_at = -math.inf
                self._reset_text = None
            self._allowed = self._unanswered + 1
        self._admit()

    def _admit(self) -> None:
        admitted = 0
        while self._waiters and self._unanswered < self._allowed:
            admitted += self._let_go(self._waiters.popleft())
        while (
            self._patient
            and not self._waiters
            and self._unanswered < self._allowed_with(self._patient[0][1])
        ):
            admitted += self._let_go(self._patient.popleft()[0])
        waiting = len(self._waiters) + len(self._patient)
        if admitted and self._announced:
            self._announced = False
            if self._on_event is not None:
                self._on_event(QuotaResumed(waiting + admitted))
        if not waiting:
            self._disarm()
        elif self._timer is None or self._allowed == 0:
            self._arm()

    def _let_go(self, waiter: asyncio.Future[None]) -> bool:
        if waiter.done():
            return False
        self._unanswered += 1
        waiter.set_result(None)
        return True

    def _announce(self, seconds: float, *, limited: bool) -> None:
        self._announced = True
        if self._on_event is not None:
            waiting = len(self._waiters) + len(self._patient)
            self._on_event(QuotaPaused(seconds, waiting, limited))
