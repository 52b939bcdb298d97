"""A simulated process: a client's tasks, its clock, its files, and the way in which it ends."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING, Any

import attrs

from tests.simulation.disk import Disk
from tests.simulation.loop import PROCESS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from random import Random

    from tests.simulation.clock import SimulatedClock
    from tests.simulation.trace import Trace


@attrs.frozen(kw_only=True)
class Interruption:
    """What befalls a process, at most one thing each, counted from its beginning.

    Attributes:
        kill_at_step: It ends before this step of the loop.
        cancel_at_step: Its job is cancelled before this step.
        stop_at_step: Its job is asked to stop before this step.
        kill_before_commit: It ends when this transaction is about to be committed.
        kill_after_commit: It ends when this transaction has been committed.
        torn_tail: Whether a piece of a further transaction stands in the log of a killed process.
        disk_full_at_write: From this write on the disk is full.
        disk_full_for: How many writes fail.
        callback_raises_at: This call of a callback raises.
        equal_raises_at: This call of the user's comparison raises.
        input_raises_at: The input raises at this item.
    """

    kill_at_step: int = 0
    cancel_at_step: int = 0
    stop_at_step: int = 0
    kill_before_commit: int = 0
    kill_after_commit: int = 0
    torn_tail: bool = False
    disk_full_at_write: int = 0
    disk_full_for: int = 1
    callback_raises_at: int = 0
    equal_raises_at: int = 0
    input_raises_at: int = 0

    def __str__(self) -> str:
        given = attrs.asdict(self, filter=lambda each, value: value != each.default)
        return ", ".join(f"{name} {value}" for name, value in given.items()) or "none"


UNDISTURBED = Interruption()


class Process:
    """One process.

    Args:
        name: What it is called in traces.
        clock: Its machine's clock, over the world's loop.
        random: Where its delays come from.
        interruption: What befalls it.
        trace: Where its end is noted.

    Attributes:
        alive: Whether it has not been killed.
        steps: Steps of the loop that it took.
        tasks: All tasks that it ever began.
        stop: Set when its job is asked to stop.
        began: When it began, in true time.
        ended: When it ended.
        result: What its job returned.
        error: What its job raised.
    """

    def __init__(
        self,
        name: str,
        *,
        clock: SimulatedClock,
        random: Random,
        interruption: Interruption,
        trace: Trace,
    ) -> None:
        self.name = name
        self.loop = clock.loop
        self.clock = clock
        self.interruption = interruption
        self.disk = Disk(self, interruption)
        self.alive = True
        self.steps = 0
        self.tasks: list[asyncio.Task[Any]] = []
        self.stop = asyncio.Event()
        self.stopped = False
        self.result: Any = None
        self.error: BaseException | None = None
        self.callbacks = 0
        self.comparisons = 0
        self.began = self.loop.time()
        self.ended = self.began
        self._random = random
        self._trace = trace
        self._main: asyncio.Task[Any] | None = None
        self._ended: asyncio.Future[None] = self.loop.create_future()

    async def run(self, job: Callable[[], Awaitable[Any]]) -> None:
        """Run a job as this process, until it ends by itself or is killed."""
        context = Context()
        context.run(PROCESS.set, self)
        self._main = self.loop.create_task(_await(job), context=context)
        self._main.add_done_callback(self._finished, context=Context())
        await self._ended
        self.ended = self.loop.time()

    def may_step(self) -> bool:
        """Count a step, and let happen what is due at it; False once it was killed."""
        if not self.alive:
            return False
        self.steps += 1
        planned = self.interruption
        if self.steps == planned.kill_at_step:
            self.kill("between two steps")
            return False
        if self.steps == planned.cancel_at_step and self._main is not None:
            self._note("cancelled")
            self._main.cancel()
        if self.steps == planned.stop_at_step:
            self._note("asked to stop")
            self.stopped = True
            self.stop.set()
        return True

    def kill(self, where: str) -> None:
        """End at once: nothing of this process runs any more."""
        if not self.alive:
            return
        self.alive = False
        self._note("KILLED", where, f"step {self.steps}")
        self.disk.freeze(self._random)
        self.loop.call_soon(self._bury, context=Context())

    def disk_delay(self) -> float:
        """Seconds until a call in another thread is over."""
        return self._random.choice((0.0, 0.0, 0.0002, 0.002, 0.03))

    def call_back(self) -> None:
        """A callback of the user's was called: it raises when that is planned."""
        self.callbacks += 1
        if self.callbacks == self.interruption.callback_raises_at:
            self._note("callback raises")
            raise CallbackError("a callback of the user's failed")

    def is_equal(self, present: Any, new: Any) -> bool:
        """A comparison of the user's."""
        self.comparisons += 1
        if self.comparisons == self.interruption.equal_raises_at:
            self._note("comparison raises")
            raise CallbackError("a comparison of the user's failed")
        return type(present) is type(new) and present == new

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whichever way."""
        return self._ended.done()

    def unfinished(self) -> list[asyncio.Task[Any]]:
        """Tasks that have not ended."""
        return [task for task in self.tasks if not task.done()]

    def forget(self) -> None:
        """Drop what a killed process left in memory, in the order in which it was made."""
        for task in self.tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                coroutine = task.get_coro()
                for _ in range(20):  # what awaits while it is closed is closed again
                    try:
                        coroutine.close()
                    except BaseException:  # noqa: BLE001, S112 - the dead have nothing to say
                        continue
                    break
        self.tasks.clear()
        self.disk.forget()

    def _bury(self) -> None:
        self.disk.restore()
        if not self._ended.done():
            self._ended.set_result(None)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        if not self.alive or self._ended.done():
            return
        if task.cancelled():
            self.error = asyncio.CancelledError()
        else:
            self.error = task.exception()
            self.result = None if self.error else task.result()
        self._ended.set_result(None)

    def _note(self, what: str, *details: Any) -> None:
        self._trace.add(self.loop.time(), self.name, what, *details)


class CallbackError(Exception):
    """What a callback or an input of the user's raises."""


async def _await(job: Callable[[], Awaitable[Any]]) -> Any:
    return await job()


def files_in(folder: Path) -> list[str]:
    """Names of the files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
