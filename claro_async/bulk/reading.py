"""Reading a dataset's present values against the edits of a store, a page a request.

Claro API v2, "Manage Dataset", section "Get Dataset Data": up to 1,000 rows a page.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol, TypeAlias

import attrs
import msgspec

from claro_async.bulk.equality import is_same, same_json
from claro_async.bulk.states import Failure, FailureReason, State

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence

    from claro_async.bulk.edits import Entry
    from claro_async.bulk.sqlite_store import SqliteStore
    from claro_async.bulk.store import EditStore
    from claro_async.models import DatasetColumn
    from claro_async.options import Equal
    from claro_async.paging.pages import Page
    from claro_async.paging.rows import Row
    from claro_async.paging.stream import PagedStream
    from claro_async.paging.structs import CellStruct

Visit: TypeAlias = "Callable[[Page], Awaitable[set[str]]]"
MAX_WALKS = 3
"""Times that a dataset whose rows move is read, before what was not found is given up."""
_CELLS_AT_A_TIME = 2000  # compared before the event loop is left to others

_encode = msgspec.json.Encoder().encode


class RowReader(Protocol):
    """What reads the rows of a dataset."""

    @property
    def dataset_id(self) -> str:
        """The dataset's id."""

    def rows(
        self, *, columns: Iterable[str] | None = ..., start_page: int = ..., read_ahead: int = ...
    ) -> PagedStream[Page, Row]:
        """The rows, beginning with a page; awaiting gives that page."""


@attrs.define
class Scan:
    """Walks over a dataset's pages that soon ask only for the columns concerned.

    The first pages come whole. As soon as one of them held cells that are looked for, the further
    ones are asked for with the columns of those cells alone. If that leaves cells to be found, a
    second walk reads the other columns.

    Attributes:
        reader: Reads the pages.
        pages: Pages read.
        place: The last page of a walk that was read.
        total_pages: Pages that a walk has.
        has_shifted: Whether the number of rows changed during the last walk: then rows have moved
            between pages, and some were read twice or not at all.
    """

    reader: RowReader
    pages: int = 0
    place: int = 0
    total_pages: int = 1
    has_shifted: bool = False
    _total_rows: int | None = None

    async def run(
        self, visit: Visit, goes_on: Callable[[], bool], *, exhaustive: bool = True
    ) -> bool:
        """Walk until asked to stop; returns whether all pages were visited with all columns.

        Args:
            visit: Takes a page; returns the columns in which it found what is looked for.
            goes_on: Whether to read another page.
            exhaustive: Whether to read the other columns, too.
        """
        concerned: set[str] = set()
        columns: list[str] = []
        while not concerned and self.place < self.total_pages and goes_on():
            page = await self.reader.rows(start_page=self.place + 1, read_ahead=0)
            columns = [column.column_id for column in page.columns]
            concerned = await self._visit(page, visit)
            del page  # see `PagedStream.pages`
        narrow_from = self.place + 1
        await self._walk(sorted(concerned), visit, goes_on)
        others = [column for column in columns if column not in concerned]
        if not (narrow_from <= self.total_pages and others):
            return self.place >= self.total_pages
        if not exhaustive:
            return False
        self.place = narrow_from - 1
        await self._walk(others, visit, goes_on)
        return self.place >= self.total_pages

    async def again(self, visit: Visit, goes_on: Callable[[], bool]) -> None:
        """Walk over all pages, with all columns, once more."""
        self.place, self.has_shifted, self._total_rows = 0, False, None
        await self._walk(None, visit, goes_on)

    async def _walk(
        self, columns: list[str] | None, visit: Visit, goes_on: Callable[[], bool]
    ) -> None:
        if self.place >= self.total_pages or not goes_on():
            return
        if columns is not None and any("," in column for column in columns):
            columns = None  # the query parameter has commas between ids
        rows = self.reader.rows(columns=columns, start_page=self.place + 1, read_ahead=1)
        async with aclosing(rows.pages()) as pages:
            async for page in pages:
                await self._visit(page, visit)
                del page  # see `PagedStream.pages`
                if not goes_on():
                    return

    async def _visit(self, page: Page, visit: Visit) -> set[str]:
        self.pages += 1
        self.place += 1
        self.total_pages = page.pagination.total_pages
        total = page.pagination.total
        self.has_shifted |= self._total_rows not in {None, total}
        self._total_rows = total
        return await visit(page)


