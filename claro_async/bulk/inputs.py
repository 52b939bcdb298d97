"""The caller's input, read so that other tasks run meanwhile, and closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from claro_async.transport.clock import Clock

_STINT = 0.01  # seconds for which the loop is held at the most, but for one item
_ITEMS = 1000  # after which the loop is given back, whatever the clock says


async def read_input(
    items: Iterable[object] | AsyncIterable[object], clock: Clock
) -> AsyncGenerator[object, None]:
    """The items of an input; close it, and the caller's own generator is closed.

    An input that never waits, such as an endless generator of edits of one cell, gives way to other
    tasks by time, not by count: an item may take long to make.
    """
    source = _iterate(items) if isinstance(items, Iterable) else aiter(items)
    began, number = clock.monotonic(), 0
    try:
        async for item in source:
            yield item
            number += 1
            if number % _ITEMS == 0 or clock.monotonic() - began > _STINT:
                await asyncio.sleep(0)
                began = clock.monotonic()
    finally:
        if isinstance(source, AsyncGenerator):
            await source.aclose()


async def _iterate(items: Iterable[object]) -> AsyncGenerator[object, None]:
    iterator = iter(items)
    try:
        for item in iterator:
            yield item
    finally:
        if isinstance(iterator, Generator):
            iterator.close()
