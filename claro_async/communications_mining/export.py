"""The stream of an export: every comment once, in order, from any position.

Communications Mining API v1, "Datasets", section "Export a dataset".
"""

from __future__ import annotations

from contextlib import aclosing
from http import HTTPStatus
from typing import TYPE_CHECKING

from claro_async.communications_mining.comments import ExportedComment, comments_of
from claro_async.communications_mining.known_uids import StoredUids
from claro_async.communications_mining.reading import (
    BarrenPages,
    read_in_turn,
    read_side_by_side,
)
from claro_async.communications_mining.time_ranges import FirstTimes
from claro_async.errors import APIStatusError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from datetime import datetime

    from claro_async._core import Core
    from claro_async.communications_mining.continuation import Position
    from claro_async.communications_mining.reading import Fetch, Fetched

_NO_MATTER_OF_TOKENS = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
)


class ExportStream:
    """What :meth:`Dataset.export` gives: comments with ``async for``, pages with :meth:`pages`.

    While a page is worked on, the next is on its way; leaving the loop early calls it off. A second
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
        self._not_given: set[str] = set()
        self._barren = BarrenPages()
        self.duplicates: int = 0

    @property
    def continuation(self) -> str | None:
        """Where the stream stands, for a later ``export(continuation=…)``; None at its end.

        Read within ``async for``, it counts the comment of this pass as given; within ``pages()``,
        the page of this pass. It holds the filters but no comment, only digests of uids: at least
        the latest 256, and up to 2,048 where so many comments have the time of the latest. It is up
        to 6 KB long, or 34 KB in that case, beside the ids of sources.
        """
        return self._position.write()

    async def __aiter__(self) -> AsyncIterator[ExportedComment]:
        async with aclosing(self._read()) as pages:
            async for fetched in pages:
                comments = comments_of(fetched.page, self._core.converter)
                for uid, comment in (await self._new(comments)).items():
                    self._give(uid)
                    yield comment
                self._move(fetched, comments)

    async def pages(self) -> AsyncGenerator[list[ExportedComment], None]:
        """The comments by page, in order; a page may be empty.

        Raises:
            ClaroError: See :mod:`claro_async.errors`.
        """
        async with aclosing(self._read()) as pages:
            async for fetched in pages:
                comments = comments_of(fetched.page, self._core.converter)
                new = await self._new(comments)
                for uid in new:
                    self._give(uid)
                self._move(fetched, comments)
                yield list(new.values())

    async def _new(self, comments: list[ExportedComment]) -> dict[str, ExportedComment]:
        """Those of the comments that were not given before, by uid."""
        recent, new = self._position.recent, dict[str, ExportedComment]()
        for comment in comments:
            if comment.uid not in recent and comment.uid not in new:
                new[comment.uid] = comment
        if self._position.since is not None:
            new = {uid: each for uid, each in new.items() if not self._is_before_since(each)}
        if self._stored is not None:
            # what was not given, since the loop was left, is not known
            for uid in await self._stored.add(list(new), forget=list(self._not_given)):
                del new[uid]
            self._not_given = set(new)
        self.duplicates += len(comments) - len(new)
        return new

    def _is_before_since(self, comment: ExportedComment) -> bool:
        """Whether a comment is of a time that was given before the run was begun again.

        A server may honour ``from`` by the second or by the day only.
        """
        since, time = self._position.since, self._time_of(comment)
        return since is not None and time is not None and time < since

    def _give(self, uid: str) -> None:
        self._position.recent.add(uid)
        self._position.given += 1
        self._not_given.discard(uid)

    def _move(self, fetched: Fetched, comments: list[ExportedComment]) -> None:
        has_new = self._position.given > 0
        self._position.move(fetched.following, comments, self._time_of)
        self._barren.see(has_new=has_new, is_last=fetched.following is None)

    def _time_of(self, comment: ExportedComment) -> datetime | None:
        return comment.sorting_time(self._position.selection.order_by)

    async def _read(self) -> AsyncGenerator[Fetched, None]:
        position = self._position
        if position.place is not None and position.bounds is None:
            probes = FirstTimes(self._fetch, self._core.converter)
            now = self._core.clock.time()
            position.bounds = await probes.find_bounds(position.selection, now)
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


def _may_be_of_token(error: APIStatusError) -> bool:
    """Whether a rejection may be about the continuation: which one is, is not documented."""
    return error.status < HTTPStatus.INTERNAL_SERVER_ERROR and (
        error.status not in _NO_MATTER_OF_TOKENS
    )