@attrs.define
class Estimate:
    """Whether reading on is expected to save requests.

    Attributes:
        wanted: Cells that there are edits for.
        exhaustive: Whether all of them must be seen, whatever that costs.
        seen: Of these, those that were seen.
        unchanged: Of these, those that have the new value already.
    """

    wanted: int
    exhaustive: bool
    seen: int = 0
    unchanged: int = 0

    def pays(self, pages_left: int) -> bool:
        """Whether the next page is expected to save more requests than the one it costs.

        It holds a share of the edits that were not seen yet, and of these the share that was
        unchanged so far is saved. Before anything was seen, half is assumed.
        """
        if pages_left <= 0 or self.seen >= self.wanted:
            return False
        if self.exhaustive:
            return True
        share_unchanged = (self.unchanged + 1) / (self.seen + 2)
        return (self.wanted - self.seen) / pages_left * share_unchanged > 1


class ColumnNames:
    """Which column is meant by a name or an id: decided once, by a page that has all columns.

    Later pages have fewer columns, so a name that two columns share could look unique there.
    """

    def __init__(self, columns: Sequence[DatasetColumn]) -> None:
        count = Counter(column.name for column in columns)
        ids = {column.column_id: column.column_id for column in columns}
        unique = {each.name: each.column_id for each in columns if count[each.name] == 1}
        self._ids = {**unique, **ids}  # an id wins over a name
        self._shared = {name for name, number in count.items() if number > 1} - ids.keys()

    def find(self, text: str) -> str | Failure:
        """The id of the column that is meant, or why there is none."""
        if text in self._shared:
            return Failure(
                FailureReason.COLUMN_NOT_UNIQUE,
                f"the dataset has several columns named {text!r}: give the column's id",
            )
        found = self._ids.get(text)
        if found is None:
            return Failure(
                FailureReason.NOT_FOUND_BY_READING, f"the dataset has no column {text!r}"
            )
        return found


@attrs.define
class Comparison:
    """Compares pages with the planned edits of a store.

    Attributes:
        store: The edits.
        equal: When two values are the same; typed equality of JSON where None.
        has_rows: Whether there are edits that name a row and a column.
        estimate: What was seen so far.
    """

    store: EditStore
    equal: Equal | None
    has_rows: bool
    estimate: Estimate
    _names: ColumnNames | None = None

    async def visit(self, page: Page) -> set[str]:
        """Compare a page; returns the columns of the cells that there are edits for."""
        if self._names is None:
            self._names = ColumnNames(page.columns)
        if self.has_rows:
            await self._resolve(page, self._names)
        cells = {cell.cell_id: cell for row in page.rows for cell in row.structs}
        entries = await self.store.find(cells, State.PLANNED)
        columns: set[str] = set()
        results: list[tuple[State, bytes, int]] = []
        for first in range(0, len(entries), _CELLS_AT_A_TIME):
            for entry in entries[first : first + _CELLS_AT_A_TIME]:
                cell = cells[entry.cell_id]
                columns.add(cell.column_id)
                results.append(self._compare(entry, cell))
            await asyncio.sleep(0)
        await self.store.compare(results)
        return columns

    def _compare(self, entry: Entry, cell: CellStruct) -> tuple[State, bytes, int]:
        estimate, present = self.estimate, _encode(cell.value)
        if entry.expected is None:
            estimate.seen += 1  # only once, though a row that moved may be read twice
        if self.equal is None and present == entry.content:
            same = True  # most often
        else:
            same = is_same(self.equal, cell.value, present, entry.content)
        if same:
            estimate.unchanged += 1
            return State.UNCHANGED, present, entry.seq
        return State.PLANNED, present, entry.seq

    async def _resolve(self, page: Page, names: ColumnNames) -> None:
        """Find the cells of edits that name a row and a column."""
        cells = {(cell.row_id, cell.column_id): cell for row in page for cell in row.structs}
        resolved: list[tuple[str, int]] = []
        failed: list[tuple[int, Failure]] = []
        for edit in await self.store.find_unresolved({row.row_id for row in page}):
            column = names.find(edit.column)
            if isinstance(column, Failure):
                failed.append((edit.seq, column))
            elif (cell := cells.get((edit.row_id, column))) is not None:
                resolved.append((cell.cell_id, edit.seq))
        await self.store.resolve(resolved)
        await self.store.fail(failed)


