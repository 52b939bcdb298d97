"""Reading a dataset's present values against the edits of a store, a page a request.

Claro API v2, "Manage Dataset", section "Get Dataset Data": up to 1,000 rows a page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import msgspec

from claro_async.bulk.equality import same_json
from claro_async.bulk.store import State

if TYPE_CHECKING:
    from claro_async._dataset_reading import DatasetReading
    from claro_async.bulk.edits import Entry
    from claro_async.bulk.store import EditStore, StoreThread
    from claro_async.paging import CellStruct, Page

Equal: TypeAlias = Callable[[Any, Any], bool]
"""Whether a present value and a new one are the same."""

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


async def read_pages(dataset: DatasetReading) -> AsyncGenerator[Page, None]:
    """All pages in order; the first alone, so that a look at it costs one request."""
    first = await dataset.rows(read_ahead=0)
    yield first
    if first.pagination.total_pages > 1:
        async with aclosing(dataset.rows(start_page=2, read_ahead=1).pages()) as pages:
            async for page in pages:
                yield page


@attrs.define
class Reading:
    """How far a reading has come, and whether to go on.

    Attributes:
        wanted: Cells that there are edits for.
        thorough: Whether all of them must be found, whatever that costs.
        pages: Pages read.
        total_pages: Pages that there are.
        met: Cells of edits that were met.
        unchanged: Of these, those that have the new value already.
    """

    wanted: int
    thorough: bool
    pages: int = 0
    total_pages: int = 1
    met: int = 0
    unchanged: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing more to read."""
        return self.pages >= self.total_pages

    @property
    def pays(self) -> bool:
        """Whether the next page is expected to save more requests than the one it costs.

        It holds a share of the edits that are not met yet, and of these the share that was
        unchanged so far is saved. Before anything was met, half is assumed.
        """
        if self.is_complete or self.met >= self.wanted:
            return False
        if self.thorough:
            return True
        edits_a_page = (self.wanted - self.met) / (self.total_pages - self.pages)
        share_unchanged = (self.unchanged + 1) / (self.met + 2)
        return edits_a_page * share_unchanged > 1


async def compare_with_present(
    dataset: DatasetReading,
    store: EditStore,
    thread: StoreThread,
    *,
    thorough: bool,
    equal: Equal | None = None,
) -> Reading:
    """Mark the planned edits that change nothing, and note what the others will replace.

    Args:
        dataset: What to read.
        store: The edits.
        thread: Where the store is used.
        thorough: Whether to read on until every edit's cell is met.
        equal: When two values are the same; typed equality of JSON by default.

    Raises:
        ClaroError: A page cannot be read.
    """
    counts = await thread.run(store.counts)
    unresolved = await thread.run(store.count_unresolved)
    reading = Reading(counts.get(State.PLANNED, 0), thorough or bool(unresolved))
    async with aclosing(read_pages(dataset)) as pages:
        async for page in pages:
            met, unchanged = await thread.run(_compare_page, store, page, bool(unresolved), equal)
            reading.pages += 1
            reading.total_pages = page.pagination.total_pages
            reading.met += met
            reading.unchanged += unchanged
            if not reading.pays:
                break
    if unresolved:
        await thread.run(store.coalesce)
    if reading.is_complete:
        await thread.run(store.fail_unread, "no such cell was found by reading the dataset")
    return reading


def _compare_page(
    store: EditStore,
    page: Page,
    unresolved: bool,  # noqa: FBT001 - handed through a thread, by position
    equal: Equal | None,
) -> tuple[int, int]:
    if unresolved:
        _resolve(store, page)
    cells = {cell.cell_id: cell for row in page.rows for cell in row.structs}
    results: list[tuple[State, bytes, int]] = []
    for entry in store.find(cells, State.PLANNED):
        present = _encode(cells[entry.cell_id].value)
        if equal is None:
            same = same_json(present, entry.content)
        else:
            same = equal(cells[entry.cell_id].value, _decode(entry.content))
        results.append((State.UNCHANGED if same else State.PLANNED, present, entry.seq))
    store.compare(results)
    return len(results), sum(state is State.UNCHANGED for state, _, _ in results)


def _resolve(store: EditStore, page: Page) -> None:
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


async def settle_by_reading(dataset: DatasetReading, store: EditStore, thread: StoreThread) -> int:
    """Find out what became of edits whose outcome is unknown; returns the pages read.

    A cell that holds the new value was updated; any other is to be sent again.
    """
    counts = await thread.run(store.counts)
    open_edits = counts.get(State.UNKNOWN, 0)
    pages_read = 0
    if not open_edits:
        return 0
    async with aclosing(read_pages(dataset)) as pages:
        async for page in pages:
            pages_read += 1
            open_edits -= await thread.run(_settle_page, store, page)
            if open_edits <= 0:
                return pages_read
    await thread.run(store.move, State.UNKNOWN, State.PLANNED)  # cells that are gone: 404 tells
    return pages_read


def _settle_page(store: EditStore, page: Page) -> int:
    cells = {cell.cell_id: cell for row in page.rows for cell in row.structs}
    entries = store.find(cells, State.UNKNOWN)

    def state_of(entry: Entry) -> State:
        present = _encode(cells[entry.cell_id].value)
        return State.UPDATED if same_json(present, entry.content) else State.PLANNED

    store.settle_states([(state_of(entry), entry.seq) for entry in entries])
    return len(entries)
