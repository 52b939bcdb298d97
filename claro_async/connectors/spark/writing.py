"""What the driver and the tasks of a Spark write do.

A task takes in its whole partition, writes down what it is about to send, sends it, and writes down
what became of it; see :mod:`~claro_async.connectors.spark.folder` for the files.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

import attrs
import msgspec
from pyspark import TaskContext
from pyspark.sql.datasource import DataSourceWriter, WriterCommitMessage

from claro_async.bulk.edits import CellEdit, EditOutcome, EditStatus
from claro_async.bulk.report import BulkReport
from claro_async.connectors.spark.receipts import CellState, Intent, Result, encode_lines
from claro_async.connectors.spark.rows import (
    Edits,
    RowCells,
    cell_edits,
    check_schema,
    read_rows,
    row_edits,
)
from claro_async.connectors.spark.run import Attempt, Epoch, begin_epoch, write_known
from claro_async.errors import (
    ConfigurationError,
    ConnectionFailedError,
    DecodeError,
    OutcomeUnknownError,
    RateLimitError,
    RunClosedError,
    ServerError,
)
from claro_async.storage.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from pyspark.sql import Row

    from claro_async.client import ClaroClient
    from claro_async.connectors.spark.options import WriteOptions
    from claro_async.connectors.spark.receipts import Ledger

_CHUNK = 64  # edits that are written down at once: what is in doubt after a kill
_ROWS = msgspec.json.Decoder(RowCells)
_ENDS_A_TASK = (
    *(ConnectionFailedError, DecodeError, OutcomeUnknownError, ServerError),
    *(RateLimitError, RunClosedError),
)
"""What stopped a task and a later one may not meet: an outage. Or what must end it at once."""


@attrs.frozen(kw_only=True)
class Written(WriterCommitMessage):
    """What a task says to the driver.

    Attributes:
        partition: Its partition.
        report: What became of its edits in this task.
    """

    partition: int
    report: BulkReport


class ClaroWriter(DataSourceWriter):
    """Writes a data frame; made on the driver, and copied to each task."""

    def __init__(self, options: WriteOptions, epoch: Epoch) -> None:
        self._options = options
        self._epoch = epoch

    @classmethod
    def begin(cls, options: WriteOptions, columns: Sequence[str]) -> ClaroWriter:
        """Begin a run or go on with it, on the driver; nothing is edited.

        Raises:
            ConfigurationError: The data frame or the receipts' folder does not fit.
            ClaroError: The dataset cannot be read.
        """
        check_schema(columns, options.key)
        return cls(options, asyncio.run(_begin(options, columns)))

    def write(self, iterator: Iterator[Row]) -> Written:
        """Send the edits of a partition, in a task."""
        context = TaskContext.get()
        if context is None:
            raise RuntimeError("only a task of Spark writes")
        attempt = Attempt(context.partitionId(), context.taskAttemptId())
        task = _Task(self._options, self._epoch, attempt, self._edits(iterator))
        return asyncio.run(task.run())

    def _edits(self, rows: Iterable[Row]) -> Edits:
        key = self._options.key
        if key is None:
            return cell_edits(rows)
        return row_edits(rows, key, _ROWS.decode_lines(self._epoch.content("rows")))

    def commit(self, messages: list[WriterCommitMessage | None]) -> None:
        """End the run's epoch, on the driver, once every task is through.

        Raises:
            BulkUpdateError: An edit failed or may not have been applied, and ``onError`` is
                ``raise``.
        """
        self._end("committed")
        report = BulkReport.merge(each.report for each in messages if isinstance(each, Written))
        content = msgspec.json.encode(report.to_dict())
        self._epoch.folder.write(f"reports/{self._epoch.name}.json", content)
        if self._options.report is not None:
            report.write_html(self._options.report)
        if self._options.on_error == "raise":
            report.raise_for_failures()

    def abort(self, messages: list[WriterCommitMessage | None]) -> None:  # noqa: ARG002 - Spark's signature
        """End the run's epoch, on the driver, after a task failed for good."""
        self._end("aborted")

    def _end(self, how: str) -> None:
        attempts = self._epoch.end(how)
        asyncio.run(_close(self._options, [(self._epoch, attempts)]))


async def _begin(options: WriteOptions, columns: Sequence[str]) -> Epoch:
    async with options.client.client() as claro:
        chance = uuid.uuid4().hex[:8]
        epoch, earlier = begin_epoch(options, options.client.resolved_base_url, chance)
        await _close_all(claro, options, [(each, each.attempts()) for each in earlier])
        write_known(epoch, earlier)
        if options.key is not None:
            wanted = [each for each in columns if each != options.key]
            rows = await read_rows(claro, options.dataset, options.key, wanted)
            epoch.folder.write(f"epochs/{epoch.name}.rows", encode_lines(rows))
    return epoch


async def _close(options: WriteOptions, tasks: list[tuple[Epoch, list[Attempt]]]) -> None:
    async with options.client.client() as claro:
        await _close_all(claro, options, tasks)


async def _close_all(
    claro: ClaroClient, options: WriteOptions, tasks: list[tuple[Epoch, list[Attempt]]]
) -> None:
    """Close the fences of tasks: none of them gets a permit more."""
    if options.client.quota is not None:
        for epoch, attempts in tasks:
            for attempt in attempts:
                await claro.close_run(epoch.fence(attempt))


