"""The manifest of a folder that holds a file for each dataset, or for each data source."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

import attrs
import msgspec

from claro_async._version import __version__
from claro_async.errors import TransferError
from claro_async.storage.atomic import AtomicFile
from claro_async.storage.locks import FileLock, InUseError
from claro_async.storage.threads import in_thread, open_in_thread
from claro_async.transfers.fetching import base_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable
    from pathlib import Path

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
"""Counts the ways in which rows became files; a file that was made in another way is made anew."""

_VERSION = 3
_LONGEST_ID = 80


class ExportSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What decides how an exported file looks, beside the dataset.

    Attributes:
        include_metadata: As for ``Dataset.export``.
        on_type_error: As for ``Dataset.export``.
        cell_ids: As for ``Dataset.export``.
    """

    include_metadata: bool
    on_type_error: str
    cell_ids: bool = False


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the folder.

    Attributes:
        name: Its name.
        file: The file's name in the folder.
        size: The file's size in bytes.
        sha256: The file's SHA-256, in hex.
        client: The version of this package that did it.
        replacing: Whether a run began to replace the file and did not come to note that it had.
        gone: Whether there is no such dataset or data source any more.
    """

    name: str
    file: str
    size: int
    sha256: str
    client: str = __version__
    replacing: bool = False
    gone: bool = False

    @property
    def item_id(self) -> str:
        """The id of what it was made of."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The entry as it stands in the manifest."""
        entry: dict[str, Any] = msgspec.to_builtins(self)
        return entry


class ManifestEntry(FileEntry, frozen=True, kw_only=True):
    """A dataset that was exported.

    Attributes:
        dataset_id: The dataset.
        rows: Rows.
        updated_at: When the dataset had been changed last, as the server gave it.
        options: How it was exported.
        read_at: The server's time when its export began; None where that is not known.
        schema_version: The way in which rows became a file.
    """

    dataset_id: str
    rows: int
    updated_at: str | None
    options: ExportSettings
    read_at: str | None = None
    schema_version: int = SCHEMA_VERSION

    @property
    def item_id(self) -> str:
        """The dataset's id."""
        return self.dataset_id


class DownloadEntry(FileEntry, frozen=True, kw_only=True):
    """A data source that was downloaded.

    Attributes:
        datasource_id: The data source.
        content_type: Its content type.
        uploaded_at: When it was uploaded, as the server gave it.
    """

    datasource_id: str
    content_type: str
    uploaded_at: str

    @property
    def item_id(self) -> str:
        """The data source's id."""
        return self.datasource_id


E = TypeVar("E", bound=FileEntry)


class _Head(msgspec.Struct):
    """What every version of the manifest has."""

    version: int
    format: str


@attrs.frozen(kw_only=True)
class ManifestKind(Generic[E]):
    """What a manifest lists.

    Attributes:
        entry: The class of its entries.
        items: What they are called in the file.
        format: The format of all files.
        title: What the folder holds, for messages.
    """

    entry: type[E]
    items: str
    format: str
    title: str


class Manifest(Generic[E]):
    """The manifest file, written anew after each file that is whole.

    Args:
        folder: Where it is.
        kind: What it lists.

    Attributes:
        path: Where the manifest is.
        entries: What it lists, by id.
    """

    def __init__(self, folder: Path, kind: ManifestKind[E]) -> None:
        self.path: Path = folder / MANIFEST
        self.entries: dict[str, E] = {}
        self._kind = kind
        self._turn = asyncio.Lock()

    async def read(self) -> None:
        """Take over what an earlier run has noted.

        Raises:
            TransferError: Not a manifest, or one of another kind, or of a later version.
        """
        found = await in_thread(self._read)
        self.entries = {entry.item_id: entry for entry in found}

    def _read(self) -> list[E]:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        try:
            head = msgspec.json.decode(content, type=_Head)
            self._check(head)
            if head.version < _VERSION:
                return []
            parts = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
            raw = parts.get(self._kind.items, msgspec.Raw(b"null"))
            return msgspec.json.decode(raw, type=list[self._kind.entry])  # type: ignore[name-defined]
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TransferError(f"{self.path} is no manifest of an export: {error}") from None

    def _check(self, head: _Head) -> None:
        if head.version > _VERSION:
            raise TransferError(f"{self.path} was written by a later version of this package")
        if head.format != self._kind.format:
            raise TransferError(
                f"{self.path} is of an export as {head.format}: choose another folder for"
                f" {self._kind.title}"
            )

    async def is_there(self, entry: E) -> bool:
        """Whether the entry's file is in the folder in full size, and nobody began to replace it.

        A name that this package would not have given counts as none.
        """
        if entry.replacing or not is_file_name_of(entry.item_id, entry.file):
            return False
        return await in_thread(self._is_whole, entry)

    def _is_whole(self, entry: E) -> bool:
        try:
            return (self.path.parent / entry.file).stat().st_size == entry.size
        except OSError:
            return False

    async def begin(self, ids: Iterable[str]) -> None:
        """Mark the files that are about to be replaced, on the disk.

        A process that is killed between the rename of a file and the note of it leaves the mark.
        """
        for each in ids:
            if each in self.entries:
                self.entries[each] = msgspec.structs.replace(self.entries[each], replacing=True)
        await self.write()

    async def note(self, entry: E) -> None:
        """Add an entry, on the disk; its file is whole."""
        self.entries[entry.item_id] = entry
        await self.write()

    async def write(self) -> None:
        """Write the file."""
        async with self._turn:
            document = {
                "version": _VERSION,
                "format": self._kind.format,
                self._kind.items: list(self.entries.values()),
            }
            text = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
            async with AtomicFile(self.path) as part:
                await part.write(text)
                await part.commit()


@asynccontextmanager
async def only_writer(folder: Path) -> AsyncGenerator[None, None]:
    """Make a folder if need be, and keep other writers of its manifest out.

    Raises:
        TransferError: Another process, or another call of this one, writes it.
    """
    await in_thread(folder.mkdir, parents=True, exist_ok=True)
    acquire = partial(FileLock.acquire, folder / f"{MANIFEST}.run")
    try:
        lock = await open_in_thread(acquire, FileLock.release)
    except InUseError:
        raise TransferError(
            f"{folder} is being written by another export or download of everything"
        ) from None
    try:
        yield
    finally:
        await in_thread(lock.release)


def file_name(item_id: str, name: str, suffix: str) -> str:
    """A name that people recognize and that no other item has, in whatever case it is read."""
    legible = base_name(name, "dataset", limit=80).rstrip(" .")
    return f"{legible}.{_place(item_id)}.{suffix}" if suffix else f"{legible}.{_place(item_id)}"


def is_file_name_of(item_id: str, file: str) -> bool:
    """Whether a name is one that :func:`file_name` gives the item, whatever the item's name was."""
    return file == base_name(file, "") and f".{_place(item_id)}." in f"{file}."


def _place(item_id: str) -> str:
    place = quote(item_id, safe="")
    if place != place.lower() or len(place) > _LONGEST_ID:
        digest = hashlib.sha256(item_id.encode()).hexdigest()[:12]
        place = f"{place[:_LONGEST_ID]}-{digest}"
    return place
