"""What a coroutine makes in an event loop, taken by blocking calls in other threads."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from claro_async.errors import ClientClosedError, ClientStateError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

T = TypeVar("T")

_AHEAD = 2  # items that are made while another is worked on
_LOOK = 1.0  # seconds after which a taker sees whether the loop still runs
_TURNS_TO_CLOSE = 10  # of the event loop, in which sockets that were closed go away
_STANDSTILL = 10.0  # seconds; whatever holds a loop up for so long may well wait for the taker


@attrs.frozen
class _End:
    """The last thing that comes: the error that the making ended with, or None."""

    error: BaseException | None


class Handover(Generic[T]):
    """Makes items in a running event loop, few ahead of who takes them in another thread.

    Args:
        loop: Where they are made.
        make: A coroutine function that makes all of them; it gets what hands one over.
        on_end: Called in whatever thread it ends, after all else.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        make: Callable[[Callable[[T], Awaitable[None]]], Coroutine[object, object, None]],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._made: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(_AHEAD)
        self._on_end = on_end
        self._end: _End | None = None
        self._asked_at: float | None = None  # when the loop was asked for a sign of life
        self._work = asyncio.run_coroutine_threadsafe(self._run(make), loop)

    async def _run(
        self, make: Callable[[Callable[[T], Awaitable[None]]], Coroutine[object, object, None]]
    ) -> None:
        error: BaseException | None = None
        try:
            await make(self._hand_over)
        except BaseException as raised:
            error = raised
            if not isinstance(raised, Exception):
                raise
        finally:
            self._made.put(_End(error))

    async def _hand_over(self, item: T) -> None:
        await self._room.acquire()
        self._made.put(item)

    def take(self) -> T | None:
        """The next item; None after the last. Blocks.

        Raises:
            ClientStateError: It is called in the event loop's own thread, which would wait for
                itself; or the event loop ended.
            Exception: What the making raised, as it is.
        """
        if self._end is None:
            if _running_loop() is self._loop:
                raise ClientStateError(
                    "this is read by blocking calls, and the event loop that makes it cannot go on"
                    " meanwhile: read it in another thread, as with asyncio.to_thread()"
                )
            item = self._wait()
            if not isinstance(item, _End):
                with suppress(RuntimeError):  # the loop is closed, and nothing more is made
                    self._loop.call_soon_threadsafe(self._room.release)
                return item
            self._end = item
            self._on_end()
        error, self._end = self._end.error, _End(None)
        if isinstance(error, asyncio.CancelledError):
            raise ClientClosedError("the event loop ended while this was read") from None
        if error is not None:
            raise error
        return None

    def _wait(self) -> T | _End:
        while True:
            try:
                return self._made.get(timeout=_LOOK)
            except queue.Empty:
                if not self._loop.is_running():
                    return _End(asyncio.CancelledError())
                self._check_alive()

    def _check_alive(self) -> None:
        """See that the loop goes on: the thread that it runs in may wait for this one.

        Raises:
            ClientStateError: It stands still.
        """
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self._loop.call_soon_threadsafe(self._answer)
        elif time.monotonic() - self._asked_at >= _STANDSTILL:
            raise ClientStateError(
                f"the event loop that makes this has stood still for {_STANDSTILL:.0f} seconds:"
                " what reads it was called in the loop's own thread, and must be called in another,"
                " as with asyncio.to_thread()"
            )

    def _answer(self) -> None:
        self._asked_at = None

    def close(self) -> None:
        """Let nothing more be made; may be called anywhere, and again."""
        if not self._loop.is_closed():
            self._work.cancel()
        if self._end is None:
            self._end = _End(None)
            self._on_end()


class LoopThread:
    """An event loop in a thread of its own, for programs that have none.

    Args:
        close: Called in the loop at its end, when all else has ended.

    Attributes:
        loop: The loop, which runs.
    """

    def __init__(self, close: Callable[[], Awaitable[None]]) -> None:
        self.loop: asyncio.AbstractEventLoop
        self._close = close
        self._stop: asyncio.Event
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="claro-reader", daemon=True)
        self._thread.start()
        self._is_up.wait()

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._is_up.set()
        await self._stop.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._close()
        for _ in range(_TURNS_TO_CLOSE):
            await asyncio.sleep(0)

    def stop(self) -> None:
        """End the loop; what still runs in it is cancelled first."""
        with suppress(RuntimeError):  # it has ended
            self.loop.call_soon_threadsafe(self._stop.set)
        if threading.current_thread() is not self._thread and not sys.is_finalizing():
            self._thread.join()


def check_blocking_call(name: str) -> None:
    """Refuse a blocking call in a thread whose event loop would stand still.

    Raises:
        ClientStateError: An event loop runs in this thread.
    """
    if _running_loop() is not None:
        raise ClientStateError(
            f"{name}() blocks, and would hold this thread's event loop up: call it, and read what"
            f" it returns, in another thread, as in await asyncio.to_thread(work)"
        )


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
