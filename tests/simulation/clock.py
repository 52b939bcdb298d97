"""A machine's clock: off by some time, fast or slow, and sometimes set."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH = 1_764_190_000.25
"""The true time at which every run begins, in epoch seconds."""


@attrs.define(kw_only=True)
class SimulatedClock:
    """Time as one machine has it, over the loop's true time.

    Attributes:
        loop: Tells the true time.
        offset: Seconds by which the wall clock is ahead.
        rate: How fast this clock runs; 1 is right.
        steps: When, and by how many seconds, somebody sets the wall clock.
    """

    loop: asyncio.AbstractEventLoop
    offset: float = 0.0
    rate: float = 1.0
    steps: tuple[tuple[float, float], ...] = ()

    def monotonic(self) -> float:
        return self.loop.time() * self.rate

    def time(self) -> float:
        now = self.loop.time()
        stepped = sum(by for at, by in self.steps if at <= now)
        return EPOCH + now * self.rate + self.offset + stepped

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.rate)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(max(0.0, seconds) / self.rate, callback)
