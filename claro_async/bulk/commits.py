"""Commits that serve many: the intents of all workers that wait, with the results since."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from claro_async.bulk.shared_wait import SharedWait
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
        self._intents: list[int] = []
        self._written = SharedWait()  # awaited by those whose intents these are
        self._results: list[Result] = []
        self._gathering: asyncio.Task[None] | None = None
        self._work: asyncio.Future[None] | None = None
        self._is_closed = False
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
        self._intents.append(seq)
        self._start()
        return self._written

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
        self._is_closed = True
        cancelled = None
        if self._gathering is not None:
            self._gathering.cancel()
            cancelled = await finish(self._gathering)
        if self._work is not None:
            cancelled = await finish(self._work) or cancelled
        self._tell_all(JournalError("the job is over"))
        if self._results:
            last = asyncio.ensure_future(self._write([], self._results))
            cancelled = await finish(last) or cancelled
            last.result()
        if cancelled is not None:
            raise cancelled

    def _start(self) -> None:
        """Begin a commit, unless one is under way."""
        if self._gathering is None and self._work is None and not self._is_closed:
            self._gathering = asyncio.ensure_future(self._commit_together())

    async def _commit_together(self) -> None:
        try:
            await self._gather()
        finally:
            self._gathering = None
        self._commit()

    async def _gather(self) -> None:
        """Let further workers come, while they do, so that one commit serves them all.

        A commit costs as much as some twenty requests, and whoever comes a moment too late for one
        comes too early for the next: workers that end together stay together only if those who are
        first wait for the last. One that comes alone waits once.
        """
        for _ in range(_MOST_GATHERS):
            number = len(self._intents)
            if number >= self._workers:
                return
            await self._clock.sleep(_GATHER)
            if len(self._intents) == number:
                return

    def _commit(self) -> None:
        """Have all that waits written down."""
        intents, self._intents = self._intents, []
        results, self._results = self._results, []
        written, self._written = self._written, SharedWait()
        ended = partial(self._ended, written, results)
        try:
            self._work = asyncio.ensure_future(self._write(intents, results))
        except Exception as error:  # noqa: BLE001 - what cannot be packed
            ended(error)
        else:
            # no task waits for it: each turn of the loop costs as much as a part of a request
            self._work.add_done_callback(lambda work: ended(_error_of(work)))

    def _ended(
        self, written: SharedWait, results: list[Result], error: BaseException | None
    ) -> None:
        """A commit ended: tell those who wait for it, and begin another one for those who came."""
        self._work = None
        if error is None:
            written.end()
            if self._intents or len(self._results) >= _RESULTS_KEPT:
                self._start()
            return
        self._results = results + self._results
        if not isinstance(error, JournalError):
            text = f"the journal cannot be written: {type(error).__name__}: {error}"
            error = JournalError(text)
        self._failure = error
        self._tell_all(error, written)

    def _tell_all(self, error: JournalError, *written: SharedWait) -> None:
        for each in (*written, self._written):
            each.end(partial(_again, error))


def _error_of(work: asyncio.Future[None]) -> BaseException | None:
    return JournalError("it was cancelled") if work.cancelled() else work.exception()


def _again(error: JournalError) -> JournalError:
    """The same error for another waiter: an exception object that many raise mixes tracebacks."""
    return type(error)(*error.args)
