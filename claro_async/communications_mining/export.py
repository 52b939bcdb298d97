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

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from communications_mining_api.models import ExportRequest

    from claro_async._core import Core
    from claro_async.communications_mining.reading import Fetch, Fetched

_SPAN_OF_SECONDS = 60.0


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
        """Where the time windows meet: evenly between the first comment and the last moment."""
        selection = self._position.selection
        (request,) = selection.requests(())
        first = await self._first_comment(request)
        if first is None:
            return ()
        by_creation = selection.order_by == CommentOrder.CREATED_AT
        start = first.comment.created_at if by_creation else first.comment.timestamp
        end = selection.to or datetime.fromtimestamp(self._core.clock.time(), UTC)
        return cut(start.astimezone(UTC), end, self._windows)

    async def _first_comment(self, request: ExportRequest) -> ExportedComment | None:
        one = attrs.evolve(request, limit=1)
        async with aclosing(read_in_turn(self._fetch, [one], Place())) as pages:
            async for fetched in pages:
                comments = self._comments(fetched)
                if comments:
                    return comments[0]
        return None


def cut(start: datetime, end: datetime, windows: int) -> tuple[datetime, ...]:
    """Where so many windows of equal length meet; fewer where the time is too short for them.

    Both windows include the moment where they meet. It is never a whole second, where the comments
    of an import may pile up.
    """
    step = (end - start) / windows
    if step.total_seconds() < _SPAN_OF_SECONDS:
        return ()
    return tuple((start + step * at).replace(microsecond=499_999) for at in range(1, windows))
