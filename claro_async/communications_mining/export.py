"""The stream of an export: every comment once, in order, from any position.

Communications Mining API v1, "Datasets", section "Export a dataset".
"""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import attrs

from claro_async.communications_mining.comments import (
    ExportedComment,
    comments_of,
    decode_page,
    moment_of,
)
from claro_async.communications_mining.known_uids import StoredUids, digest_of
from claro_async.communications_mining.reading import (
    BarrenPages,
    read_in_turn,
    read_side_by_side,
)
from claro_async.communications_mining.time_ranges import find_bounds
from claro_async.errors import APIStatusError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from claro_async._base_client import Core
    from claro_async.communications_mining.continuation import Position
    from claro_async.communications_mining.reading import Fetch, Fetched
    from claro_async.communications_mining.selection import Selection

_MAX_PROBED_PAGES = 4
_NO_MATTER_OF_TOKENS = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
)


class ExportStream:
    """What :meth:`Dataset.export` gives: comments with ``async for``, pages with :meth:`pages`.

    While a page is looked at, the next is on its way; leaving the loop early calls it off. A second
    loop goes on where the first was left.

    A comment whose uid was given before is left out: as far as the latest 16,384 uids tell where
    there is one run of pages, and without a limit where time ranges are read side by side.

    Where the server no longer takes a continuation, the stream begins again at the time of the
    latest comment and leaves out what was given; where that cannot be done without losing or
    doubling a comment, the server's error is raised.

    Attributes:
        duplicates: How many comments were left out.
    """

    def __init__(
        self, core: Core, fetch: Fetch, position: Position, stored: StoredUids | None = None
    ) -> None:
        """Make a stream.

        Args:
            core: The client's parts.
            fetch: Gets a page.
            position: Where to begin.
            stored: All comments that were given; None where the latest are enough.
        """
        self._core = core
        self._fetch = fetch
        self._position = position
        self._stored = stored
        if stored is None and position.selection.windows > 1:
            self._stored = StoredUids()
        self._to_store: list[bytes] = []
        self._barren = BarrenPages()
        self.duplicates = 0

    @property
    def continuation(self) -> str | None:
        """Where the stream stands, for a later ``export(continuation=…)``; None at its end.

        Read within ``async for``, it counts the comment of this turn as given; within ``pages()``,
        the page of this turn. It holds the filters but no comment, only digests of uids: at least
        the latest 256, and up to 2,048 where so many comments have the time of the latest. It is up
        to 6 KB long, or 34 KB in that case, beside the ids of sources.
        """
        return self._position.write()

    async def __aiter__(self) -> AsyncIterator[ExportedComment]:
        async with aclosing(self._read()) as pages:
            async for fetched in pages:
                comments, times = self._comments(fetched)
                for digest, comment in (await self._new(comments, times)).items():
                    self._give(digest)
                    yield comment
                self._move(fetched, times)

    async def pages(self) -> AsyncGenerator[list[ExportedComment], None]:
        """The comments by page, in order; a page may be empty.

        Raises:
            ClaroError: See :mod:`claro_async.errors`.
        """
        async with aclosing(self._read()) as pages:
            async for fetched in pages:
                comments, times = self._comments(fetched)
                new = await self._new(comments, times)
                for digest in new:
                    self._give(digest)
                self._move(fetched, times)
                yield list(new.values())

    def _comments(self, fetched: Fetched) -> tuple[list[ExportedComment], list[Any]]:
        order = self._position.selection.order_by
        return comments_of(fetched.page, self._core.converter, order)

    async def _new(
        self, comments: list[ExportedComment], times: list[Any]
    ) -> dict[bytes, ExportedComment]:
        """Those of the comments that were not given before, by digest of their uids."""
        recent, since = self._position.recent, self._position.since
        new: dict[bytes, ExportedComment] = {}
        for comment, time in zip(comments, times, strict=True):
            digest = digest_of(comment.uid)
            if digest not in recent and digest not in new and not self._is_before(time, since):
                new[digest] = comment
        if self._stored is not None:
            if self._to_store:
                await self._stored.add(self._to_store)
                self._to_store = []
            for digest in await self._stored.known(list(new)):
                del new[digest]
        self.duplicates += len(comments) - len(new)
        return new

    def _is_before(self, time: Any, since: datetime | None) -> bool:
        """Whether a comment is of a time that was given before the run was begun again.

        A server may honour ``from`` by the second or by the day only.
        """
        if since is None:
            return False
        moment = self._to_moment(time)
        return moment is not None and moment < since

    def _give(self, digest: bytes) -> None:
        self._position.recent.add(digest)
        self._position.given += 1
        if self._stored is not None:
            self._to_store.append(digest)

    def _move(self, fetched: Fetched, times: list[Any]) -> None:
        new = self._position.given
        self._position.move(fetched.following, times, self._to_moment)
        self._barren.see(new, is_last=fetched.following is None)

    def _to_moment(self, time: Any) -> datetime | None:
        return moment_of(time, self._core.converter)

    async def _read(self) -> AsyncGenerator[Fetched, None]:
        position = self._position
        if position.place is not None and position.bounds is None:
            position.bounds = await self._find_bounds()
        may_begin_again = True
        while position.place is not None:
            runs = position.requests()
            if not runs:
                position.place = None
                return
            read = read_side_by_side if position.bounds else read_in_turn
            try:
                async with aclosing(read(self._fetch, runs, position.place)) as pages:
                    async for fetched in pages:
                        yield fetched
                        may_begin_again = True
            except APIStatusError as error:
                if not (may_begin_again and _may_be_of_token(error) and self._begin_again(error)):
                    raise
                may_begin_again = False

    def _begin_again(self, error: APIStatusError) -> bool:
        """Whether the stream goes on without the token that the server does not take."""
        had_token = self._position.place is not None and self._position.place.token is not None
        if self._position.begin_run_again(knows_all=self._stored is not None):
            return True
        if had_token:
            error.add_note(
                "if the continuation has expired, export again without it: remove the checkpoint,"
                " where there is one"
            )
        return False

    async def _find_bounds(self) -> tuple[datetime, ...]:
        """Where the time ranges meet."""
        selection = self._position.selection
        now = datetime.fromtimestamp(self._core.clock.time(), UTC)
        return await find_bounds(self._first_time, selection, selection.windows, now)

    async def _first_time(self, selection: Selection) -> datetime | None:
        """The time of the first comment that is selected, by which comments are in order."""
        (request,) = attrs.evolve(selection, limit=1).requests(())
        for _ in range(_MAX_PROBED_PAGES):
            page = decode_page(await self._fetch(request))
            _, times = comments_of(page, self._core.converter, selection.order_by)
            if times:
                return self._to_moment(times[0])
            if not page.continuation:
                return None
            request = attrs.evolve(request, continuation=page.continuation)
        return None


def _may_be_of_token(error: APIStatusError) -> bool:
    """Whether a rejection may be about the continuation: which one is, is not documented."""
    return error.status < HTTPStatus.INTERNAL_SERVER_ERROR and (
        error.status not in _NO_MATTER_OF_TOKENS
    )
