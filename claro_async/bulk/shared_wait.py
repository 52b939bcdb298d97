"""What many tasks wait for at once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextvars import Context

    Wake = Callable[["_Waiting"], object]


class SharedWait:
    """Awaited by many tasks, all of which are woken by one call of the loop.

    A future for each of them, with a call of the loop for each, takes twice the work.
    """

    def __init__(self) -> None:
        self._is_over = False
        self._error: Callable[[], Exception] | None = None
        self._waiting = _Waiting(asyncio.get_running_loop())

    def __await__(self) -> Generator[Any, None, None]:
        waiting = self._waiting
        while not self._is_over:  # else somebody who waits was cancelled
            waiting._asyncio_future_blocking = True  # noqa: SLF001 - asyncio's name, not ours
            yield waiting
        if self._error is not None:
            raise self._error()

    def end(self, error: Callable[[], Exception] | None = None) -> None:
        """Wake all who wait, soon.

        Args:
            error: Makes what each of them gets raised; None where all is well.
        """
        self._is_over = True
        self._error = error
        self._waiting.wake_soon()


class _Waiting:
    """The tasks that wait: an object like a future, see :func:`asyncio.isfuture`.

    It has what a task asks of the future that it waits for.
    """

    _asyncio_future_blocking = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: deque[tuple[Wake, Context]] = deque()
        self._is_called = False

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, wake: Wake, *, context: Context) -> None:
        self._tasks.append((wake, context))

    def result(self) -> None:
        """Nothing: each task sees for itself why it was woken."""

    def cancel(self, msg: object = None) -> bool:
        """Wake all tasks, of which one was cancelled: it knows, and the others wait again."""
        del msg
        self.wake_soon()
        return False

    def wake_soon(self) -> None:
        if not self._is_called:
            self._is_called = True
            self._loop.call_soon(self._wake)

    def _wake(self) -> None:
        self._is_called = False
        left = len(self._tasks)
        try:
            while left:
                left -= 1
                wake, context = self._tasks.popleft()
                context.run(wake, self)
        finally:
            if left:  # one of them ends the program
                self.wake_soon()
