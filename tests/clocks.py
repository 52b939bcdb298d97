"""Time for tests: it moves when asked to, or by itself when the event loop has nothing to do."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_GRACE = 0.002
"""Seconds of real time for which sockets and threads may still have something to say."""


class ManualTimer:
    """A callback that is due at a moment of a :class:`ManualClock`."""

    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Call it off."""
        self.callback = None


class ManualClock:
    """A clock for the client (the object itself) and for the emulator (its ``time``).

    Args:
        start: The first time shown, in seconds since the epoch.

    Attributes:
        slept: Every time that was slept for, in seconds, in order.
    """

    def __init__(self, start: float = 1_710_430_200.0) -> None:
        self._start = start
        self._elapsed = 0.0
        self._timers: list[tuple[float, int, ManualTimer]] = []
        self._order = itertools.count()
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed

    def time(self) -> float:
        """Seconds since the epoch."""
        return self._start + self._elapsed

    def set_time(self, epoch: float) -> None:
        """Set the clock as a person or a time server would: `monotonic` knows nothing of it."""
        self._start = epoch - self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has moved on by so much."""
        self.slept.append(seconds)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, partial(_finish, done))
        try:
            await done
        finally:
            timer.cancel()

    def call_later(self, seconds: float, callback: Callable[[], Any]) -> ManualTimer:
        """Run `callback` when the clock has moved on by so much."""
        timer = ManualTimer(self._elapsed + max(0.0, seconds), callback)
        heapq.heappush(self._timers, (timer.due, next(self._order), timer))
        if timer.due <= self._elapsed:
            asyncio.get_running_loop().call_soon(self._run_due)
        return timer

    @property
    def pending(self) -> list[float]:
        """When those timers are due that were not called off, in seconds as `monotonic` tells."""
        return sorted(due for due, _, timer in self._timers if timer.callback is not None)

    def advance(self, seconds: float) -> None:
        """Move on, and run on the way what becomes due."""
        target = self._elapsed + seconds
        while (due := self._next_due()) is not None and due <= target:
            self._elapsed = max(self._elapsed, due)
            self._run_due()
        self._elapsed = max(self._elapsed, target)

    @contextmanager
    def automatic(self, grace: float = _GRACE) -> Iterator[None]:
        """Within this block time jumps to the next timer when the running loop would have to wait.

        Sockets come first: time stands still while a request is on its way.

        Args:
            grace: Seconds of real time for which sockets and threads may still have something to
                say; 0 where there are none.
        """
        selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
        real = selector.select

        def select(timeout: float | None = None) -> Any:
            if timeout is not None and timeout <= 0:
                return real(timeout)
            events = real(grace if self._next_due() is not None else timeout)
            if not events and (due := self._next_due()) is not None:
                self.advance(due - self._elapsed)
            return events

        selector.select = select
        try:
            yield
        finally:
            selector.select = real

    def _next_due(self) -> float | None:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _run_due(self) -> None:
        while (due := self._next_due()) is not None and due <= self._elapsed:
            timer = heapq.heappop(self._timers)[2]
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class OtherClock:
    """The clock of another machine, at which time passes as at a manual one.

    Args:
        clock: The clock that moves.
        ahead: Seconds by which this one's wall clock is ahead.
        origin: What its monotonic clock showed when the other one began.

    Attributes:
        ahead: May be set at any time, as a person or a time server would.
    """

    def __init__(self, clock: ManualClock, ahead: float = 0.0, origin: float = 0.0) -> None:
        self._clock = clock
        self._origin = origin
        self.ahead = ahead

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return self._clock.monotonic() + self._origin

    def time(self) -> float:
        """Seconds since the epoch, as this machine has it."""
        return self._clock.time() + self.ahead

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._clock.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], Any]) -> ManualTimer:
        """Run `callback` after `seconds`."""
        return self._clock.call_later(seconds, callback)
