"""Making a dataset agree with rows from elsewhere, matched by a key column."""

from __future__ import annotations

import asyncio
from array import array
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Unpack

import attrs
import msgspec

from claro_async.bulk.coercion import Coercion
from claro_async.bulk.file_edits import reader_of
from claro_async.bulk.job import (
    commits_of,
    job_meta,
    send_planned,
    temporarily,
    temporary_store,
)
from claro_async.bulk.journal import new_journal
from claro_async.bulk.matching import Match, duplicates_of, refuse_duplicates
from claro_async.bulk.plan import PlanFigures, UpdatePlan
from claro_async.bulk.reading import MAX_WALKS, read_pages
from claro_async.bulk.report import BulkReport
from claro_async.bulk.stopping import until_stopped
from claro_async.bulk.tables import LoadedRows, as_rows, convert_keys, in_no_file, make_table
from claro_async.bulk.watching import watched_job
from claro_async.errors import DecodeError
from claro_async.storage.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from claro_async.bulk.coercion import Misfit
    from claro_async.bulk.job import Target
    from claro_async.bulk.matching import Difference
    from claro_async.bulk.reading import RowReader
    from claro_async.bulk.store import EditStore
    from claro_async.bulk.tables import Rows, Table
    from claro_async.options import ApplyKeywords, BulkOptions, CoerceOptions, Equal
    from claro_async.paging.pages import Page

_CELLS_AT_A_TIME = 2000  # compared before the event loop is left to others
_ROWS_AT_ONCE = 1000  # of more, a thread makes the table

_decode = msgspec.json.Decoder().decode


@attrs.frozen(kw_only=True)
class SyncSource:
    """The rows that a dataset is to agree with, by their keys, and how they are converted.

    Attributes:
        table: The rows.
        how: How values are converted.
        size: How many edits there will be, at the most.
    """

    table: Table
    how: CoerceOptions
    size: int

    @classmethod
    async def load(cls, rows: Rows, key: str, how: CoerceOptions) -> SyncSource:
        """Take the rows as they are now, and put them under their keys.

        Raises:
            OSError: A file cannot be read.
            TableFileError: A file is damaged, cut off, or no table.
            TypeError: Neither rows nor a data frame, or a value that JSON has no form for.
            ValueError: A row without the key, or a number that JSON cannot carry.
        """
        loaded = await _load(rows)
        nan_is_null = how.coerce is not None
        if len(loaded.rows) <= _ROWS_AT_ONCE:
            table = make_table(loaded, key, nan_is_null=nan_is_null)
        else:
            table = await in_thread(make_table, loaded, key, nan_is_null=nan_is_null)
        return cls(table=table, how=how, size=sum(map(len, loaded.rows)))

    def refuse_duplicates(self) -> None:
        """See that no key comes twice, as far as that is known before the dataset is read.

        Raises:
            ValueError: A key comes twice.
        """
        refuse_duplicates(duplicates_of(self.table))

    def match(self, page: Page, equal: Equal | None, *, keeps_extra: bool) -> Match:
        """What finds the rows, by the columns of the dataset's first page.

        Raises:
            KeyError: The table has a column that the dataset has not.
            ValueError: A key does not fit its column, or several columns have one name.
        """
        coercion = Coercion(page.columns, self.how) if self.how.coerce else None
        table = self.table if coercion is None else convert_keys(self.table, coercion)
        match = Match(table=table, coercion=coercion, equal=equal, keeps_extra=keeps_extra)
        match.check_columns(page)
        return match


async def _load(rows: Rows) -> LoadedRows:
    reader = reader_of(rows)
    if reader is None:
        return LoadedRows(rows=as_rows(rows), place=in_no_file)
    found: list[Mapping[str, Any]] = []
    numbers = array("q")
    async with aclosing(reader.chunks(lambda number, row: (number, row))) as chunks:
        async for chunk in chunks:
            numbers.extend(number for number, _ in chunk)
            found += [row for _, row in chunk]
    return LoadedRows(rows=found, place=lambda index: reader.place(numbers[index]), is_owned=True)


