"""Waiting for what happens in the event loop, without waiting for time to pass."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

E = TypeVar("E")


async def until(condition: Callable[[], bool], *, turns: int = 5000) -> None:
    """Let the event loop turn until the condition holds; the manual clock stands still."""
    for _ in range(turns):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


def of_kind(events: Iterable[object], kind: type[E]) -> list[E]:
    """Those events that are of one kind."""
    return [event for event in events if isinstance(event, kind)]
