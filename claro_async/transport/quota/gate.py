"""The quota of a key: one gate that all requests of a client pass.

It goes by what the server tells, not by an assumed minute; how is said in
:mod:`claro_async.transport.quota.period`.

Claro API v2, rate limits: 100 requests a minute (standard) or 500 (premium) a key, and the headers
on every reply.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from claro_async.transport.events import EventHook, QuotaPaused, QuotaResumed
from claro_async.transport.quota.headers import RateLimit, ServerTime, parse_moment
from claro_async.transport.quota.period import TOO_MANY_REQUESTS, QuotaState, Told
from claro_async.transport.quota.queue import WaitingLine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.transport.clock import Clock, Timer

GRACE = 0.1
"""Seconds for which a request waits for others that would show that the quota is short."""


class Gate(Protocol):
    """Lets requests go when the key's quota allows.

    Every :meth:`try_acquire` that is true and every :meth:`acquire` is followed by exactly one of
    :meth:`observe` (a reply came) or :meth:`release` (none did).

    Attributes:
        refusals: Replies with 429.
        seconds_waited: Time that requests waited, summed over all that waited.
    """

    refusals: int
    seconds_waited: float

    @property
    def told(self) -> RateLimit:
        """The quota as last told."""

    def try_acquire(self, reserve: float = 0.0) -> bool:
        """Take a permit if one is free and nobody waits for it.

        Args:
            reserve: The share of the quota, from 0 to 1, that is left to requests without one.
        """

    async def acquire(self, reserve: float = 0.0) -> None:
        """Wait for a permit; requests that leave no reserve go before those that do.

        Raises:
            RuntimeError: The gate was closed meanwhile.
        """

    def release(self, *, sent: bool) -> None:
        """An attempt ended without a reply; if it was sent, the server may have counted it."""

    def observe(self, status: int, headers: Mapping[str, str], sent: float) -> None:
        """A reply came: learn from its headers.

        Args:
            status: The HTTP status.
            headers: Its headers, looked up without regard to case.
            sent: When the request went out, on the monotonic clock.
        """

    def server_now(self) -> float:
        """The server's time in epoch seconds, as far as its replies tell."""

    def seconds_until(self, told: str) -> float | None:
        """Seconds until the moment that a header such as ``Retry-After`` tells, if believable."""

    def seconds_until_open(self) -> float:
        """Seconds for which nothing will be sent, as far as is known."""

    async def close(self) -> None:
        """Let those who wait fail, since nobody would wake them any more."""


class GateBase:
    """What the gates have in common: the line, the server's time, and what they tell.

    Args:
        clock: Time.
        on_event: Told of pauses.
    """

    def __init__(self, clock: Clock, on_event: EventHook | None = None) -> None:
        self._clock = clock
        self._on_event = on_event
        self._server_time = ServerTime(clock)
        self._waiters = WaitingLine()
        self._short_until = 0.0
        self._timer: Timer | None = None
        self._pause_told: float | None = None  # the end of the pause that was announced last
        self.refusals = 0
        self.seconds_waited = 0.0

    def server_now(self) -> float:
        """The server's time in epoch seconds, as far as its replies tell."""
        return self._server_time.now()

    def seconds_until(self, told: str) -> float | None:
        """Seconds until the moment that a header such as ``Retry-After`` tells, if believable."""
        now = self._server_time.now()
        moment = parse_moment(told, now)
        return None if moment is None else max(0.0, moment - now)

    def _rate_limit(self, state: QuotaState) -> RateLimit:
        if state.limit is None:
            return RateLimit()
        left = state.told_end - self._server_time.now()
        moment = datetime.fromtimestamp(self._clock.time() + left, UTC) if left > 0 else None
        return RateLimit(state.limit, state.remaining, moment)

    def _short(self, spares: int, under_way: int) -> bool:
        """Whether so many want to go that the quota will be used up, or soon may."""
        now = self._clock.monotonic()
        if len(self._waiters) > spares or under_way:
            self._short_until = now + GRACE
        return now < self._short_until

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _announce_pause(self, seconds: float, *, limited: bool) -> None:
        now = self._clock.monotonic()
        if self._pause_told is not None and now < self._pause_told:
            return
        self._pause_told = now + seconds
        if self._on_event is not None:
            self._on_event(QuotaPaused(seconds, len(self._waiters), limited))

    def _announce_end(self, admitted: int) -> None:
        if not admitted or self._pause_told is None:
            return
        self._pause_told = None
        if self._on_event is not None:
            self._on_event(QuotaResumed(len(self._waiters) + admitted))