@attrs.define
class SyncReport(BulkReport):
    """What became of every edit of an update from a table.

    Attributes:
        misfits: Values that did not fit their column, where they were not raised for; the first
            10,000.
        misfit_count: How many those are in all.
    """

    misfits: list[Misfit] = attrs.field(factory=list, repr=False)
    misfit_count: int = 0

    def take_misfits(self, coercion: Coercion | None) -> None:
        """Take the values that did not fit, where values were converted."""
        if coercion is not None:
            self.misfits, self.misfit_count = coercion.misfits, coercion.misfit_count

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values, with the first 100 values that did not fit."""
        misfits = [misfit.to_dict() for misfit in self.misfits[:100]]
        return {**super().to_dict(), "misfit_count": self.misfit_count, "misfits": misfits}


async def update_from(target: Target, source: SyncSource, options: BulkOptions) -> SyncReport:
    """See :meth:`claro_async.Dataset.update_from`."""
    source.refuse_duplicates()
    report = SyncReport()
    watched = watched_job(target.transport, "update", target.dataset_id, report)
    with report.on_exception(), watched:
        async with _store(target, options, source.size) as store:

            async def prepare() -> None:
                staging = Staging(store, source, options.equal, report)
                match = await staging.run(target.dataset)
                refuse_duplicates(match.duplicates)
                report.take_misfits(match.coercion)
                await store.finish_staging()
                await store.finish_planning()

            await until_stopped(prepare(), options.stop, report)
            await send_planned(target, store, options, report, begins=True)
            return report


async def plan_from(target: Target, source: SyncSource, options: BulkOptions) -> SyncPlan:
    """See :meth:`claro_async.Dataset.plan_from`."""
    report = BulkReport()
    store = await temporary_store(source.size)
    try:
        staging = Staging(store, source, options.equal, report, keeps_extra=True)
        match = await staging.run(target.dataset)
        await store.finish_staging()
        await store.finish_planning()
        figures = PlanFigures(await store.counts(), [], report.pages_read)
    except BaseException:
        await store.aclose()
        raise
    return SyncPlan(target, options, store, figures).with_findings(match)


class SyncPlan(UpdatePlan):
    """What :meth:`Dataset.update_from` would do; see :class:`UpdatePlan` for the rest.

    Attributes:
        unknown_keys: Keys of the table that no row of the dataset has.
        duplicate_keys: Keys that two rows of the table have, or two of the dataset.
        extra_keys: Keys of rows of the dataset that the table lacks; the first 10,000.
        extra_rows: How many rows of the dataset the table lacks.
        misfits: Values that did not fit their column, where they were not raised for; the first
            10,000.
        misfit_count: How many those are in all.
    """

    _kind = "sync"

    unknown_keys: list[Any]
    duplicate_keys: list[Any]
    extra_keys: list[Any]
    extra_rows: int
    misfits: list[Misfit]
    misfit_count: int

    def with_findings(self, match: Match) -> SyncPlan:
        """The plan, with what was found of keys and values."""
        self.unknown_keys = [_decode(name) for name in match.missing]
        self.duplicate_keys = [_decode(name) for name in match.duplicates]
        self.extra_keys = [_decode(name) for name in match.extra_keys]
        self.extra_rows = len(match.extra_rows)
        coercion = match.coercion
        self.misfits = [] if coercion is None else coercion.misfits
        self.misfit_count = 0 if coercion is None else coercion.misfit_count
        return self

    def _new_report(self) -> SyncReport:
        return SyncReport(
            pages_read=self.pages_read, misfits=self.misfits, misfit_count=self.misfit_count
        )

    async def apply(self, **options: Unpack[ApplyKeywords]) -> SyncReport:
        """Do what is planned; a plan is applied once.

        Raises:
            ValueError: A key comes twice, so it is not certain what is meant.
            BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
            JournalError: The journal cannot be used.
            RuntimeError: The plan was applied or closed before.
        """
        if self.duplicate_keys:
            raise ValueError(f"the key {self.duplicate_keys[0]!r} comes twice: see duplicate_keys")
        report = await super().apply(**options)
        assert isinstance(report, SyncReport)  # noqa: S101 - what `_new_report` made
        return report


@asynccontextmanager
async def _store(target: Target, options: BulkOptions, size: int) -> AsyncIterator[EditStore]:
    if options.journal is None:
        async with temporarily(size) as store:
            yield store
    else:
        commits = commits_of(target.transport, options)
        meta = job_meta(target.base_url, target.dataset_id, options, "sync")
        async with new_journal(options.journal, meta, commits) as journal:
            yield journal.edits


@attrs.define
class Staging:
    """Reads a dataset, and stages an edit for each cell that a table has.

    Attributes:
        store: Takes the edits.
        source: The table.
        equal: When two values are the same; typed equality of JSON where None.
        report: Counts the pages.
        keeps_extra: Whether rows that the table lacks are noted.
    """

    store: EditStore
    source: SyncSource
    equal: Equal | None
    report: BulkReport
    keeps_extra: bool = False
    _staged: int = 0

    async def run(self, reader: RowReader) -> Match:
        """Stage all; returns what was found.

        Raises:
            KeyError: The table has a column that the dataset has not.
            ValueError: A value does not fit its column, or several columns have one name.
        """
        match: Match | None = None
        for _ in range(MAX_WALKS):
            totals = set()
            async with aclosing(read_pages(reader)) as pages:
                async for page in pages:
                    if match is None:
                        match = self.source.match(page, self.equal, keeps_extra=self.keeps_extra)
                    totals.add(page.pagination.total)
                    await self._stage_page(match, page)
                    del page  # see `PagedStream.pages`
            if match is None or len(totals) == 1 or not match.missing:
                break  # else rows were added or deleted meanwhile, and may have moved
        if match is None:
            raise DecodeError("the dataset was read, and gave no page")
        await self.store.insert_failed(list(enumerate(match.unknown_keys(), self._staged)))
        return match

    async def _stage_page(self, match: Match, page: Page) -> None:
        self.report.pages_read += 1
        edits: list[Difference] = []
        for row in page:
            edits += match.differences(row)
            if len(edits) > _CELLS_AT_A_TIME:
                await self._stage(edits)
                edits = []
        await self._stage(edits)

    async def _stage(self, edits: list[Difference]) -> None:
        await self.store.insert(self._staged, [edit for edit, _, _ in edits])
        await self.store.compare(
            [(state, now, self._staged + at) for at, (_, state, now) in enumerate(edits)]
        )
        self._staged += len(edits)
        await asyncio.sleep(0)
