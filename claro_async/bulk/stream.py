"""Outcomes of a bulk update as they come."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from claro_async.bulk.report import BulkReport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from claro_async.bulk.edits import EditOutcome
    from claro_async.bulk.engine import Sink


class OutcomeStream:
    """The outcomes of a bulk update in the order of completion, for ``async with`` and ``for``.

    Edits that are never reached, since the update was stopped, have no outcome here; the report
    counts them.
    """

    def __init__(
        self, start: Callable[[Sink, BulkReport], Awaitable[BulkReport]], size: int
    ) -> None:
        self._start = start
        self._outcomes: asyncio.Queue[EditOutcome | None] = asyncio.Queue(size)
        self._report = BulkReport()
        self._task: asyncio.Task[BulkReport] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.ensure_future(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> BulkReport:
        try:
            return await self._start(self._outcomes.put, self._report)
        finally:
            # a reader that waits is woken; where the queue is full, there is more to read first
            if not self._outcomes.full():
                self._outcomes.put_nowait(None)

    def __aiter__(self) -> AsyncIterator[EditOutcome]:
        return self

    async def __anext__(self) -> EditOutcome:
        task = self._task
        if task is None:
            raise RuntimeError("use it with 'async with'")
        if task.done() and self._outcomes.empty():
            task.result()  # raises what ended the update
            raise StopAsyncIteration
        outcome = await self._outcomes.get()
        if outcome is None:
            await task
            raise StopAsyncIteration
        return outcome

    @property
    def report(self) -> BulkReport:
        """What became of every edit, once the update is over, however it ended.

        It is over once all outcomes were taken, or the block was left: what was under way then is
        unknown.

        Raises:
            RuntimeError: The update is not over.
        """
        if self._task is None or not self._task.done():
            raise RuntimeError("the update is not over: take all outcomes, or leave the block")
        return self._report
