"""Those who wait for a permit: first come, first served, but bulk requests after all others."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator


@attrs.frozen(eq=False)
class Waiter:
    """One who waits.

    Attributes:
        admitted: Done when it may go.
        reserve: The share of the quota that it leaves to others.
    """

    admitted: asyncio.Future[None]
    reserve: float


class WaitingLine:
    """Two queues: requests that leave a reserve come after those that do not."""

    def __init__(self) -> None:
        self._prompt: deque[Waiter] = deque()
        self._patient: deque[Waiter] = deque()

    def __len__(self) -> int:
        return len(self._prompt) + len(self._patient)

    def __bool__(self) -> bool:
        return bool(self._prompt or self._patient)

    def __iter__(self) -> Iterator[Waiter]:
        yield from self._prompt
        yield from self._patient

    @property
    def first(self) -> Waiter:
        """Whose turn it is.

        Raises:
            IndexError: Nobody waits.
        """
        return self._prompt[0] if self._prompt else self._patient[0]

    @property
    def prompt(self) -> int:
        """How many leave no reserve."""
        return len(self._prompt)

    @property
    def patient(self) -> int:
        """How many leave a reserve."""
        return len(self._patient)

    @property
    def reserve(self) -> float:
        """The reserve of the first of those who leave one; 0 if there are none."""
        return self._patient[0].reserve if self._patient else 0.0

    def join(self, reserve: float) -> Waiter:
        """Take a place at the end of one of the queues."""
        waiter = Waiter(asyncio.get_running_loop().create_future(), reserve)
        (self._patient if reserve else self._prompt).append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Give one's place up."""
        with suppress(ValueError):
            (self._patient if waiter.reserve else self._prompt).remove(waiter)

    def prune(self) -> None:
        """Drop those at the front that were cancelled, and did not yet come to say so."""
        for queue in (self._prompt, self._patient):
            while queue and queue[0].admitted.done():
                queue.popleft()

    def admit_first(self) -> None:
        """Let the first one go; it is there, and not cancelled."""
        waiter = (self._prompt or self._patient).popleft()
        waiter.admitted.set_result(None)

    def fail(self, error: Exception) -> None:
        """Send all away with an error, each with a copy of its own."""
        for queue in (self._prompt, self._patient):
            while queue:
                waiter = queue.popleft()
                if not waiter.admitted.done():
                    waiter.admitted.set_exception(copy(error))
