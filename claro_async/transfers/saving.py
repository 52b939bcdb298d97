"""From the wire to where it is wanted."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claro_async.storage.atomic import AtomicFile
from claro_async.storage.target import TargetKind
from claro_async.transfers.fetching import Fetch, base_name
from claro_async.transfers.sinks import Sink, open_target
from claro_async.transfers.transfer import DownloadResult

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

    from claro_async.storage.blocks import Writable
    from claro_async.storage.growing import GrowingFile

    OnBytes = Callable[[int, int | None], None]


async def fetch_into(part: GrowingFile, fetch: Fetch, on_bytes: OnBytes | None) -> None:
    """Fetch a file into one that grows."""
    async with aclosing(fetch.pieces(rewindable=True)) as pieces:
        async for piece in pieces:
            if piece is None:
                await part.rewind()
            else:
                await part.write(piece)
            if on_bytes is not None:
                on_bytes(fetch.done, fetch.link.file_size)


async def fetch_blocks(fetch: Fetch, on_bytes: OnBytes | None) -> AsyncGenerator[bytes, None]:
    """Fetch a file piece by piece."""
    async with aclosing(fetch.pieces(rewindable=False)) as pieces:
        async for piece in pieces:
            if piece is not None:
                yield piece
            if on_bytes is not None:
                on_bytes(fetch.done, fetch.link.file_size)


async def fetch_whole(fetch: Fetch) -> bytes:
    """Fetch a file into memory."""
    found: list[bytes] = []
    async with aclosing(fetch.pieces(rewindable=True)) as pieces:
        async for piece in pieces:
            if piece is None:
                found.clear()
            else:
                found.append(piece)
    return b"".join(found)


async def download(
    fetch: Fetch, target: str | os.PathLike[str] | Writable, on_bytes: OnBytes | None
) -> DownloadResult:
    """Fetch a file to a path, into a folder, or to a file object, pipe or device.

    Raises:
        OSError: The target cannot be written; nothing is sent.
        TransferError: It cannot be had whole; the target is as it was.
    """
    place = await open_target(target)
    if isinstance(place, Sink):
        path = Path(target) if isinstance(target, str | os.PathLike) else None
        async with place, aclosing(fetch_blocks(fetch, on_bytes)) as blocks:
            async for block in blocks:
                await place.write(block)
        return DownloadResult(path=path, file_name=_name_of(fetch), size=place.size)
    if place.kind is TargetKind.FOLDER:
        await fetch.begin()
    path = place.file(_name_of(fetch) if place.kind is TargetKind.FOLDER else "")
    async with AtomicFile(path) as part:
        await fetch_into(part, fetch, on_bytes)
        size = await part.commit()
    return DownloadResult(path=path, file_name=_name_of(fetch), size=size)


def _name_of(fetch: Fetch) -> str:
    return base_name(fetch.link.file_name, "download")


async def together(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Do all of it at once; the first failure ends the rest and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in work:
                group.create_task(part)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
