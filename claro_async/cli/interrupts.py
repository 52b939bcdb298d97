"""Ctrl-C in commands that change much: once stops with an account, twice ends at once."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def stop_on_interrupt(say: Callable[[str], None]) -> Iterator[asyncio.Event]:
    """Give an event that the first SIGINT or SIGTERM sets; the second cancels the present task.

    Where the event loop cannot watch signals, the first one ends the command as usual.

    Args:
        say: Called with what happens, in words.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    stop = asyncio.Event()

    def interrupt() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
            return
        stop.set()
        say("stopping: what is on its way comes to its end; Ctrl-C again ends at once")

    before: dict[signal.Signals, Any] = {}
    try:
        for each in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(each)
            try:
                loop.add_signal_handler(each, interrupt)
            except (NotImplementedError, RuntimeError, ValueError):
                continue
            before[each] = handler
        yield stop
    finally:
        for each, handler in before.items():
            loop.remove_signal_handler(each)
            signal.signal(each, handler)