class _Task:
    """Sends the edits of a partition."""

    def __init__(self, options: WriteOptions, epoch: Epoch, attempt: Attempt, edits: Edits) -> None:
        self._options = options
        self._epoch = epoch
        self._attempt = attempt
        self._edits = edits
        self._files = 0
        self._results: list[Result] = []

    async def run(self) -> Written:
        options, attempt = self._options, self._attempt
        if options.client.quota is None and attempt.partition:
            raise ConfigurationError(
                "option 'quota' is missing: with more than one partition, tasks share the key's"
                " quota by it (redis://host/0, or file:///path on one machine)"
            )
        earlier = self._epoch.begin_attempt(attempt)
        async with options.client.client(self._epoch.fence(attempt)) as claro:
            await _close_all(claro, options, [(self._epoch, earlier)])
            ledger = self._epoch.ledger()
            self._epoch.read_edits(ledger, attempt.partition)
            if not options.unique_cells:
                self._claim()
            report = await self._send(claro, ledger)
        if isinstance(report.stopped_by, _ENDS_A_TASK):
            raise report.stopped_by
        return Written(partition=attempt.partition, report=report)

    def _claim(self) -> None:
        """Name the cells of this partition, and refuse those that another one named before.

        Named first, read after it: of two partitions with one cell, at least one sees the other.
        """
        place = f"cells/{self._epoch.name}"
        folder, own = self._epoch.folder, self._edits.values
        folder.write(f"{place}/{self._attempt}", msgspec.json.encode(list(own)))
        for name in folder.names(place):
            if Attempt.of(name).partition == self._attempt.partition:
                continue
            theirs = msgspec.json.decode(folder.read(f"{place}/{name}") or b"[]", type=list[str])
            if both := own.keys() & theirs:
                raise ConfigurationError(
                    f"cell {min(both)!r} and {len(both) - 1} more are in two partitions of the"
                    " data frame, and which edit is the last one is not known: use"
                    " df.repartition('cell_id') after leaving one row a cell"
                )

    async def _send(self, claro: ClaroClient, ledger: Ledger) -> BulkReport:
        edits = self._edits
        reports = [_report_of(edits)]
        todo = {c: v for c, v in edits.values.items() if not ledger.is_done(c, v)}
        in_doubt = {cell for cell in todo if ledger.is_in_doubt(cell)}
        # what may have been applied is looked up, and sent only where the cell holds another value
        for cells, is_looked_up in ((in_doubt, True), (todo.keys() - in_doubt, False)):
            chosen = [(cell, value) for cell, value in todo.items() if cell in cells]
            if chosen and reports[-1].stopped_by is None:
                reports.append(await self._update(claro, ledger, chosen, look_up=is_looked_up))
        return BulkReport.merge(reports)

    async def _update(
        self, claro: ClaroClient, ledger: Ledger, edits: list[tuple[str, bytes]], *, look_up: bool
    ) -> BulkReport:
        updates = claro.dataset(self._options.dataset).iter_updates(
            self._written_down(ledger, edits),
            skip_unchanged=look_up,
            max_concurrency=self._options.max_concurrency,
        )
        try:
            async with updates:
                async for outcome in updates:
                    self._results.append(_result(outcome))
                    if len(self._results) >= _CHUNK:
                        await self._write_results()
        finally:
            await self._write_results()
        return updates.report

    async def _written_down(
        self, ledger: Ledger, edits: list[tuple[str, bytes]]
    ) -> AsyncIterator[CellEdit]:
        """The edits, each once it stands in a file that it is about to be sent."""
        for start in range(0, len(edits), _CHUNK):
            chunk = edits[start : start + _CHUNK]
            await self._write_results()
            await self._write("sent", [ledger.intent(cell, value) for cell, value in chunk])
            for cell_id, value in chunk:
                yield CellEdit(cell_id, msgspec.json.decode(value))

    async def _write_results(self) -> None:
        results, self._results = self._results, []
        if results:
            await self._write("done", results)

    async def _write(self, kind: str, records: Sequence[Intent | Result]) -> None:
        self._files += 1
        name = f"edits/{self._epoch.name}/{self._attempt}.{self._files:06d}.{kind}"
        await in_thread(self._epoch.folder.write, name, encode_lines(records))


_STATES = {
    EditStatus.UPDATED: CellState.UPDATED,
    EditStatus.UNCHANGED: CellState.UPDATED,  # looked up: an earlier task's edit was applied
    EditStatus.FAILED: CellState.FAILED,
    EditStatus.NOT_SENT: CellState.NOT_SENT,
    EditStatus.UNKNOWN: CellState.IN_DOUBT,
}


def _result(outcome: EditOutcome) -> Result:
    previous = None
    if outcome.previous_known:
        previous = msgspec.json.encode(outcome.previous_value).decode()
    error = "" if outcome.error is None else str(outcome.error)
    return Result(outcome.edit.cell_id, _STATES[outcome.status], previous, error)


def _report_of(edits: Edits) -> BulkReport:
    """What is known of a partition's edits before any is sent."""
    failures = [
        EditOutcome(at, CellEdit(name, None), EditStatus.FAILED, ValueError(f"{name}: {error}"))
        for at, (name, error) in enumerate(edits.failed)
    ]
    report = BulkReport(
        superseded=edits.superseded, unchanged=edits.unchanged, failed=len(failures)
    )
    for failure in failures:
        report.keep(failure)
    return report
