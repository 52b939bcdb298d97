"""Paged listings: bounded read-ahead, items one by one or page by page.

Claro API v2, "Manage Dataset", sections "List All Datasets" and "Get Dataset Data"; "Manage Data
Source", sections "List All Data Sources" and "Get Data Source Data". Every walk over pages is
checked by the rules of :mod:`claro_async.paging.checks`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from claro_async.paging.checks import WalkCheck

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator

    from claro_async.paging.sources import PageSource
    from claro_async.wire.replies import HttpReply


P = TypeVar("P")
T = TypeVar("T")

MAX_LIST_LIMIT = 100

MAX_DATA_LIMIT = 1000

READ_AHEAD = 2

MAX_LINK_SECONDS = 86_400


class PagedStream(Generic[P, T]):
    """What a paged listing gives: items with ``async for``, pages with :meth:`pages`.

    Awaiting it gives the first page. While a page is looked at, up to `read_ahead` further ones are
    already on their way; leaving the loop early calls them off.

    Args:
        source: Where the pages come from.
        start_page: The page to begin with.
        end_page: The last page to read; all that there are when left out.
        read_ahead: Pages to read ahead.
    """

    def __init__(
        self,
        source: PageSource[P, T],
        *,
        start_page: int = 1,
        end_page: int | None = None,
        read_ahead: int = READ_AHEAD,
    ) -> None:
        self._source = source
        self._start_page = start_page
        self._end_page = end_page
        self._read_ahead = read_ahead

    def __await__(self) -> Generator[Any, None, P]:
        return self.first().__await__()

    async def first(self) -> P:
        """The first page.

        Raises:
            DecodeError: It cannot be read, or is another page than the one asked for.
        """
        number = self._start_page
        check = WalkCheck(name=self._source.name)
        return self._read(await self._source.fetch(number), number, check)

    async def __aiter__(self) -> AsyncIterator[T]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for item in self._source.items(page):
                    yield item
                del page

    async def pages(self, *, strict: bool = False) -> AsyncGenerator[P, None]:
        """The pages in order; at least one, which may be empty.

        To drop a page (`del page`) before the next one saves up to a third of the CPU: the next one
        is made of its memory, which the processor still has in its cache.

        Args:
            strict: Whether it is an error that items may have been missed, since some were deleted
                while the pages were read; it is logged otherwise.

        Raises:
            DecodeError: A page cannot be read, is another than the one asked for, or lacks items.
            TransferError: Items may have been missed, and `strict` is set.
        """
        check = WalkCheck(name=self._source.name, strict=strict)
        number = asked = self._start_page
        page = self._read(await self._source.fetch(number), number, check)
        coming: deque[asyncio.Task[HttpReply]] = deque()
        try:
            while True:
                last = self._last(page)
                while len(coming) < self._read_ahead and asked < last:
                    asked += 1
                    coming.append(asyncio.ensure_future(self._source.fetch(asked)))
                # the requests go out even if whoever looks at the page gives no other task a turn
                await asyncio.sleep(0)
                yield page
                del page
                number += 1
                if number > last:
                    break
                asked = max(asked, number)
                page = self._read(
                    await (coming.popleft() if coming else self._source.fetch(number)),
                    number,
                    check,
                )
        finally:
            for task in coming:
                task.cancel()
            if coming:
                await asyncio.gather(*coming, return_exceptions=True)
        if self._source.counts_all and (self._end_page is None or number <= self._end_page):
            check.end()

    def _last(self, page: P) -> int:
        last = self._source.pagination(page).total_pages
        return last if self._end_page is None else min(last, self._end_page)

    def _read(self, reply: HttpReply, number: int, check: WalkCheck) -> P:
        """Decode a page when it is its turn: until then its bytes take less memory."""
        source = self._source
        page = source.decode(reply, number, check.seen)
        pagination, keys = source.pagination(page), source.keys(page)
        repeated = check.add(number, pagination, source.count(page), keys)
        if repeated:
            source.leave_out(page, repeated)
        return page
