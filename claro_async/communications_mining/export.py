"""The stream of an export: every comment once, in order, from any position.

Communications Mining API v1, "Datasets", section "Export a dataset".
"""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import attrs

from claro_async.communications_mining.comments import ExportedComment, comments_of
from claro_async.communications_mining.continuation import Place, Position
from claro_async.communications_mining.models import CommentOrder
from claro_async.communications_mining.reading import read_in_turn, read_side_by_side
from claro_async.communications_mining.windows import find_bounds

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from claro_async._base_client import Core
    from claro_async.communications_mining.reading import Fetch, Fetched
    from claro_async.communications_mining.selection import Selection


class ExportStream:
    """What :meth:`Dataset.export` gives: comments with ``async for``, pages with :meth:`pages`.

    While a page is looked at, the next is on its way; leaving the loop early calls it off. A second
    loop goes on where the first was left. A comment whose uid was given before is left out, as far
    as the latest 16,384 uids tell.

    Attributes:
        duplicates: How many comments were left out.
    """

    def __init__(self, core: Core, fetch: Fetch, position: Position, windows: int) -> None:
        self._core = core
        self._fetch = fetch
        self._position = position
        self._windows = windows
        self.duplicates = 0

    @property
    def continuation(self) -> str | None:
        """Where the stream stands, for a later ``export(continuation=…)``; None at its end.

        Read within ``async for``, it counts the comment at hand as given; within ``pages()``, the
        page at hand. It holds the filters but no comment, only digests of uids, and is up to 6 KB
        long beside the ids of sources.
        """
        return self._position.write()

    async def __aiter__(self) -> AsyncIterator[ExportedComment]:
        async with aclosing(self._read()) as pages:
            async for fetched in pages:
                for comment in self._comments(fetched):
                    if self._is_new(comment):
                        yield comment
                self._position.place = fetched.following

    async def pages(self) -> AsyncGenerator[list[ExportedComment], None]:
        """The comments by page, in order; a page may be empty.

        Raises:
            ClaroError: See :mod:`claro_async.errors`.
        """
        async with aclosing(self._read()) as pages:
            async for fetched in pages:
                comments = [each for each in self._comments(fetched) if self._is_new(each)]
                self._position.place = fetched.following
                yield comments

    def _comments(self, fetched: Fetched) -> list[ExportedComment]:
        return comments_of(fetched.page, self._core.converter)

    def _is_new(self, comment: ExportedComment) -> bool:
        new = self._position.recent.add(comment.uid)
        self.duplicates += not new
        return new

    async def _read(self) -> AsyncGenerator[Fetched, None]:
        position = self._position
        if position.place is None:
            return
        if position.bounds is None:
            position.bounds = await self._find_bounds()
        runs = position.selection.requests(position.bounds)
        if not runs:
            position.place = None
            return
        read = read_side_by_side if position.bounds else read_in_turn
        async with aclosing(read(self._fetch, runs, position.place)) as pages:
            async for fetched in pages:
                yield fetched

    async def _find_bounds(self) -> tuple[datetime, ...]:
        """Where the time windows meet."""
        selection = self._position.selection
        now = datetime.fromtimestamp(self._core.clock.time(), UTC)
        return await find_bounds(self._first_time, selection, self._windows, now)

    async def _first_time(self, selection: Selection) -> datetime | None:
        """The time of the first comment that is selected, by which comments are in order."""
        (request,) = attrs.evolve(selection, page_size=1).requests(())
        async with aclosing(read_in_turn(self._fetch, [request], Place())) as pages:
            async for fetched in pages:
                for each in self._comments(fetched):
                    by_creation = selection.order_by == CommentOrder.CREATED_AT
                    return each.comment.created_at if by_creation else each.comment.timestamp
        return None
