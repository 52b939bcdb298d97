"""The slots of a job: as many attempts may be under way as the concurrency rule says."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from claro_async.bulk.concurrency import AttemptEnd, ConcurrencyRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async.transport.clock import Clock


class Slots:
    """Counts the attempts under way; retries that wait for a slot go before new edits.

    Attributes:
        rule: How many may be under way.
        active: How many are.
        retries: Attempts that wait for a slot.
    """

    def __init__(self, cap: int, clock: Clock, on_free: Callable[[], None]) -> None:
        """Begin with the most slots.

        Args:
            cap: The most slots.
            clock: Time.
            on_free: Called when a slot is free that no retry waits for.
        """
        self.rule: ConcurrencyRule = ConcurrencyRule(cap)
        self.active: int = 0
        self.clock = clock
        self._on_free = on_free
        self.retries: deque[asyncio.Future[None]] = deque()

    @property
    def is_free(self) -> bool:
        """Whether a new edit may take a slot."""
        return self.active < self.rule.current and not self.retries

    async def wait(self) -> None:
        """Wait for a slot and take it, ahead of new edits."""
        if self.is_free:
            self.active += 1
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.retries.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.give_back()  # it had been handed over already
            raise

    def give_back(self) -> None:
        """One slot less is taken: hand over what is free."""
        self.active -= 1
        self.hand_over()

    def hand_over(self) -> None:
        """Give free slots to retries; what they leave is for new edits."""
        while self.retries and self.active < self.rule.current:
            future = self.retries.popleft()
            if not future.done():
                self.active += 1
                future.set_result(None)
        if not self.retries:
            self._on_free()


class Slot:
    """The slot of one worker, whenever it has one: what an attempt in it says to the rule."""

    __slots__ = (
        "_attempts",
        "_failures",
        "_generation",
        "_is_held",
        "_now",
        "_rule",
        "_since",
        "_slots",
    )

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._rule = slots.rule
        self._now = slots.clock.monotonic
        self._is_held = False
        self._attempts = self._failures = 0  # of the exchange under way
        self._generation = 0
        self._since = 0.0

    def begin(self) -> None:
        """An exchange begins, in a slot that was taken."""
        self._attempts = self._failures = 0
        self._is_held = True
        self._generation = self._rule.generation
        self._since = self._now()

    async def retake(self) -> None:
        """Wait for a slot for another attempt."""
        await self._slots.wait()
        self._is_held = True

    def restart(self) -> None:
        """The time of an attempt begins."""
        self._generation = self._rule.generation
        self._since = self._now()

    def notes_attempt(self, attempts: int) -> bool:
        """Whether an attempt was made since the last, by the number of those of its exchange."""
        is_new = attempts > self._attempts
        self._attempts = attempts
        return is_new

    def notes_failure(self, failures: int) -> bool:
        """Whether the last attempt failed, by the number of failures of its exchange."""
        is_new = failures > self._failures
        self._failures = failures
        return is_new

    def ended(self, result: AttemptEnd, now: float) -> None:
        """The attempt ended at this moment."""
        slots, rule = self._slots, self._rule
        current = rule.current
        rule.ended(self._generation, result, now - self._since, now, full=slots.active >= current)
        if rule.current > current:
            slots.hand_over()

    @property
    def can_stay(self) -> bool:
        """Whether the slot is held, and may be used for another edit at once."""
        slots = self._slots
        return self._is_held and slots.active <= self._rule.current and not slots.retries

    def give_back(self) -> None:
        """Let go of the slot, if it is held."""
        if self._is_held:
            self._is_held = False
            self._slots.give_back()
