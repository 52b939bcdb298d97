"""Those who wait for a permit: first come, first served, foreground before background."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@attrs.frozen(eq=False)
class Waiter:
    """A request that waits.

    Attributes:
        admitted: Done when it may go.
        reserve: The share of the quota that it leaves to others.
        max_wait: The longest pause in seconds that it waits for.
    """

    admitted: asyncio.Future[None]
    reserve: float
    max_wait: float


class WaitingLine:
    """Two queues: background requests, which leave a reserve, come after all others."""

    def __init__(self) -> None:
        self._foreground: deque[Waiter] = deque()
        self._background: deque[Waiter] = deque()

    def __len__(self) -> int:
        return len(self._foreground) + len(self._background)

    def __bool__(self) -> bool:
        return bool(self._foreground or self._background)

    def __iter__(self) -> Iterator[Waiter]:
        yield from self._foreground
        yield from self._background

    @property
    def first(self) -> Waiter:
        """Which one goes next.

        Raises:
            IndexError: None waits.
        """
        return self._foreground[0] if self._foreground else self._background[0]

    @property
    def foreground(self) -> int:
        """How many leave no reserve."""
        return len(self._foreground)

    @property
    def background(self) -> int:
        """How many leave a reserve."""
        return len(self._background)

    @property
    def reserve(self) -> float:
        """The reserve of the first background request; 0 if there is none."""
        return self._background[0].reserve if self._background else 0.0

    def join(self, reserve: float, max_wait: float) -> Waiter:
        """Take a place at the end of one of the queues."""
        waiter = Waiter(asyncio.get_running_loop().create_future(), reserve, max_wait)
        (self._background if reserve else self._foreground).append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Give one's place up."""
        with suppress(ValueError):
            (self._background if waiter.reserve else self._foreground).remove(waiter)

    def prune(self) -> None:
        """Drop those at the front that are done: cancelled, but not back yet to say so."""
        for queue in (self._foreground, self._background):
            while queue and queue[0].admitted.done():
                queue.popleft()

    def admit_first(self) -> None:
        """Let the first one go; it is there, and not cancelled."""
        waiter = (self._foreground or self._background).popleft()
        waiter.admitted.set_result(None)

    def fail(self, error: Exception) -> None:
        """Send all away with an error, each with a copy of its own."""
        self._fail_where(lambda _: True, error)

    def fail_impatient(self, seconds: float, error: Exception) -> None:
        """Send those away with an error that do not wait for so long."""
        self._fail_where(lambda waiter: waiter.max_wait < seconds, error)

    def _fail_where(self, chosen: Callable[[Waiter], bool], error: Exception) -> None:
        for waiter in [each for each in self if chosen(each)]:
            self.leave(waiter)
            if not waiter.admitted.done():
                waiter.admitted.set_exception(copy(error))
