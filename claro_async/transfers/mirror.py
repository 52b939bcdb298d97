"""A folder that follows a listing: a file for each item, and a manifest of what is done.

What the manifest lists, and what is there in full size, is not fetched again unless it changed. The
order of steps holds whatever ends the process: the manifest says which files are about to be
replaced, a file takes its place when it is whole, and the manifest names it after that.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs
import msgspec

from claro_async.errors import ClaroError, NotFoundError
from claro_async.storage.threads import in_thread
from claro_async.transfers.batch import TransferReport, run_batch
from claro_async.transfers.manifest import MANIFEST, FileEntry, Manifest, only_writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable

    from claro_async.transfer_options import TransferOptions
    from claro_async.transfers.manifest import ManifestKind

S = TypeVar("S")
E = TypeVar("E", bound=FileEntry)


@attrs.define(kw_only=True)
class MirrorReport(TransferReport[E], Generic[E]):
    """What became of every item of a listing; ``results`` are manifest entries by id.

    Attributes:
        manifest: Where the manifest is.
        gone: Items of earlier runs that there are no longer; not part of the counts. Their files
            and entries stay: once a file is removed, its entry goes with the next run.
    """

    manifest: Path = Path(MANIFEST)
    gone: list[E] = attrs.Factory(list)


class Mirror(ABC, Generic[S, E]):
    """Brings a folder up to what a listing says.

    Args:
        folder: Where the files go.
        kind: What the manifest lists.
        listing: The items.
        read_one: Reads an item by its id; raises where there is none.
        options: How to do it.
        monotonic: A clock in seconds.
    """

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        folder: Path,
        *,
        kind: ManifestKind[E],
        listing: AsyncIterable[S],
        read_one: Callable[[str], Awaitable[object]],
        options: TransferOptions,
        monotonic: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._manifest = Manifest(folder, kind)
        self._listing = listing
        self._read_one = read_one
        self._options = options
        self._monotonic = monotonic

    @abstractmethod
    def item(self, summary: S) -> tuple[str, str]:
        """Id and name of an item."""

    @abstractmethod
    def is_wanted(self, summary: S) -> bool:
        """Whether the item is one of those that were asked for."""

    @abstractmethod
    def keep(self, entry: E, summary: S) -> bool:
        """Whether what was fetched stays; notes in the report that it does."""

    @abstractmethod
    def name_of_file(self, item_id: str, name: str, entry: E | None) -> str:
        """What the item's file is called; the name that it has already where that fits."""

    @abstractmethod
    async def fetch(self, item_id: str, name: str, path: Path) -> E:
        """Fetch the item to a path."""

    async def bring_up(self, report: MirrorReport[E]) -> None:
        """Fetch what is missing or changed.

        Raises:
            BulkUpdateError: A fetch failed, and ``on_error`` is ``raise``.
            TransferError: The folder holds something else, or another call writes it.
        """
        async with only_writer(self._folder):
            manifest = self._manifest
            report.manifest = manifest.path
            await manifest.read()
            missing = await self._compare(report)
            await manifest.begin(item_id for item_id, _ in missing)

            async def fetch(item_id: str, name: str) -> E:
                file = self.name_of_file(item_id, name, manifest.entries.get(item_id))
                entry = await self.fetch(item_id, name, self._folder / file)
                await manifest.note(entry)
                return entry

            await run_batch(report, missing, fetch, self._options, self._monotonic)

    async def _compare(self, report: MirrorReport[E]) -> list[tuple[str, Any]]:
        """What has to be fetched; notes what there is no longer."""
        entries = self._manifest.entries
        missing: list[tuple[str, Any]] = []
        not_listed = dict(entries)
        async for summary in self._listing:
            item_id, name = self.item(summary)
            entry = not_listed.pop(item_id, None)
            if not self.is_wanted(summary):
                continue
            if entry is not None and entry.gone:
                entry = entries[item_id] = msgspec.structs.replace(entry, gone=False)
            kept = entry is not None and await self._manifest.is_there(entry)
            if not kept or entry is None or not self.keep(entry, summary):
                missing.append((item_id, name))
        for entry in not_listed.values():
            if not await self._is_gone(entry):
                missing.append((entry.item_id, entry.name))
            elif await in_thread((self._folder / entry.file).exists):
                entries[entry.item_id] = msgspec.structs.replace(entry, gone=True)
                report.gone.append(entries[entry.item_id])
            else:
                del entries[entry.item_id]
        return missing

    async def _is_gone(self, entry: E) -> bool:
        """Whether an item that was not listed is not there: a listing may miss one meanwhile."""
        if entry.gone:
            return True
        try:
            await self._read_one(entry.item_id)
        except NotFoundError:
            return True
        except ClaroError:
            pass  # to fetch it will say what is wrong
        return False


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex; blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
