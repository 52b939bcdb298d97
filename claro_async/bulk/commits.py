"""Commits that serve many: the intents of all workers that wait, with the results since."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from claro_async.errors import JournalError
from claro_async.storage.threads import finish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from claro_async.bulk.states import Result
    from claro_async.transport.clock import Clock

_RESULTS_KEPT = 512  # results that may wait for the next commit
_GATHER = 0.002  # seconds that a commit waits for further workers, so that it serves many
_MOST_GATHERS = 5  # times that it does so, while more come


class GroupCommit:
    """Writes intents and results down, as few times as possible.

    Whatever goes wrong in a commit reaches every waiter: those whose intents it held, and all that
    come later, since a file that could not be written once is not written again until the end.

    Args:
        write: Writes intents (places) and results down in one transaction, or raises.
        workers: How many may wait at the most.
        clock: Time.
    """

    def __init__(
        self,
        write: Callable[[Sequence[int], Sequence[Result]], Awaitable[None]],
        *,
        workers: int,
        clock: Clock,
    ) -> None:
        self._write = write
        self._workers = workers
        self._clock = clock
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._results: list[Result] = []
        self._task: asyncio.Task[None] | None = None
        self._failure: JournalError | None = None

    def intend(self, seq: int) -> Awaitable[None]:
        """Have it written down that this edit is about to be sent.

        Returns:
            What is done when it stands on the disk.

        Raises:
            JournalError: It cannot be written; the edit must not be sent. Awaiting may raise it.
        """
        if self._failure is not None:
            raise _again(self._failure)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((seq, future))
        if self._task is None:
            self._start()
        return future

    def record(self, result: Result) -> None:
        """Note what became of an edit; it is written down with the next commit."""
        self._results.append(result)
        if len(self._results) >= _RESULTS_KEPT and self._failure is None:
            self._start()

    async def close(self) -> None:
        """Write down what is left, whatever happens to the task that waits for it.

        Raises:
            JournalError: It cannot be written.
            asyncio.CancelledError: The task was cancelled meanwhile; all is written all the same.
        """
        cancelled = None
        if self._task is not None:
            self._task.cancel()  # it is between two commits, or goes on to the end of one
            cancelled = await finish(self._task)
        self._tell_all(JournalError("the job is over"))
        last = asyncio.ensure_future(self._write([], self._results))
        cancelled = await finish(last) or cancelled
        last.result()
        if cancelled is not None:
            raise cancelled

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting or len(self._results) >= _RESULTS_KEPT:
                await self._gather()
                if not await self._commit():
                    return
        finally:
            self._task = None

    async def _gather(self) -> None:
        """Let further workers come, while they do, so that one commit serves them all.

        A commit costs as much as some twenty requests, and whoever comes a moment too late for one
        comes too early for the next: workers that end together stay together only if those who are
        first wait for the last. One that comes alone waits once.
        """
        for _ in range(_MOST_GATHERS):
            number = len(self._waiting)
            if number >= self._workers:
                return
            await self._clock.sleep(_GATHER)
            if len(self._waiting) == number:
                return

    async def _commit(self) -> bool:
        """Write down all that waits; returns whether that went well."""
        waiting, self._waiting = self._waiting, []
        results, self._results = self._results, []
        places = [seq for seq, future in waiting if not future.done()]
        work = asyncio.ensure_future(self._write(places, results))
        cancelled = await finish(work)
        error = JournalError("it was cancelled") if work.cancelled() else work.exception()
        if error is None:
            for _, future in waiting:
                if not future.done():
                    future.set_result(None)
        else:
            self._results = results + self._results
            self._waiting = waiting + self._waiting
            if not isinstance(error, JournalError):
                text = f"the journal cannot be written: {type(error).__name__}: {error}"
                error = JournalError(text)
            self._failure = error
            self._tell_all(error)
        if cancelled is not None:
            raise cancelled
        return error is None

    def _tell_all(self, error: JournalError) -> None:
        waiting, self._waiting = self._waiting, []
        for _, future in waiting:
            if not future.done():
                future.set_exception(_again(error))


def _again(error: JournalError) -> JournalError:
    """The same error for another waiter: an exception object that many raise mixes tracebacks."""
    return type(error)(*error.args)
