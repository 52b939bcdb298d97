"""Many transfers at once: a fixed pool of workers, an outcome for each item."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from claro_async._callbacks import CallbackGuard
from claro_async._plain import PlainRecord
from claro_async.errors import BulkUpdateError, OutcomeUnknownError
from claro_async.progress import FilesProgress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from pathlib import Path

    from claro_async.options import StopSignal
    from claro_async.transfer_options import TransferOptions

R = TypeVar("R")


@attrs.frozen
class TransferOutcome(PlainRecord, Generic[R]):
    """What became of one item.

    Attributes:
        key: The id of what it was for: a cell, or a dataset.
        result: What the server made of it, or None.
        error: Why there is no result, or None.
    """

    key: str
    result: R | None = None
    error: Exception | None = None


@attrs.define(kw_only=True)
class TransferReport(PlainRecord, Generic[R]):
    """What became of every item; the counts sum to :attr:`total`.

    Attributes:
        succeeded: Items that are done.
        failed: Items of which nothing was applied.
        unknown: Items that may or may not have been applied.
        not_sent: Items that were never tried, since the call was stopped before.
        results: What was made, by the key of the item.
        failures: The outcomes of failed and unknown items.
        notes: What else there is to know, in words.
    """

    succeeded: int = 0
    failed: int = 0
    unknown: int = 0
    not_sent: int = 0
    results: dict[str, R] = attrs.Factory(dict)
    failures: list[TransferOutcome[R]] = attrs.Factory(list)
    notes: list[str] = attrs.Factory(list)

    @property
    def total(self) -> int:
        """Items of the input."""
        return self.succeeded + self.failed + self.unknown + self.not_sent

    def add(self, outcome: TransferOutcome[R]) -> None:
        """Count an item."""
        if outcome.result is not None:
            self.succeeded += 1
            self.results[outcome.key] = outcome.result
            return
        if isinstance(outcome.error, OutcomeUnknownError):
            self.unknown += 1
        else:
            self.failed += 1
        self.failures.append(outcome)

    def raise_for_failures(self) -> None:
        """Raise if any item failed, is unknown or was not sent.

        Raises:
            BulkUpdateError: With this report and the errors as a group.
        """
        if not self.failures:
            return
        error = BulkUpdateError(
            f"{self.succeeded} of {self.total} items done, {self.failed} failed,"
            f" {self.unknown} unknown, {self.not_sent} not sent",
            [outcome.error for outcome in self.failures if outcome.error is not None],
        )
        error.report = self
        raise error

    def write_html(self, path: str | Path) -> None:
        """Write the report as one page that needs nothing else: no script, no font, no network.

        Args:
            path: Where; an existing file is replaced.

        Raises:
            OSError: It cannot be written.
        """
        from claro_async.reporting.files_page import write_files_report  # noqa: PLC0415 - seldom wanted

        write_files_report(self, path)


def as_pairs(
    name: str, items: Mapping[str, Any] | Iterable[tuple[str, Any]]
) -> list[tuple[str, Any]]:
    """The input as pairs, each cell once.

    Raises:
        TypeError: Not a mapping, and not pairs.
        ValueError: A cell comes twice.
    """
    pairs: list[object] = list(items.items() if isinstance(items, Mapping) else items)
    checked: list[tuple[str, Any]] = []
    seen: set[str] = set()
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:  # noqa: PLR2004
            raise TypeError(f"{name} is a mapping or (cell_id, …) pairs, not {pair!r:.80}")
        if pair[0] in seen:
            raise ValueError(f"{name} has cell {pair[0]!r} twice; one of the two would be lost")
        seen.add(pair[0])
        checked.append((pair[0], pair[1]))
    return checked


async def run_batch(
    report: TransferReport[R],
    pairs: list[tuple[str, Any]],
    act: Callable[[str, Any], Awaitable[R]],
    options: TransferOptions,
    monotonic: Callable[[], float],
) -> None:
    """Act on every pair, so many at a time, and count in the report.

    What the progress callback raises ends nothing; it is raised in the end, with `report`.

    Raises:
        BulkUpdateError: An item failed, and ``on_error`` is ``raise``.
    """
    waiting = iter(pairs)
    started, total = monotonic(), len(pairs)
    tell = CallbackGuard.wrap(options.on_progress, "on_progress")

    async def work() -> None:
        for key, item in _until_stopped(waiting, options.stop):
            try:
                outcome = TransferOutcome(key, await act(key, item))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this item's
                outcome = TransferOutcome(key, None, error)
            report.add(outcome)
            if tell is not None:
                tell(_progress(report, total, monotonic() - started))
            if options.on_error == "raise" and report.failures:
                break

    async with asyncio.TaskGroup() as group:
        for _ in range(min(options.max_concurrency, total)):
            group.create_task(work())
    report.not_sent = sum(1 for _ in waiting)
    if tell is not None and tell.note is not None:
        report.notes.append(tell.note)
    if options.on_error == "raise":
        report.raise_for_failures()
    if tell is not None and tell.failure is not None:
        with suppress(AttributeError, TypeError):  # a class of the caller's may not take it
            tell.failure.report = report  # type: ignore[attr-defined]
        raise tell.failure


def _until_stopped(
    waiting: Iterator[tuple[str, Any]], stop: StopSignal | None
) -> Iterator[tuple[str, Any]]:
    """What is left to do, as long as nobody stops it."""
    while stop is None or not stop.is_set():
        pair = next(waiting, None)
        if pair is None:
            return
        yield pair


def _progress(report: TransferReport[Any], total: int, seconds: float) -> FilesProgress:
    return FilesProgress(
        done=report.succeeded + report.failed + report.unknown,
        total=total,
        seconds=seconds,
        succeeded=report.succeeded,
        failed=report.failed,
        unknown=report.unknown,
    )
