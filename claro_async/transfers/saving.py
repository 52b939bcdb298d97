"""From the wire to where it is wanted."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from claro_async.transfers.fetching import Fetch, base_name
from claro_async.transfers.files import PartFile, path_in, write_all
from claro_async.transfers.transfer import DownloadResult

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

    from claro_async.transfers.files import Writable

    OnBytes = Callable[[int, int | None], None]


async def fetch_into(part: PartFile, fetch: Fetch, on_progress: OnBytes | None) -> None:
    """Fetch a file into a part file."""
    async with aclosing(fetch.pieces(rewindable=True)) as pieces:
        async for piece in pieces:
            if piece is None:
                await part.rewind()
            else:
                await part.write(piece)
            if on_progress is not None:
                on_progress(fetch.done, fetch.link.file_size)


async def fetch_blocks(fetch: Fetch, on_progress: OnBytes | None) -> AsyncGenerator[bytes, None]:
    """Fetch a file piece by piece."""
    async with aclosing(fetch.pieces(rewindable=False)) as pieces:
        async for piece in pieces:
            if piece is not None:
                yield piece
            if on_progress is not None:
                on_progress(fetch.done, fetch.link.file_size)


async def download(
    fetch: Fetch, target: str | os.PathLike[str] | Writable, on_progress: OnBytes | None
) -> DownloadResult:
    """Fetch a file to a path, into a folder, or to a file object.

    Raises:
        TransferError: It cannot be had whole; the target is as it was.
    """
    await fetch.begin()
    name = base_name(fetch.link.file_name, "download")
    if isinstance(target, str | os.PathLike):
        path = path_in(target, name)
        async with PartFile(path) as part:
            await fetch_into(part, fetch, on_progress)
            return DownloadResult(path, name, await part.commit())
    async with aclosing(fetch_blocks(fetch, on_progress)) as blocks:
        async for block in blocks:
            await asyncio.to_thread(write_all, target, block)
    return DownloadResult(None, name, fetch.done)


async def together(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Do all of it at once; the first failure ends the rest and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in work:
                group.create_task(part)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
