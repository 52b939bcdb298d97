"""What ends a job before its end: an answer that every edit would get, an outage, or its caller."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs

from claro_async import errors

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from claro_async.bulk.report import BulkReport
    from claro_async.options import SendOptions, StopSignal

Options = TypeVar("Options", bound="SendOptions")
T = TypeVar("T")

STOPPING = (
    errors.AuthenticationError,
    errors.ClientStateError,
    errors.ConfigurationError,
    errors.DatasetNotFoundError,
    errors.ProcessingInProgressError,
    errors.RateLimitError,
    errors.RunClosedError,
)
"""What the next edit would get as well: going on would only spend requests."""

_SHARED = (
    errors.ConnectionFailedError,
    errors.DecodeError,
    errors.OutcomeUnknownError,
    errors.PermissionDeniedError,
    errors.ServerError,
)
"""What an edit may get alone; edit after edit, it is no fault of theirs."""

_IN_A_ROW = 10
_AT_MOST = 100  # in a row by the order of their ends, whatever is still under way


def is_redirect(error: Exception | None) -> bool:
    """Whether the answer is a redirect: a portal's, or a moved API's; nothing was applied."""
    return isinstance(error, errors.APIStatusError) and (
        HTTPStatus.MULTIPLE_CHOICES <= error.status < HTTPStatus.BAD_REQUEST
    )


class ConsecutiveFailures:
    """Tells an outage, or a permission that was taken away, from failures of single edits.

    Ten edits in a row make one, in the order in which they were sent and all of them over: quick
    rejections that overtake slow successes do not count as a row.
    """

    def __init__(self) -> None:
        self._failed: list[int] = []

    def succeeded(self) -> None:
        """An edit was answered by a success or by a rejection of its own."""
        if self._failed:
            self._failed.clear()

    def failed(self, number: int, oldest_under_way: int, error: Exception | None) -> bool:
        """An edit failed; returns whether the job must stop.

        Args:
            number: The edit's number in the order of sending.
            oldest_under_way: The number of the oldest edit that is not over.
            error: Why it failed.
        """
        if not isinstance(error, _SHARED) and not is_redirect(error):
            self.succeeded()
            return False
        self._failed.append(number)
        if len(self._failed) < _IN_A_ROW:
            return False
        over = sum(each < oldest_under_way for each in self._failed)
        return over >= _IN_A_ROW or len(self._failed) >= _AT_MOST


async def until_stopped(
    work: Coroutine[Any, Any, None], stop: StopSignal | None, report: BulkReport
) -> bool:
    """Do a part of a job that sends no edits, unless the job is stopped before or meanwhile.

    Args:
        work: The part; cancelled by the stop.
        stop: What stops the job, if anything does.
        report: Says whether it was stopped.

    Returns:
        Whether the part is done.
    """
    if stop is None:
        await work
        return True
    task = await run_until(work, stop)
    if task is None:
        report.stop_requested = True
        return False
    task.result()
    return True


async def run_until(work: Coroutine[Any, Any, T], stop: StopSignal) -> asyncio.Task[T] | None:
    """Do what sends no edits, unless it is stopped before or meanwhile, which cancels it.

    Returns:
        The task that has done it, or None where it was stopped.
    """
    task, signal = asyncio.create_task(work), asyncio.ensure_future(stop.wait())
    try:
        if not stop.is_set():
            await asyncio.wait({task, signal}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        signal.cancel()
        is_done = task.done()
        task.cancel()
        await asyncio.gather(task, signal, return_exceptions=True)
    return task if is_done else None


class _EitherStop:
    """Tells a job to stop once either of two signals does."""

    def __init__(self, first: StopSignal, second: StopSignal) -> None:
        self._signals = (first, second)

    def is_set(self) -> bool:
        """Whether the job shall stop."""
        return any(signal.is_set() for signal in self._signals)

    async def wait(self) -> None:
        """Return once the job shall stop."""
        waits = [asyncio.ensure_future(signal.wait()) for signal in self._signals]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


def stopped_by_closing(options: Options, closing: StopSignal) -> Options:
    """The options of a job that also stops when its client closes."""
    stop = closing if options.stop is None else _EitherStop(options.stop, closing)
    return attrs.evolve(options, stop=stop)


class HaltedError(Exception):
    """A wait was broken off: the job sends nothing more."""


class Halt:
    """The state of a job that sends nothing more, and breaks off what waits.

    ``with halt:`` around a wait raises :class:`HaltedError` instead of waiting on. A task that
    waits again and again asks once for its :meth:`waits`.

    Attributes:
        is_set: Whether the job sends nothing more.
    """

    def __init__(self) -> None:
        self.is_set: bool = False
        self._waiting: dict[asyncio.Task[object], int] = {}

    def set(self) -> None:
        """Send nothing more: break off all waits."""
        self.is_set = True
        for task in self._waiting:
            task.cancel()

    def waits(self) -> Waits:
        """What the present task may put around its waits in place of the halt: it costs less."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a job waits in a task only")
        return Waits(self, self._waiting, task)

    def __enter__(self) -> Self:
        self.waits().__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.waits().__exit__(kind, error, traceback)


class Waits:
    """The waits of one task, one after the other, that a halt breaks off."""

    __slots__ = ("_halt", "_task", "_waiting")

    def __init__(
        self, halt: Halt, waiting: dict[asyncio.Task[object], int], task: asyncio.Task[object]
    ) -> None:
        self._halt = halt
        self._waiting = waiting
        self._task = task

    def __enter__(self) -> Self:
        if self._halt.is_set:
            raise HaltedError
        self._waiting[self._task] = self._task.cancelling()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task = self._task
        cancelling = self._waiting.pop(task)
        if self._halt.is_set and task.uncancel() <= cancelling and kind is asyncio.CancelledError:
            raise HaltedError from None
