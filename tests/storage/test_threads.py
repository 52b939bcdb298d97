"""Threads that outlive whoever waits for them: what they open is closed, and nothing is left."""

from __future__ import annotations

import asyncio
import threading

import pytest

from claro_async.storage.threads import OwnThread, in_thread, in_thread_of_caller, open_in_thread


class Door:
    """Something that is opened in a thread, slowly, and closed again.

    Args:
        fails: Whether it cannot be opened.
    """

    def __init__(self, *, fails: bool = False) -> None:
        self._fails = fails
        self.opening = threading.Event()
        self.go_on = threading.Event()
        self.closed = 0

    def open(self) -> Door:
        """Wait, and open."""
        self.opening.set()
        self.go_on.wait(10)
        if self._fails:
            raise OSError("stuck")
        return self

    def close(self) -> None:
        """Close it."""
        self.closed += 1


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("fails", [True, False])
async def test_what_a_cancelled_caller_opened_is_closed(*, own: bool, fails: bool) -> None:
    """The thread ends first; where it could not open anything, there is nothing to close."""
    door, thread = Door(fails=fails), OwnThread("test")
    opening = thread.open(door.open, Door.close) if own else open_in_thread(door.open, Door.close)
    task = asyncio.ensure_future(opening)
    await in_thread(door.opening.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    door.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert door.closed == (0 if fails else 1)
    await thread.aclose()


async def test_closing_a_thread_goes_on_to_the_end_when_cancelled() -> None:
    """What it had to do is done before whoever closes it is let go."""
    door, thread = Door(), OwnThread("test")
    done: list[str] = []
    thread.submit(door.open)
    thread.submit(done.append, "last")
    task = asyncio.ensure_future(thread.aclose())
    await in_thread(door.opening.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    door.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["last"]


async def test_a_callers_own_file_is_left_to_itself_where_it_blocks() -> None:
    """What its thread raises later is nobody's any more, and no warning."""
    door = Door(fails=True)
    task = asyncio.ensure_future(in_thread_of_caller(door.open))
    await in_thread(door.opening.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    door.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
