"""Waiting for what happens in the event loop, without waiting for time to pass."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

E = TypeVar("E")


PATIENCE = 30.0
"""Seconds after which a test gives up: far more than a machine under load needs."""


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop turn until the condition holds; the manual clock stands still.

    Turns are not counted: what waits for a thread takes any number of them.
    """
    gives_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < gives_up, "it did not happen"
        await asyncio.sleep(0)


def of_kind(events: Iterable[object], kind: type[E]) -> list[E]:
    """Those events that are of one kind."""
    return [event for event in events if isinstance(event, kind)]
