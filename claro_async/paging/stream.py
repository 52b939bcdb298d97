"""Paged listings: bounded read-ahead, items one by one or page by page.

Claro API v2, "Manage Dataset", sections "List All Datasets" and "Get Dataset Data"; "Manage Data
Source", sections "List All Data Sources" and "Get Data Source Data".
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Generator,
        Iterable,
    )

    from claro_async.models import Pagination
    from claro_async.wire.replies import HttpReply


T = TypeVar("T")

MAX_LIST_LIMIT = 100

MAX_DATA_LIMIT = 1000

READ_AHEAD = 2

MAX_LINK_SECONDS = 86_400


class _Counted(Protocol):
    @property
    def pagination(self) -> Pagination: ...


P = TypeVar("P", bound=_Counted)


class PagedStream(Generic[P, T]):
    """What a paged listing gives: items with ``async for``, pages with :meth:`pages`.

    Awaiting it gives the first page. While a page is looked at, up to `read_ahead` further ones are
    already on their way; leaving the loop early calls them off.

    Args:
        fetch: Reads a page.
        decode: Makes the page when it is its turn: until then its bytes take less memory.
        items: What a page holds.
        first_page: The page to begin with.
        read_ahead: Pages to read ahead.
    """

    def __init__(
        self,
        fetch: Callable[[int], Awaitable[HttpReply]],
        decode: Callable[[HttpReply], P],
        items: Callable[[P], Iterable[T]],
        *,
        first_page: int = 1,
        read_ahead: int = READ_AHEAD,
    ) -> None:
        self._fetch = fetch
        self._decode = decode
        self._items = items
        self._first_page = first_page
        self._read_ahead = read_ahead

    def __await__(self) -> Generator[Any, None, P]:
        return self.first().__await__()

    async def first(self) -> P:
        """The first page."""
        return self._decode(await self._fetch(self._first_page))

    async def __aiter__(self) -> AsyncIterator[T]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for item in self._items(page):
                    yield item

    async def pages(self) -> AsyncGenerator[P, None]:
        """The pages in order; at least one, which may be empty."""
        page = await self.first()
        coming: deque[asyncio.Task[HttpReply]] = deque()
        number = self._first_page + 1
        try:
            while True:
                last = page.pagination.total_pages
                while len(coming) < self._read_ahead and number <= last:
                    coming.append(asyncio.ensure_future(self._fetch(number)))
                    number += 1
                yield page
                if coming:
                    page = self._decode(await coming.popleft())
                elif number <= last:
                    page = self._decode(await self._fetch(number))
                    number += 1
                else:
                    return
        finally:
            for task in coming:
                task.cancel()
            if coming:
                await asyncio.gather(*coming, return_exceptions=True)
