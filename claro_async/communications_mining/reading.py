"""Runs of pages: one after the other with one page ahead, or side by side by way of a disk.

Communications Mining API v1, "Datasets", section "Export a dataset": a page leads to the next by
its ``continuation``, until that is absent; an empty page may still have one.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from claro_async.communications_mining.comments import decode_page, uid_of
from claro_async.communications_mining.continuation import Place, TokenCheck
from claro_async.communications_mining.known_uids import RecentUids
from claro_async.errors import TransferError
from claro_async.storage.threads import in_thread
from claro_async.wire.tolerance import JSON_ERRORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claro_async._generated.communications_mining_api.models import ExportRequest
    from claro_async.communications_mining.comments import ExportPageStruct

Fetch: TypeAlias = Callable[["ExportRequest"], Awaitable[bytes]]
"""Sends a request and gives the body of its reply."""

_IN_MEMORY = 1 << 20
MAX_BARREN_PAGES = 1000
"""Pages in a row without a comment that is new, after which a server is not followed any more."""


class BarrenPages:
    """Notices a server that gives pages without end, and nothing new in them.

    Some empty pages are no end: a server may search so many comments for a page, and select none
    of them.
    """

    def __init__(self) -> None:
        self._row = 0

    def see(self, *, has_new: bool, is_last: bool) -> None:
        """Count a page.

        Args:
            has_new: Whether any comment of it is new.
            is_last: Whether no page follows.

        Raises:
            TransferError: It is one of too many.
        """
        self._row = 0 if has_new else self._row + 1
        if self._row >= MAX_BARREN_PAGES and not is_last:
            self._row = 0
            raise TransferError(
                f"the server gave {MAX_BARREN_PAGES:,} pages in a row without a new comment, and"
                " says that more follow; from the saved continuation, or with the same checkpoint,"
                " the export goes on"
            )


@attrs.frozen
class Fetched:
    """A page that was read.

    Attributes:
        content: Its body as it came.
        page: Its body decoded.
        following: The page after it, or None if it is the last of all runs.
    """

    content: bytes
    page: ExportPageStruct
    following: Place | None


async def read_in_turn(
    fetch: Fetch, runs: Sequence[ExportRequest], start: Place
) -> AsyncGenerator[Fetched, None]:
    """Read all pages of all runs; while one is worked on, the next is on its way.

    Args:
        fetch: Gets a page.
        runs: The first request of each run.
        start: The page to begin with.

    Raises:
        TransferError: The server leads in a circle.
    """
    place, check = start, TokenCheck(start.token)
    coming = asyncio.ensure_future(_read(fetch, runs, place))
    try:
        while True:
            content, page = await coming
            following = _after(place, page.continuation, len(runs))
            circular = False
            if following is not None:
                if following.run != place.run:
                    check = TokenCheck(None)
                elif check.repeats(following.token or ""):
                    circular = True
                if not circular:
                    coming = asyncio.ensure_future(_read(fetch, runs, following))
            yield Fetched(content, page, following)
            if circular:
                raise TransferError(
                    "the server gave a continuation that it had given before: the export cannot"
                    " go on from here"
                )
            if following is None:
                return
            place = following
    finally:
        await _call_off(coming)


async def _read(
    fetch: Fetch, runs: Sequence[ExportRequest], place: Place
) -> tuple[bytes, ExportPageStruct]:
    content = await fetch(attrs.evolve(runs[place.run], continuation=place.token))
    return content, decode_page(content)


def _after(place: Place, token: str | None, runs: int) -> Place | None:
    if token:
        return Place(place.run, token)
    return Place(place.run + 1) if place.run + 1 < runs else None


async def _call_off(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def read_side_by_side(
    fetch: Fetch, runs: Sequence[ExportRequest], start: Place
) -> AsyncGenerator[Fetched, None]:
    """Read all runs at once, and give their pages in the order of the runs.

    Pages that are not wanted yet wait in a temporary file, one for each run.

    Args:
        fetch: Gets a page.
        runs: The first request of each run.
        start: The page to begin with; earlier runs are not read.

    Raises:
        TransferError: The server leads in a circle.
    """
    spools = [Spool() for _ in runs[start.run :]]
    tasks = [
        asyncio.ensure_future(_fill(spool, fetch, runs, Place(run, token)))
        for run, (spool, token) in enumerate(
            zip(spools, [start.token, *([None] * len(spools))], strict=False), start.run
        )
    ]
    try:
        for spool in spools:
            async for fetched in spool.drain():
                yield fetched
            spool.close()
    finally:
        await _call_off(*tasks)
        for spool in spools:
            spool.close()


async def _fill(spool: Spool, fetch: Fetch, runs: Sequence[ExportRequest], start: Place) -> None:
    """Read one run into its spool, to its end or to an error."""
    only, error = runs[: start.run + 1], None
    recent, barren = RecentUids(), BarrenPages()
    try:
        async with aclosing(read_in_turn(fetch, only, start)) as pages:
            async for fetched in pages:
                following = fetched.following
                if following is None and start.run + 1 < len(runs):
                    following = Place(start.run + 1)
                await spool.put(fetched.content, following)
                has_new = _has_new_at_ends(fetched.page, recent)
                barren.see(has_new=has_new, is_last=fetched.following is None)
    except Exception as failure:  # noqa: BLE001 - raised where the run's pages are asked for
        error = failure
    spool.end(error)


def _has_new_at_ends(page: ExportPageStruct, recent: RecentUids) -> bool:
    """Whether a page's first or last comment is new; all are compared when the page is given."""
    ends = (page.comments[0], page.comments[-1]) if page.comments else ()
    has_new = False
    for raw in ends:
        try:
            uid = uid_of(bytes(raw))
        except JSON_ERRORS:
            continue  # raised where the page is given
        if uid not in recent:
            recent.add(uid)
            has_new = True
    return has_new


class Spool:
    """Pages on their way from the task that reads them to the one that gives them, in a file."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by close()
        self._waiting: deque[tuple[int, int, Place | None]] = deque()
        self._size = 0
        self._access = asyncio.Lock()
        self._changed = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None

    async def put(self, content: bytes, following: Place | None) -> None:
        """Add a page."""
        async with self._access:
            await in_thread(self._write, content)
        self._waiting.append((self._size, len(content), following))
        self._size += len(content)
        self._changed.set()

    def end(self, error: Exception | None) -> None:
        """Say that no page follows, or what kept the next from coming."""
        self._ended, self._error = True, error
        self._changed.set()

    async def drain(self) -> AsyncGenerator[Fetched, None]:
        """The pages, as they come, until the end; what kept the next from coming is raised."""
        while True:
            while not self._waiting:
                if self._error is not None:
                    raise self._error
                if self._ended:
                    return
                self._changed.clear()
                await self._changed.wait()
            start, length, following = self._waiting.popleft()
            async with self._access:
                content = await in_thread(self._read, start, length)
            yield Fetched(content, decode_page(content), following)

    def close(self) -> None:
        """Give the file back; harmless a second time."""
        self._file.close()

    def _write(self, content: bytes) -> None:
        self._file.seek(self._size)
        self._file.write(content)

    def _read(self, start: int, length: int) -> bytes:
        self._file.seek(start)
        return self._file.read(length)