class QuotaGate(GateBase):
    """The gate of a client that is the only user of its key on this machine, or believes so."""

    def __init__(self, clock: Clock, on_event: EventHook | None = None) -> None:
        super().__init__(clock, on_event)
        self._state = QuotaState()
        self._unanswered = 0

    @property
    def told(self) -> RateLimit:
        """The quota as last told."""
        return self._rate_limit(self._state)

    def try_acquire(self, reserve: float = 0.0) -> bool:
        """Take a permit if one is free and nobody waits for it."""
        if self._timer is not None:  # set while anybody waits
            return False
        if self._state.grant(1, self._server_time.now(), self._unanswered, reserve):
            self._unanswered += 1
            return True
        return False

    async def acquire(self, reserve: float = 0.0) -> None:
        """Wait for a permit; requests that leave no reserve go before those that do."""
        if self.try_acquire(reserve):
            return
        started = self._clock.monotonic()
        if not self._waiters:
            self._short_until = started + GRACE
        waiter = self._waiters.join(reserve)
        self._admit()
        try:
            await waiter.admitted
        except asyncio.CancelledError:
            self._waiters.leave(waiter)
            if not waiter.admitted.cancelled() and waiter.admitted.exception() is None:
                self._unanswered -= 1  # the permit had been given: pass it on
                self._state.give_back()
            self._admit()
            raise
        finally:
            self.seconds_waited += self._clock.monotonic() - started

    def release(self, *, sent: bool) -> None:
        """An attempt ended without a reply; if it was sent, the server may have counted it."""
        self._unanswered -= 1
        if sent:
            self._state.lose()
        else:
            self._state.give_back()
        self._admit()

    def observe(self, status: int, headers: Mapping[str, str], sent: float) -> None:
        """A reply came: learn from its headers."""
        self._unanswered -= 1
        time = self._server_time
        shift = time.observe(headers.get("Date", ""), sent)
        if shift:
            self._state.shift(shift)
        if status == TOO_MANY_REQUESTS or not self._state.count_down(headers, sent + time.ahead):
            self._learn(Told.read(status, headers, sent + time.ahead, time.now()))
        if self._waiters:
            self._admit()

    def _learn(self, told: Told) -> None:
        if self._state.learn(told):
            self._state.shift(self._server_time.doubt())
        if told.refused:
            self.refusals += 1
            self._announce_pause(self.seconds_until_open(), limited=True)

    def seconds_until_open(self) -> float:
        """Seconds for which nothing will be sent, as far as is known."""
        now = self._server_time.now()
        return self._state.opens_at(now, self._unanswered) - now if self._state.used_up(now) else 0

    async def close(self) -> None:
        """Let those who wait fail, since nobody would wake them any more."""
        self._disarm()
        self._waiters.fail(RuntimeError("the client was closed"))

    def _admit(self) -> None:
        """Let go who may, and see to it that the others are looked at again."""
        self._disarm()
        waiters, admitted = self._waiters, 0
        waiters.prune()
        while waiters and self._may_go():
            waiters.admit_first()
            self._unanswered += 1
            admitted += 1
            waiters.prune()
        self._announce_end(admitted)
        if self._waiters:
            self._arm()

    def _may_go(self) -> bool:
        state, reserve = self._state, self._waiters.first.reserve
        spare = state.spares > 0 and self._short(state.spares, self._unanswered)
        now = self._server_time.now()
        return state.grant(1, now, self._unanswered, reserve, spare=spare) > 0

    def _arm(self) -> None:
        state, now = self._state, self._server_time.now()
        delay = max(0.0, state.opens_at(now, self._unanswered) - now)
        if state.used_up(now):
            self._announce_pause(delay, limited=False)
        if 0 < len(self._waiters) <= state.spares:
            delay = min(delay, GRACE)
        self._timer = self._clock.call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._admit()
