"""Reading a dataset's present values against the edits of a store, a page a request.

Claro API v2, "Manage Dataset", section "Get Dataset Data": up to 1,000 rows a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import msgspec

from claro_async.bulk.equality import same_json
from claro_async.bulk.store import State

if TYPE_CHECKING:
    from claro_async.bulk.edits import Entry
    from claro_async.bulk.job import Store
    from claro_async.bulk.store import EditStore, StoreThread
    from claro_async.dataset import Dataset
    from claro_async.paging.pages import Page
    from claro_async.paging.structs import CellStruct

Visit: TypeAlias = "Callable[[Page], Awaitable[set[str]]]"
Equal: TypeAlias = Callable[[Any, Any], bool]
"""Whether a present value and a new one are the same."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@attrs.define
class Scan:
    """A walk over a dataset's pages that soon asks only for the columns concerned.

    The first pages come whole. As soon as one of them held cells that are looked for, the further
    ones are asked for with the columns of those cells alone. If that leaves cells to be found, a
    second walk looks at the other columns.

    Attributes:
        dataset: What to read.
        pages: Pages read.
        place: The last page of a walk that was read.
        total_pages: Pages that a walk has.
    """

    dataset: Dataset
    pages: int = 0
    place: int = 0
    total_pages: int = 1

    async def run(
        self, visit: Visit, goes_on: Callable[[], bool], *, thorough: bool = True
    ) -> bool:
        """Walk until told to stop; returns whether every cell of the dataset was visited.

        Args:
            visit: Looks at a page; returns the columns in which it met what is looked for.
            goes_on: Whether to read another page.
            thorough: Whether to look at the other columns, too.
        """
        concerned: set[str] = set()
        columns: list[str] = []
        while not concerned and self.place < self.total_pages and goes_on():
            page = await self.dataset.rows(start_page=self.place + 1, read_ahead=0)
            columns = [column.column_id for column in page.columns]
            concerned = await self._visit(page, visit)
        narrow_from = self.place + 1
        await self._walk(sorted(concerned), visit, goes_on)
        others = [column for column in columns if column not in concerned]
        if not (narrow_from <= self.total_pages and others):
            return self.place >= self.total_pages
        if not thorough:
            return False
        self.place = narrow_from - 1
        await self._walk(others, visit, goes_on)
        return self.place >= self.total_pages

    async def _walk(self, columns: list[str], visit: Visit, goes_on: Callable[[], bool]) -> None:
        if self.place >= self.total_pages or not goes_on():
            return
        rows = self.dataset.rows(columns=columns, start_page=self.place + 1, read_ahead=1)
        async with aclosing(rows.pages()) as pages:
            async for page in pages:
                await self._visit(page, visit)
                if not goes_on():
                    return

    async def _visit(self, page: Page, visit: Visit) -> set[str]:
        self.pages += 1
        self.place += 1
        self.total_pages = page.pagination.total_pages
        return await visit(page)


@attrs.define
class Prospect:
    """Whether reading on is expected to save requests.

    Attributes:
        wanted: Cells that there are edits for.
        thorough: Whether all of them must be met, whatever that costs.
        met: Of these, those that were met.
        unchanged: Of these, those that have the new value already.
    """

    wanted: int
    thorough: bool
    met: int = 0
    unchanged: int = 0

    def pays(self, pages_left: int) -> bool:
        """Whether the next page is expected to save more requests than the one it costs.

        It holds a share of the edits that are not met yet, and of these the share that was
        unchanged so far is saved. Before anything was met, half is assumed.
        """
        if pages_left <= 0 or self.met >= self.wanted:
            return False
        if self.thorough:
            return True
        share_unchanged = (self.unchanged + 1) / (self.met + 2)
        return (self.wanted - self.met) / pages_left * share_unchanged > 1


