"""The quota of a key: one gate that all requests of a client pass.

It goes by what the server reports, not by an assumed minute; how is said in
:mod:`claro_async.transport.quota.state`.

Claro API v2, rate limits: 100 requests a minute (standard) or 500 (premium) a key, and the headers
on every reply.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Protocol

from claro_async.errors import ClientClosedError, ConfigurationError
from claro_async.transport import logs
from claro_async.transport.events import EventHook, QuotaPaused, QuotaResumed
from claro_async.transport.quota.headers import (
    TOO_MANY_REQUESTS,
    QuotaHeaders,
    RateLimit,
    ServerClock,
)
from claro_async.transport.quota.queue import WaitingLine
from claro_async.transport.quota.state import QuotaState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.transport.clock import Clock, Timer

GRACE = 0.1
"""Seconds for which a request waits for others that would show that the quota is short."""


class PauseTooLongError(Exception):
    """The server pauses all requests for longer than a request was to wait.

    Args:
        seconds: How long the pause lasts.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Gate(Protocol):
    """Lets requests go when the key's quota allows.

    Every :meth:`try_acquire` that is true and every :meth:`acquire` is followed by exactly one of
    :meth:`observe` (a reply came) or :meth:`release` (none did).

    Attributes:
        throttled: Replies with 429.
        seconds_waited: Time that requests waited, summed over all that waited.
    """

    throttled: int
    seconds_waited: float

    @property
    def rate_limit(self) -> RateLimit:
        """The key's rate limit as the server reported it last."""

    def try_acquire(self, reserve: float = 0.0) -> bool:
        """Take a permit if one is free and no request waits for it.

        Args:
            reserve: The share of the quota, from 0 to 1, that is left to requests without one.
        """

    async def acquire(self, reserve: float = 0.0, *, max_wait: float = math.inf) -> None:
        """Wait for a permit; requests that leave no reserve go before those that do.

        Args:
            reserve: As for :meth:`try_acquire`.
            max_wait: The longest pause in seconds that is waited for.

        Raises:
            PauseTooLongError: The server pauses all requests for longer than that.
            ClientClosedError: The gate was closed meanwhile.
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

    def seconds_until_open(self) -> float:
        """Seconds for which nothing will be sent, as far as is known."""

    async def close_run(self, run: str) -> None:
        """Close a run where the quota is shared."""

    async def close(self) -> None:
        """Let those who wait fail, since nothing would wake them any more."""


class GateBase:
    """What the gates have in common: the line, the server's time, and the events.

    Args:
        clock: Time.
        server: The server's time, against the monotonic clock.
        on_event: Called with pauses.
    """

    def __init__(self, clock: Clock, server: ServerClock, on_event: EventHook | None) -> None:
        self._clock = clock
        self._on_event = on_event
        self._server = server
        self._waiters = WaitingLine()
        self._short_until = -math.inf
        self._timer: Timer | None = None
        self._announced_end: float | None = None  # of the pause that was announced last
        self.throttled = 0
        self.seconds_waited: float = 0.0

    def _add_wait(self, started: float) -> None:
        self.seconds_waited += self._clock.monotonic() - started

    def server_now(self) -> float:
        """The server's time in epoch seconds, as far as its replies tell."""
        return self._clock.monotonic() + self._server.offset

    def _is_short(self, probe_permits: int, under_way: int) -> bool:
        """Whether so many want to go that the quota will be used up, or soon may."""
        now = self._clock.monotonic()
        if len(self._waiters) > probe_permits or under_way:
            self._short_until = now + GRACE
        return now < self._short_until

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _announce_pause(self, seconds: float, *, throttled: bool) -> None:
        self._waiters.fail_impatient(seconds, PauseTooLongError(seconds))
        now = self._clock.monotonic()
        if self._announced_end is not None and now < self._announced_end:
            return
        self._announced_end = now + seconds
        logs.quota_paused(seconds, len(self._waiters), throttled=throttled)
        if self._on_event is not None:
            self._on_event(QuotaPaused(seconds, len(self._waiters), throttled))

    def _announce_end(self, admitted: int) -> None:
        if not admitted or self._announced_end is None:
            return
        self._announced_end = None
        logs.quota_resumed(len(self._waiters) + admitted)
        if self._on_event is not None:
            self._on_event(QuotaResumed(len(self._waiters) + admitted))


class QuotaGate(GateBase):
    """The gate of a client that is the only user of its key on this machine, or believes so."""

    def __init__(self, clock: Clock, on_event: EventHook | None = None) -> None:
        self._state = QuotaState(server=ServerClock.hinted(clock.time() - clock.monotonic()))
        super().__init__(clock, self._state.server, on_event)
        self._unanswered = 0

    @property
    def rate_limit(self) -> RateLimit:
        """The key's rate limit as the server reported it last."""
        return self._state.rate_limit()

    def try_acquire(self, reserve: float = 0.0) -> bool:
        """Take a permit if one is free and no request waits for it."""
        if self._timer is not None:  # set while any waits
            return False
        if self._state.grant(1, self._clock.monotonic(), self._unanswered, reserve):
            self._unanswered += 1
            return True
        return False

    async def acquire(self, reserve: float = 0.0, *, max_wait: float = math.inf) -> None:
        """Wait for a permit; requests that leave no reserve go before those that do."""
        if self.try_acquire(reserve):
            return
        started = self._clock.monotonic()
        if not self._waiters:
            self._short_until = started + GRACE
        waiter = self._waiters.join(reserve, max_wait)
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
            self._add_wait(started)

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
        state = self._state
        throttled = status == TOO_MANY_REQUESTS
        if throttled or not state.count_down(headers, sent, self._clock.monotonic):
            reply = QuotaHeaders.read(status, headers, sent, self._clock.monotonic())
            state.learn(reply, self._unanswered)
        if throttled:
            self.throttled += 1
            self._announce_pause(self.seconds_until_open(), throttled=True)
        if self._timer is not None:  # set while any waits
            self._admit()

    def seconds_until_open(self) -> float:
        """Seconds for which nothing will be sent, as far as is known."""
        now, state = self._clock.monotonic(), self._state
        return state.opens_at(now, self._unanswered) - now if state.is_used_up(now) else 0.0

    async def close_run(self, run: str) -> None:
        """Nothing shares this quota, so no run can be closed.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(
            f"the run {run!r} cannot be closed: make the client with quota=, which is where a run"
            " is closed"
        )

    async def close(self) -> None:
        """Let those who wait fail, since nothing would wake them any more."""
        self._disarm()
        self._waiters.fail(ClientClosedError("the client was closed"))

    def _admit(self) -> None:
        """Let go who may, and see to it that the others are tried again."""
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
        permits = state.probe_permits
        keep = permits > 0 and self._is_short(permits, self._unanswered)
        now = self._clock.monotonic()
        return state.grant(1, now, self._unanswered, reserve, keep_probes=keep) > 0

    def _arm(self) -> None:
        state, now = self._state, self._clock.monotonic()
        delay = max(0.0, state.opens_at(now, self._unanswered) - now)
        if state.is_used_up(now):
            self._announce_pause(delay, throttled=False)
            if not self._waiters:
                return
        if 0 < len(self._waiters) <= state.probe_permits:
            delay = min(delay, GRACE)
        self._timer = self._clock.call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._admit()
