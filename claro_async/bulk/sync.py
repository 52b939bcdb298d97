"""Making a dataset agree with rows from elsewhere, matched by a key column."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Unpack

import attrs
import msgspec

from claro_async.bulk.coercion import Coercion
from claro_async.bulk.edits import StagedEdit
from claro_async.bulk.equality import canonical_json, is_same
from claro_async.bulk.job import (
    commits_of,
    job_meta,
    send_planned,
    temporarily,
    temporary_store,
)
from claro_async.bulk.journal import new_journal
from claro_async.bulk.plan import PlanFigures, UpdatePlan
from claro_async.bulk.reading import MAX_WALKS, ColumnNames, read_pages
from claro_async.bulk.report import BulkReport
from claro_async.bulk.states import Failure, FailureReason, State
from claro_async.bulk.stopping import until_stopped
from claro_async.bulk.tables import Table, make_table, read_rows
from claro_async.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from claro_async.bulk.coercion import Misfit
    from claro_async.bulk.job import Target
    from claro_async.bulk.reading import RowReader
    from claro_async.bulk.store import EditStore
    from claro_async.bulk.tables import Rows
    from claro_async.options import ApplyKeywords, BulkOptions, CoerceOptions, Equal
    from claro_async.paging.pages import Page
    from claro_async.paging.rows import Row

MAX_KEYS_KEPT = 10_000

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode


class SyncSource:
    """The rows that a dataset is to agree with, and how their values are converted.

    Raises:
        TypeError: Neither rows nor a data frame, or a value that JSON has no form for.
        ValueError: A row without the key.
    """

    def __init__(self, rows: Rows, key: str, how: CoerceOptions) -> None:
        self._rows = read_rows(rows)
        self._key = key
        self._how = how
        self.misfits: list[Misfit] = []
        self._table = None if how.coerce else make_table(self._rows, key)

    @property
    def size(self) -> int:
        """How many edits there will be, at the most."""
        return sum(map(len, self._rows))

    def refuse_duplicates(self) -> None:
        """See that no key comes twice, as far as that is known before the dataset is read.

        Raises:
            ValueError: A key comes twice.
        """
        if self._table is not None:
            refuse_duplicates(self._table)

    def table(self, page: Page) -> Table:
        """The table, with its values as the columns of a page have them."""
        if self._table is None:
            coercion = Coercion(page.columns, self._how)
            self._table = make_table(self._rows, self._key, coercion)
            self.misfits = coercion.misfits
        return self._table


def refuse_duplicates(table: Table) -> None:
    """See that no key comes twice.

    Raises:
        ValueError: One does.
    """
    for name, index in table.duplicates.items():
        raise ValueError(f"rows[{index}]: the key {_decode(name)!r} comes twice")


async def update_from(target: Target, source: SyncSource, options: BulkOptions) -> BulkReport:
    """See :meth:`claro_async.Dataset.update_from`."""
    source.refuse_duplicates()
    report = BulkReport()
    with report.on_exception():
        async with _store(target, options, source.size) as store:

            async def prepare() -> None:
                staging = Staging(store, source, options.equal, report)
                match = await staging.run(target.dataset)
                match.refuse_duplicates()
                await store.finish_staging()
                await store.finish_planning()

            await until_stopped(prepare(), options.stop, report)
            return await send_planned(target, store, options, report, begins=True)


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
    return SyncPlan(target, options, store, figures).with_findings(match, source.misfits)


class SyncPlan(UpdatePlan):
    """What :meth:`Dataset.update_from` would do; see :class:`UpdatePlan` for the rest.

    Attributes:
        unknown_keys: Keys of the table that no row of the dataset has.
        duplicate_keys: Keys that two rows of the table have, or two of the dataset.
        extra_keys: Keys of rows of the dataset that the table lacks; the first 10,000.
        extra_rows: How many rows of the dataset the table lacks.
        misfits: Values that did not fit their column, where they were not raised for.
    """

    _kind = "sync"

    unknown_keys: list[Any]
    duplicate_keys: list[Any]
    extra_keys: list[Any]
    extra_rows: int
    misfits: list[Misfit]

    def with_findings(self, match: Match, misfits: list[Misfit]) -> SyncPlan:
        """The plan, with what was found of keys and values."""
        self.unknown_keys = [_decode(name) for name in match.missing]
        self.duplicate_keys = [_decode(name) for name in match.duplicates]
        self.extra_keys = [_decode(name) for name in match.extra_keys]
        self.extra_rows = len(match.extra_rows)
        self.misfits = misfits
        return self

    async def apply(self, **options: Unpack[ApplyKeywords]) -> BulkReport:
        """Do what is planned; a plan is applied once.

        Raises:
            ValueError: A key comes twice, so it is not certain what is meant.
            BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
            JournalError: The journal cannot be used.
            RuntimeError: The plan was applied or closed before.
        """
        if self.duplicate_keys:
            raise ValueError(f"the key {self.duplicate_keys[0]!r} comes twice: see duplicate_keys")
        return await super().apply(**options)


@asynccontextmanager
async def _store(target: Target, options: BulkOptions, size: int) -> AsyncIterator[EditStore]:
    if options.journal is None:
        async with temporarily(size) as store:
            yield store
    else:
        commits = commits_of(target.transport, options)
        meta = job_meta(target, options, "sync")
        async with new_journal(options.journal, meta, commits) as journal:
            yield journal.edits


@attrs.define
class Match:
    """Finds the rows of the dataset, a page at a time.

    Attributes:
        table: The rows that are wanted.
        equal: When two values are the same; typed equality of JSON where None.
        keeps_extra: Whether rows that the table lacks are noted.
        duplicates: Keys that come twice, in the table or in the dataset, with what is said of them.
        extra_keys: Keys that the table lacks; the first 10,000.
        extra_rows: Ids of the rows that have such keys.
    """

    table: Table
    equal: Equal | None
    keeps_extra: bool
    duplicates: dict[bytes, str] = attrs.Factory(dict)
    extra_keys: list[bytes] = attrs.Factory(list)
    extra_rows: set[str] = attrs.Factory(set)
    _row_of: dict[bytes, str] = attrs.Factory(dict)

    def __attrs_post_init__(self) -> None:
        """Begin with the keys that come twice in the table."""
        for name, index in self.table.duplicates.items():
            self.duplicates[name] = f"rows[{index}]: the key {_decode(name)!r} comes twice"

    @property
    def missing(self) -> list[bytes]:
        """The keys that no row was seen to have, as JSON."""
        return [name for name in self.table.rows if name not in self._row_of]

    def refuse_duplicates(self) -> None:
        """See that no key comes twice.

        Raises:
            ValueError: One does.
        """
        for text in self.duplicates.values():
            raise ValueError(text)

    def check_columns(self, page: Page) -> None:
        """Refuse columns that the dataset does not have.

        Raises:
            KeyError: There is no such column.
            ValueError: Several columns have the name.
        """
        names = ColumnNames(page.columns)
        for column in self.table.columns:
            found = names.find(column)
            if isinstance(found, Failure):
                shared = found.reason is FailureReason.COLUMN_NOT_UNIQUE
                raise (ValueError if shared else KeyError)(found.text)

    def differences(self, page: Page) -> list[tuple[StagedEdit, State, bytes]]:
        """Edits of the rows of a page, each with its state and the present value."""
        found: list[tuple[StagedEdit, State, bytes]] = []
        key, wanted = self.table.key, self.table.rows
        for row in page:
            name = canonical_json(row[key])
            if name not in wanted:
                self._note_extra(name, row)
                continue
            before = self._row_of.get(name)
            if before is None:
                self._row_of[name] = row.row_id
                values = wanted[name].values
                found += [self._edit(row, column, content) for column, content in values.items()]
            elif before != row.row_id:  # else the row moved between pages, and was read before
                self.duplicates[name] = f"the dataset has the key {row[key]!r} in two rows"
        return found

    def _note_extra(self, name: bytes, row: Row) -> None:
        is_known = name in self.table.duplicates or row.row_id in self.extra_rows
        if is_known or not self.keeps_extra:
            return
        self.extra_rows.add(row.row_id)
        if len(self.extra_keys) < MAX_KEYS_KEPT:
            self.extra_keys.append(name)

    def _edit(self, row: Row, column: str, content: bytes) -> tuple[StagedEdit, State, bytes]:
        cell = row.cell(column)
        present = _encode(cell.value)
        same = is_same(self.equal, cell.value, present, content)
        state = State.UNCHANGED if same else State.PLANNED
        return StagedEdit(cell.cell_id, None, None, content), state, present


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
                    match = match or self._begin(page)
                    totals.add(page.pagination.total)
                    await self._stage_page(match, page)
            if match is None or len(totals) == 1 or not match.missing:
                break  # else rows were added or deleted meanwhile, and may have moved
        if match is None:
            raise DecodeError("the dataset was read, and gave no page")
        await self.store.insert_failed(list(enumerate(_unknown_keys(match), self._staged)))
        return match

    def _begin(self, page: Page) -> Match:
        match = Match(self.source.table(page), self.equal, self.keeps_extra)
        match.check_columns(page)
        return match

    async def _stage_page(self, match: Match, page: Page) -> None:
        self.report.pages_read += 1
        edits = match.differences(page)
        await self.store.insert(self._staged, [edit for edit, _, _ in edits])
        await self.store.compare(
            [(state, now, self._staged + at) for at, (_, state, now) in enumerate(edits)]
        )
        self._staged += len(edits)


def _unknown_keys(match: Match) -> list[Failure]:
    key, rows = match.table.key, match.table.rows
    return [
        Failure(
            FailureReason.NOT_FOUND_BY_READING,
            f"rows[{rows[name].index}]: the dataset has no row with {key} = {name.decode()}",
        )
        for name in match.missing
        for _ in rows[name].values
    ]