async def compare_with_present(
    dataset: Dataset,
    store: Store,
    thread: StoreThread,
    *,
    thorough: bool,
    equal: Equal | None = None,
) -> int:
    """Mark the planned edits that change nothing, and note what the others will replace.

    Args:
        dataset: What to read.
        store: The edits.
        thread: Where the store is used.
        thorough: Whether to read on until every edit's cell is met.
        equal: When two values are the same; typed equality of JSON by default.

    Returns:
        The pages read.

    Raises:
        ClaroError: A page cannot be read.
    """
    counts = await thread.run(store.counts)
    unresolved = bool(await thread.run(store.count_unresolved))
    thorough = thorough or unresolved
    prospect = Prospect(counts.get(State.PLANNED, 0), thorough)
    scan = Scan(dataset)

    async def visit(page: Page) -> set[str]:
        met, unchanged, columns = await thread.run(_compare_page, store, page, unresolved, equal)
        prospect.met += met
        prospect.unchanged += unchanged
        return columns

    def goes_on() -> bool:
        return not scan.pages or prospect.pays(scan.total_pages - scan.place)

    complete = await scan.run(visit, goes_on, thorough=thorough)
    if unresolved:
        await thread.run(store.coalesce)
    if complete:
        await thread.run(store.fail_unread, "no such cell was found by reading the dataset")
    return scan.pages


def _compare_page(
    store: Store,
    page: Page,
    unresolved: bool,  # noqa: FBT001 - handed through a thread, by position
    equal: Equal | None,
) -> tuple[int, int, set[str]]:
    if unresolved:
        _resolve(store, page)
    cells = {cell.cell_id: cell for row in page.rows for cell in row.structs}
    results: list[tuple[State, bytes, int]] = []
    columns: set[str] = set()
    unchanged = 0
    for entry in store.find(cells, State.PLANNED):
        cell, content = cells[entry.cell_id], entry.content
        columns.add(cell.column_id)
        present = _encode(cell.value)
        if equal is None:
            same = present == content or same_json(present, content)
        else:
            same = equal(cell.value, _decode(content))
        unchanged += same
        results.append((State.UNCHANGED if same else State.PLANNED, present, entry.seq))
    store.compare(results)
    return len(results), unchanged, columns


def _resolve(store: Store, page: Page) -> None:
    """Find the cells of edits that name a row and a column."""
    count = Counter(column.name for column in page.columns)
    names = {each.column_id: each.name for each in page.columns if count[each.name] == 1}
    cells: dict[tuple[str, str], CellStruct] = {}
    for cell in (cell for row in page.rows for cell in row.structs):
        if cell.column_id in names:
            cells.setdefault((cell.row_id, names[cell.column_id]), cell)
    for cell in (cell for row in page.rows for cell in row.structs):  # an id wins over a name
        cells[cell.row_id, cell.column_id] = cell
    unresolved = store.find_unresolved({row.row_id for row in page.rows})
    found = ((cells.get((row_id, column)), seq) for seq, row_id, column in unresolved)
    store.resolve([(cell.cell_id, seq) for cell, seq in found if cell is not None])


async def settle_by_reading(dataset: Dataset, store: EditStore, thread: StoreThread) -> int:
    """Find out what became of edits whose outcome is unknown; returns the pages read.

    A cell that holds the new value was updated; any other is to be sent again.
    """
    counts = await thread.run(store.counts)
    unknown = counts.get(State.UNKNOWN, 0)
    if not unknown:
        return 0
    scan = Scan(dataset)

    async def visit(page: Page) -> set[str]:
        nonlocal unknown
        columns, met = await thread.run(_settle_page, store, page)
        unknown -= met
        return columns

    await scan.run(visit, lambda: unknown > 0)
    await thread.run(store.move, State.UNKNOWN, State.PLANNED)  # cells that are gone: 404 tells
    return scan.pages


def _settle_page(store: EditStore, page: Page) -> tuple[set[str], int]:
    cells = {cell.cell_id: cell for row in page.rows for cell in row.structs}
    entries = store.find(cells, State.UNKNOWN)

    def state_of(entry: Entry) -> State:
        present = _encode(cells[entry.cell_id].value)
        return State.UPDATED if same_json(present, entry.content) else State.PLANNED

    store.settle_states([(state_of(entry), entry.seq) for entry in entries])
    return {cells[entry.cell_id].column_id for entry in entries}, len(entries)


async def read_pages(dataset: Dataset) -> AsyncGenerator[Page, None]:
    """All pages in order, the first alone: whoever refuses what it holds has asked for one only."""
    first = await dataset.rows(read_ahead=0)
    yield first
    if first.pagination.total_pages > 1:
        async with aclosing(dataset.rows(start_page=2, read_ahead=1).pages()) as pages:
            async for page in pages:
                yield page
