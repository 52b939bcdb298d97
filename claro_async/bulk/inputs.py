"""The caller's input, read so that other tasks run meanwhile, and closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterator

    from claro_async.transport.clock import Clock

_STINT = 0.01  # seconds for which the loop is held at the most, but for one item
_ITEMS = 1000  # after which the loop is given back, whatever the clock says


async def read_input(items: AsyncIterable[object], clock: Clock) -> AsyncGenerator[object, None]:
    """The items of an input as they come; close it, and the caller's own generator is closed.

    An input that never waits gives way to other tasks all the same.
    """
    stint = Stint(clock)
    source = aiter(items)
    try:
        async for item in source:
            yield item
            if stint.is_over():
                await stint.give_way()
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()


@contextmanager
def iterating(items: Iterable[object]) -> Iterator[Iterator[object]]:
    """Iterate over an input that never waits; the caller's own generator is closed at the end."""
    iterator = iter(items)
    try:
        yield iterator
    finally:
        if isinstance(iterator, Generator):
            iterator.close()


class Stint:
    """The time for which the loop is held.

    An input that never waits, such as an endless generator of edits of one cell, gives way to other
    tasks by time, not by count: an item may take long to make.
    """

    __slots__ = ("_ends", "_left", "_now")

    def __init__(self, clock: Clock) -> None:
        self._now = clock.monotonic
        self._begin()

    def _begin(self) -> None:
        self._left = _ITEMS
        self._ends = self._now() + _STINT

    def is_over(self) -> bool:
        """Count an item; returns whether it is time to give way."""
        self._left -= 1
        return not self._left or self._now() > self._ends

    async def give_way(self) -> None:
        """Let other tasks run."""
        await asyncio.sleep(0)
        self._begin()
