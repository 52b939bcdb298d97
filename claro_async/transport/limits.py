"""Times within which the heads of replies must come, watched by one timer for all requests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    import asyncio

    from aiohttp.client_proto import ResponseHandler


class HeadLimits:
    """The times within which the heads must come that one session waits for.

    Nearly all are called off, and a timer for each would cost more than what else is done for a
    reply. All are equally long, so they end in the order in which they began, and one timer does
    for all: it goes off when the earliest of some moment ends, and then waits for the next one.

    Args:
        seconds: How long a head may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[ResponseHandler, float] = {}  # by connection, the earliest first
        self._is_armed = math.isinf(seconds)  # for ever

    def begin(self, protocol: ResponseHandler, loop: asyncio.AbstractEventLoop) -> None:
        """A connection begins to wait for a head."""
        self._ends[protocol] = end = loop.time() + self._seconds
        if not self._is_armed:
            self._arm(end, loop)

    def end(self, protocol: ResponseHandler) -> None:
        """The head is there, or was given up."""
        self._ends.pop(protocol, None)

    def _arm(self, end: float, loop: asyncio.AbstractEventLoop) -> None:
        self._is_armed = True
        loop.call_at(end, self._go_off, loop)

    def _go_off(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._is_armed = False
        for protocol, end in list(self._ends.items()):
            if end > now:
                self._arm(end, loop)
                break
            del self._ends[protocol]
            text = f"the head of the reply was not whole within {self._seconds:g} seconds"
            protocol.set_exception(aiohttp.SocketTimeoutError(text))
