"""Where a client may be used: until it is closed, in one event loop and one process.

A client that closes with a grace lets what is under way finish. Work of many calls is entered as
:meth:`Life.working`, so that its calls are known from new ones.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from claro_async.errors import ClientClosedError, ForkedClientError, OtherLoopError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from claro_async.transport.clock import Clock

# the client whose work this is; tasks that the work starts have it, too
_worker: ContextVar[Life | None] = ContextVar("claro_async_worker", default=None)


class Closing(asyncio.Event):
    """Set once a client closes; it also calls back, which needs no task that waits."""

    def __init__(self) -> None:
        super().__init__()
        self._callbacks: list[Callable[[], None]] = []

    def set(self) -> None:
        """Tell all who want to know."""
        super().set()
        for callback in self._callbacks:
            callback()

    @contextmanager
    def calls(self, callback: Callable[[], None]) -> Iterator[None]:
        """Within this block, call back when it is set; at once where it is."""
        self._callbacks.append(callback)
        try:
            if self.is_set():
                callback()
            yield
        finally:
            self._callbacks.remove(callback)


def closed_error() -> ClientClosedError:
    """What a use of a closed client ends with."""
    return ClientClosedError("the client is closed: make a new one")


class Life:
    """Notes where a client is used first, and refuses any use elsewhere or later.

    Attributes:
        closing: Set once nothing new begins; it tells jobs to stop.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._closed = False
        self.closing: Closing = Closing()
        self._under_way = 0
        self._idle = asyncio.Event()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop in which it is used; None before its first use."""
        return self._loop

    def check(self) -> None:
        """See that the client may be used here and now; the first use opens it.

        Raises:
            ClientClosedError: It was closed, or closes and this is nothing that is under way.
            ForkedClientError: This process is a fork of the one that opened it.
            OtherLoopError: Another event loop opened it.
        """
        self.check_open()
        if self.closing.is_set() and _worker.get() is not self:
            raise ClientClosedError(
                "the client is closing: what is under way is finished, and nothing new begins"
            )
        if self._loop is None:
            self._loop, self._process = asyncio.get_running_loop(), os.getpid()
        elif os.getpid() != self._process:
            raise ForkedClientError(
                "the client was opened before this process was forked, and its connections belong"
                " to the other process: make one in each process"
            )
        else:
            self._check_loop()

    def check_closing(self) -> None:
        """See that the client may be closed here; where nothing of it is, it may.

        Raises:
            OtherLoopError: Another event loop of this process opened it.
        """
        if not self._closed and self._process == os.getpid():
            self._check_loop()

    def _check_loop(self) -> None:
        if asyncio.get_running_loop() is not self._loop:
            raise OtherLoopError(
                "the client was opened in another event loop, where its connections are: make one"
                " in each event loop, and close it there (each asyncio.run() has one of its own)"
            )

    def check_open(self) -> None:
        """See that the client was not closed since :meth:`check`, which asks the system twice.

        Raises:
            ClientClosedError: It was closed.
        """
        if self._closed:
            raise closed_error()

    def enter(self) -> None:
        """Something begins, unless the client must not be used; :meth:`leave` follows.

        Raises:
            ClientStateError: As for :meth:`check`.
        """
        self.check()
        self._under_way += 1

    def leave(self) -> None:
        """Something that had begun is over."""
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Work of more than one call, all of which are under way from its beginning.

        Raises:
            ClientStateError: As for :meth:`check`.
        """
        self.enter()
        token = _worker.set(self)
        try:
            yield
        finally:
            _worker.reset(token)
            self.leave()

    async def drain(self, seconds: float, clock: Clock) -> None:
        """Let nothing new begin, tell jobs to stop, and wait for what is under way.

        Args:
            seconds: For how long, at the most.
            clock: Time.
        """
        self.closing.set()
        if not self._under_way:
            return
        self._idle.clear()
        timer = clock.call_later(seconds, self._idle.set)
        try:
            await self._idle.wait()
        finally:
            timer.cancel()

    @property
    def is_over(self) -> bool:
        """Whether the client was closed."""
        return self._closed

    def end(self) -> bool:
        """From now on, refuse every use.

        Returns:
            Whether what was opened is ours to close; in a fork it is the other process's.
        """
        self._closed = True
        return self._process in {0, os.getpid()}
