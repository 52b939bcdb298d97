"""Work that blocks, done in threads so that it stops no event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

_GRACE = 5.0  # seconds


async def in_thread(function: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    """Call a function in a thread; return, or be cancelled, only when it has ended.

    Unlike :func:`asyncio.to_thread`, which leaves the thread behind when it is cancelled: what the
    thread works on can be closed safely afterwards. A result that a cancelled caller does not get
    is dropped, so a function that opens something is called by :func:`open_in_thread`.
    """
    work = begin_in_thread(partial(function, *arguments, **options))
    if (cancelled := await finish(work)) is not None:
        raise cancelled
    return work.result()


async def in_thread_of_caller(
    function: Callable[P, R], *arguments: P.args, **options: P.kwargs
) -> R:
    """As :func:`in_thread`, for a file of the caller's, which may block for as long as it likes.

    Where it is cancelled it waits for the thread a few seconds at the most.
    """
    work = begin_in_thread(partial(function, *arguments, **options))
    try:
        await asyncio.wait({work})
    except asyncio.CancelledError:
        await leave(work)
        raise
    return work.result()


async def in_daemon_thread(function: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    """As :func:`in_thread`, for what may wait for ever, such as a pipe that nobody writes to.

    A caller that is cancelled goes on at once and leaves the thread behind; it does not keep the
    program from ending.
    """
    loop = asyncio.get_running_loop()
    work: asyncio.Future[R] = loop.create_future()
    call = partial(function, *arguments, **options)
    Thread(target=_call_for, args=(work, loop, call), name="claro-read", daemon=True).start()
    return await work


async def leave(work: asyncio.Future[R]) -> None:
    """Wait a few seconds for work that may never end; nobody asks for what comes of it."""
    work.add_done_callback(_forget)
    with suppress(asyncio.CancelledError):
        await asyncio.wait({work}, timeout=_GRACE)


async def open_in_thread(make: Callable[[], R], undo: Callable[[R], object]) -> R:
    """As :func:`in_thread`; where the caller was cancelled, `undo` gets what was made."""
    work = begin_in_thread(make)
    if (cancelled := await finish(work)) is not None:
        if work.exception() is None:
            await finish(begin_in_thread(partial(undo, work.result())))
        raise cancelled
    return work.result()


async def finish(work: asyncio.Future[R]) -> asyncio.CancelledError | None:
    """Wait until work is done, whatever happens; returns the cancellation that came meanwhile.

    What the work raised stays in it, and counts as seen.
    """
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError as error:
            cancelled = error
    if not work.cancelled():
        work.exception()
    return cancelled


def begin_in_thread(function: Callable[[], R]) -> asyncio.Future[R]:
    """Have a function called in a thread; :func:`finish` waits for it."""
    return asyncio.get_running_loop().run_in_executor(None, _call, function)


def _forget(work: asyncio.Future[R]) -> None:
    """Nobody waits any more for what the thread raises."""
    if not work.cancelled():
        work.exception()


def _call(function: Callable[[], R]) -> R:
    # a future cannot hold StopIteration: whoever awaits it would wait for ever
    try:
        return function()
    except StopIteration as error:
        raise RuntimeError("StopIteration was raised in a thread") from error


def _call_for(
    done: asyncio.Future[R], loop: asyncio.AbstractEventLoop, function: Callable[[], R]
) -> None:
    """Call a function in a thread, for a future of a loop, unless that was cancelled."""
    if done.cancelled():
        return
    try:
        report = partial(done.set_result, _call(function))
    except BaseException as error:  # noqa: BLE001 - raised where it is awaited
        report = partial(done.set_exception, error)
    with suppress(RuntimeError):  # the loop was closed: nobody waits any more
        loop.call_soon_threadsafe(_unless_done, done, report)


def _unless_done(done: asyncio.Future[Any], report: Callable[[], object]) -> None:
    if not done.done():
        report()


class OwnThread:
    """A thread for one object that is used by one thread at a time; calls run in their order.

    Args:
        name: Of the thread, for debuggers.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    def begin(
        self, function: Callable[P, R], *arguments: P.args, **options: P.kwargs
    ) -> asyncio.Future[R]:
        """Have a function called there; what it gives comes to the running loop.

        Where who awaits that is cancelled the call goes on, or is left out if it had not begun;
        later calls wait for it, so closing is safe.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[R] = loop.create_future()
        # to wrap a future of the pool takes twice the work, and this is done for every commit
        self._pool.submit(_call_for, done, loop, partial(function, *arguments, **options))
        return done

    def submit(
        self, function: Callable[P, R], *arguments: P.args, **options: P.kwargs
    ) -> Future[R]:
        """Call a function there as soon as it is free."""
        return self._pool.submit(_call, partial(function, *arguments, **options))

    async def open(self, make: Callable[[], R], undo: Callable[[R], object]) -> R:
        """Make something there; where the caller is cancelled meanwhile, `undo` gets it."""
        work = asyncio.wrap_future(self.submit(make))
        if (cancelled := await finish(work)) is not None:
            if work.exception() is None:
                await finish(asyncio.wrap_future(self.submit(undo, work.result())))
            raise cancelled
        return work.result()

    async def aclose(self) -> None:
        """End the thread after all that it has to do; goes on to the end when cancelled."""
        last = asyncio.wrap_future(self._pool.submit(lambda: None))
        self._pool.shutdown(wait=False)
        cancelled = await finish(last)
        self._pool.shutdown(wait=True)  # it has nothing more to do, and is gone in a moment
        if cancelled is not None:
            raise cancelled

    def close(self) -> None:
        """As :meth:`aclose`, but blocks: for what is not in an event loop."""
        self._pool.shutdown(wait=True)