async def compare_with_present(
    scan: Scan, store: EditStore, *, exhaustive: bool, equal: Equal | None = None
) -> None:
    """Mark the planned edits that change nothing, and note what the others will replace.

    Args:
        scan: What to read; nothing of it was read yet.
        store: The edits.
        exhaustive: Whether to read on until every edit's cell was seen.
        equal: When two values are the same; typed equality of JSON by default.

    Raises:
        ClaroError: A page cannot be read.
    """
    counts = await store.counts()
    has_rows = bool(await store.count_unresolved())
    exhaustive = exhaustive or has_rows
    estimate = Estimate(counts.get(State.PLANNED, 0), exhaustive)
    comparison = Comparison(store, equal, has_rows, estimate)

    def goes_on() -> bool:
        return not scan.pages or estimate.pays(scan.total_pages - scan.place)

    if await scan.run(comparison.visit, goes_on, exhaustive=exhaustive):
        await _give_up_unseen(scan, comparison, exhaustive=exhaustive)


async def _give_up_unseen(scan: Scan, comparison: Comparison, *, exhaustive: bool) -> None:
    """After all pages: look for what no page has shown once more, then mark it as failed.

    A single page is one moment of the dataset. Between several, rows can be added and deleted, and
    then a row moves from a page that is still to be read to one that was read.
    """
    store = comparison.store
    if comparison.estimate.seen >= comparison.estimate.wanted:
        return
    walks = 1
    is_certain = scan.pages == 1
    while not is_certain and walks < MAX_WALKS:
        unseen = await store.count_unseen()
        if not unseen or (not exhaustive and unseen <= scan.total_pages):
            return  # to send the few is cheaper, and then the server tells
        comparison.estimate.wanted = comparison.estimate.seen + unseen
        comparison.estimate.exhaustive = True
        await scan.again(
            comparison.visit, lambda: comparison.estimate.pays(scan.total_pages - scan.place)
        )
        walks += 1
        is_certain = not scan.has_shifted
    if is_certain:
        await store.fail_unseen(_MISSING, only_unresolved=False)
    else:
        await store.fail_unseen(_ROWS_MOVED, only_unresolved=True)


_MISSING = Failure(
    FailureReason.NOT_FOUND_BY_READING, "no such cell was found by reading the dataset"
)
_ROWS_MOVED = Failure(
    FailureReason.NOT_FOUND_BY_READING,
    "no such cell was found: rows were added or deleted each time that the dataset was read",
)


async def read_back(scan: Scan, store: SqliteStore, *, is_equal_lost: bool) -> None:
    """Find out what became of edits whose outcome is unknown.

    A cell that holds the new value was updated; any other is to be sent again.

    Args:
        scan: What to read; nothing of it was read yet.
        store: The edits.
        is_equal_lost: Whether the job compares in a way that is not known here: then a cell holds
            the value only where the JSON texts are the same.
    """
    unknown = (await store.counts()).get(State.UNKNOWN, 0)
    if not unknown:
        return

    async def visit(page: Page) -> set[str]:
        nonlocal unknown
        cells = {cell.cell_id: cell for row in page for cell in row.structs}
        entries = await store.find(cells, State.UNKNOWN)
        states = []
        for entry in entries:
            present = _encode(cells[entry.cell_id].value)
            same = present == entry.content if is_equal_lost else same_json(present, entry.content)
            states.append((State.UPDATED if same else State.RESEND, entry.seq))
        await store.record_read(states)
        unknown -= len(entries)
        return {cells[entry.cell_id].column_id for entry in entries}

    await scan.run(visit, lambda: unknown > 0)
    await store.move(State.UNKNOWN, State.RESEND)  # of cells that are gone, the server tells


async def read_pages(reader: RowReader) -> AsyncGenerator[Page, None]:
    """All pages in order, the first alone: whoever rejects what it holds has asked for one only."""
    page = await reader.rows(read_ahead=0)
    total_pages = page.pagination.total_pages
    yield page
    del page  # see `PagedStream.pages`
    if total_pages > 1:
        async with aclosing(reader.rows(start_page=2, read_ahead=1).pages()) as pages:
            async for page in pages:
                yield page
                del page
