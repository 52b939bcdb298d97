"""Carries edits out: a fixed pool of workers, one request a cell, at most one at a time for each.

Claro API v2, "Manage Dataset", section "Update Cell Value".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable, Sized
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
from claro_api.datasets import UPDATE_CELL

from claro_async import errors
from claro_async._wire import HttpRequest, decode_into, encode_segment, json_bytes, partial_target
from claro_async.bulk.edits import CellEdit, EditOutcome, EditStatus, check_id, to_edit
from claro_async.bulk.report import BulkProgress, BulkReport
from claro_async.bulk.window import EditWindow

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from claro_async.bulk.report import ProgressCallback
    from claro_async.transport.transport import Transport

OnError: TypeAlias = Literal["collect", "raise"]

_LOOK_AHEAD = 4  # edits read ahead for each worker
_PROGRESS_INTERVAL = 0.1  # seconds
_HOPELESS = 10  # edits in a row that met no server at all

# What the next edit would meet as well: going on would only spend requests.
_STOPPING = (
    errors.AuthenticationError,
    errors.DatasetNotFoundError,
    errors.ProcessingInProgressError,
    errors.RateLimitError,
)


class _Updated(msgspec.Struct, rename="camel"):
    """What is read of the reply to an edit."""

    cell_id: str
    previous_value: Any = None


_decoder = msgspec.json.Decoder(_Updated)


class BulkEngine:
    """One bulk update of one dataset."""

    def __init__(
        self,
        transport: Transport,
        dataset_id: str,
        *,
        max_concurrency: int,
        on_error: OnError,
        on_progress: ProgressCallback | None,
    ) -> None:
        self._transport = transport
        self._target = partial_target(UPDATE_CELL.path, {"datasetId": dataset_id})
        self._max_concurrency = max_concurrency
        self._on_error = on_error
        self._on_progress = on_progress
        self._window = EditWindow(_LOOK_AHEAD * max_concurrency)
        self._report = BulkReport()
        self._read = 0
        self._size: int | None = None
        self._exhausted = False
        self._stopped = False
        self._failure: Exception | None = None
        self._hopeless = 0
        self._space = asyncio.Event()
        self._waiting_workers: list[asyncio.Future[None]] = []
        self._started = 0.0
        self._next_progress = 0.0

    async def run(self, items: Iterable[object] | AsyncIterable[object]) -> BulkReport:
        """Apply the edits of the input and say what became of each.

        Raises:
            BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
        """
        clock, quota = self._transport.clock, self._transport.quota
        self._started = clock.monotonic()
        refusals = quota.refusals
        self._size = len(items) if isinstance(items, Sized) else None
        await self._run_tasks(items)
        report = self._report
        if self._size is not None:
            report.count(EditStatus.NOT_SENT, self._size - self._read)
        report.rate_limited = quota.refusals - refusals
        report.seconds = clock.monotonic() - self._started
        if self._failure is not None:
            self._failure.add_note(
                f"bulk update stopped: {report.updated} edits applied, {report.failed} failed,"
                f" {report.unknown} unknown, {report.not_sent} not sent"
            )
            raise self._failure
        if self._on_progress is not None:
            self._on_progress(self._progress())
        if self._on_error == "raise":
            report.raise_for_failures()
        return report

    async def _run_tasks(self, items: Iterable[object] | AsyncIterable[object]) -> None:
        workers = [self._work() for _ in range(self._max_concurrency)]
        tasks = [asyncio.ensure_future(job) for job in (self._feed(items), *workers)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _feed(self, items: Iterable[object] | AsyncIterable[object]) -> None:
        """Read the input, never further ahead than the window is wide."""
        try:
            async with aclosing(_iterate(items)) as source:
                async for item in source:
                    self._take_in(item)
                    while self._window.is_full and not self._stopped:
                        self._space.clear()
                        await self._space.wait()
                    if self._stopped and not self._counts_on(items):
                        break
        except Exception as error:  # noqa: BLE001 - whatever the caller's own iterator raises
            self._stop(error)
        self._exhausted = True
        for waiter in self._waiting_workers:
            if not waiter.done():
                waiter.set_result(None)

    def _counts_on(self, items: object) -> bool:
        """Whether the rest of an input is read just to be counted, once nothing is sent."""
        unsized = not isinstance(items, AsyncIterable) and self._size is None
        return unsized and self._on_error == "collect" and self._failure is None

    def _take_in(self, item: object) -> None:
        index = self._read
        self._read += 1
        if self._stopped:
            self._report.count(EditStatus.NOT_SENT)
            return
        try:
            edit = to_edit(item)
            check_id(edit)
        except (TypeError, ValueError) as error:
            self._settle(EditOutcome(index, item, EditStatus.FAILED, error))
            return
        if self._window.offer(index, edit) is not None:
            self._report.count(EditStatus.SUPERSEDED)
        while self._waiting_workers:
            waiter = self._waiting_workers.pop()
            if not waiter.done():
                waiter.set_result(None)
                break

    async def _work(self) -> None:
        window = self._window
        while True:
            entry = window.take()
            if entry is None:
                if self._exhausted:
                    return  # a held edit is taken by the worker that it waits for
                waiter = asyncio.get_running_loop().create_future()
                self._waiting_workers.append(waiter)
                await waiter
                continue
            await self._apply(*entry)
            window.finish(entry[1].cell_id)
            if not self._space.is_set() and not window.is_full:
                self._space.set()

    async def _apply(self, index: int, edit: CellEdit) -> None:
        report = self._report
        error: Exception | None
        try:
            exchange = await self._transport.exchange(self._request(edit))
            attempts, error = exchange.attempts, exchange.error
            if error is None:
                decode_into(_decoder, exchange.reply)
                status = EditStatus.UPDATED
            else:
                status = EditStatus.FAILED
        except (errors.OutcomeUnknownError, errors.DecodeError) as unknown:
            attempts, error, status = getattr(unknown, "attempts", 1), unknown, EditStatus.UNKNOWN
        except errors.ConnectionFailedError as failed:
            attempts, error, status = failed.attempts, failed, EditStatus.FAILED
        except (TypeError, ValueError) as refused:
            attempts, error, status = 0, refused, EditStatus.FAILED
        report.requests += attempts
        report.retries += max(0, attempts - 1)
        if status is EditStatus.UPDATED:
            self._hopeless = 0
            report.updated += 1
            self._show_progress()
        else:
            self._settle(EditOutcome(index, edit, status, error, attempts))

    def _request(self, edit: CellEdit) -> HttpRequest:
        head, tail = self._target
        target = f"{head}{encode_segment(edit.cell_id, 'cell_id')}{tail}"
        content = b'{"value":%b}' % json_bytes(edit.value)
        return HttpRequest(UPDATE_CELL.operation_id, UPDATE_CELL.method, target, content)

    def _settle(self, outcome: EditOutcome) -> None:
        """Count an edit that went wrong, and stop where going on makes no sense."""
        self._report.count(outcome.status)
        self._report.keep(outcome)
        error = outcome.error
        met_nobody = isinstance(error, errors.ConnectionFailedError)
        self._hopeless = self._hopeless + 1 if met_nobody else 0
        if self._on_error == "raise":
            self._stop()
        elif isinstance(error, _STOPPING) or self._hopeless >= _HOPELESS:
            self._report.stopped_by = self._report.stopped_by or error
            self._stop()
        self._show_progress()

    def _stop(self, failure: Exception | None = None) -> None:
        """Send nothing more; what is under way comes to its end."""
        if failure is not None and self._failure is None:
            self._failure = failure
        self._stopped = True
        self._report.count(EditStatus.NOT_SENT, len(self._window.drain()))
        self._space.set()

    def _show_progress(self) -> None:
        if self._on_progress is None or self._failure is not None:
            return
        now = self._transport.clock.monotonic()
        if now < self._next_progress:
            return
        self._next_progress = now + _PROGRESS_INTERVAL
        try:
            self._on_progress(self._progress())
        except Exception as error:  # noqa: BLE001 - the caller's own callback
            self._stop(error)

    def _progress(self) -> BulkProgress:
        report = self._report
        return BulkProgress(
            done=report.total,
            total=self._size,
            updated=report.updated,
            failed=report.failed + report.unknown,
            requests=report.requests,
            seconds=self._transport.clock.monotonic() - self._started,
        )


async def _iterate(
    items: Iterable[object] | AsyncIterable[object],
) -> AsyncGenerator[object, None]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
