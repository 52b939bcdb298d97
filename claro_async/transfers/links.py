"""What uploads of a client know of links between cells and data sources.

After a lost reply, a link on the cell is taken for the upload's own only if it was not there
before. So what a cell was linked to is known before its file is sent: from the caller, or from a
read of the dataset that serves all uploads of a minute.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from contextlib import aclosing
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import attrs

from claro_async.errors import ClaroError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from types import EllipsisType

    from claro_async.paging.pages import Page

MAX_PAGES = 20
"""Pages of 1,000 rows that are read for links; a larger dataset is not read."""
_FRESH = 60.0  # seconds for which a read serves
_MAX_DATASETS = 16


@attrs.define
class _Read:
    """What was read of a dataset.

    Attributes:
        at: When.
        links: Data sources by the cell that they are linked to; None where it is too large.
        in_doubt: Cells that may have another link by now.
    """

    at: float
    links: dict[str, str] | None
    in_doubt: set[str] = attrs.Factory(set)


class UploadMemory:
    """What one client's uploads have read and made.

    Attributes:
        made: Ids of data sources that uploads are known to have made, the latest 10,000.
    """

    def __init__(self) -> None:
        self.made: deque[str] = deque(maxlen=10_000)
        self._reads: OrderedDict[str, _Read] = OrderedDict()
        self._turn = asyncio.Lock()
        self._cells: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    def turn_of(self, dataset_id: str, cell_id: str) -> asyncio.Lock:
        """One upload at a time to a cell: held while one is under way."""
        key = (dataset_id, cell_id)
        lock = self._cells.get(key)
        if lock is None:
            lock = self._cells[key] = asyncio.Lock()
        return lock

    async def link_of(
        self,
        dataset_id: str,
        cell_id: str,
        read: Callable[[], AsyncGenerator[Page, None]],
        now: float,
    ) -> str | EllipsisType | None:
        """The data source that a cell is linked to, as read within the last minute.

        Costs a request for each thousand rows, once a minute; none where that is known.

        Args:
            dataset_id: The dataset.
            cell_id: The cell.
            read: Reads the dataset's pages.
            now: A monotonic clock in seconds.

        Returns:
            An ellipsis where the dataset is too large, or cannot be read.
        """
        async with self._turn:
            found = self._reads.get(dataset_id)
            if found is None or now - found.at > _FRESH or cell_id in found.in_doubt:
                found = self._reads[dataset_id] = _Read(now, await _read_links(read()))
                self._reads.move_to_end(dataset_id)
                if len(self._reads) > _MAX_DATASETS:
                    self._reads.popitem(last=False)
            return ... if found.links is None else found.links.get(cell_id)

    def note_link(self, dataset_id: str, cell_id: str, datasource_id: str) -> None:
        """A data source was linked."""
        found = self._reads.get(dataset_id)
        if found is not None and found.links is not None:
            found.links[cell_id] = datasource_id

    def note_doubt(self, dataset_id: str, cell_id: str) -> None:
        """It is not known any more what a cell is linked to."""
        found = self._reads.get(dataset_id)
        if found is not None:
            found.in_doubt.add(cell_id)


async def _read_links(pages: AsyncGenerator[Page, None]) -> dict[str, str] | None:
    links: dict[str, str] = {}
    try:
        async with aclosing(pages):
            async for page in pages:
                if page.pagination.total_pages > MAX_PAGES:
                    return None
                links.update(links_on(page))
    except ClaroError:
        return None  # the upload itself will say what is wrong, if anything is
    return links


def links_on(page: Page) -> dict[str, str]:
    """Data sources by the cell that they are linked to."""
    return {
        cell.cell_id: cell.linked_datasource
        for row in page
        for cell in row.structs
        if cell.linked_datasource is not None
    }
