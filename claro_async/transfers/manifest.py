"""The manifest of a folder of exports, by which a run that broke off goes on."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from claro_async._version import __version__
from claro_async.errors import TransferError
from claro_async.storage.atomic import AtomicFile
from claro_async.storage.threads import in_thread
from claro_async.transfers.fetching import base_name

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = "manifest.json"
_VERSION = 2
_LONGEST_ID = 80


class ExportSettings(msgspec.Struct, frozen=True):
    """What decides how an exported file looks, beside the dataset.

    Attributes:
        include_metadata: As for ``Dataset.export``.
        on_type_error: As for ``Dataset.export``.
    """

    include_metadata: bool
    on_type_error: str


class ManifestEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset that was exported.

    Attributes:
        id: The dataset's id.
        name: Its name.
        file: The file's name in the folder.
        rows: Rows.
        bytes: The file's size.
        sha256: The file's SHA-256, in hex.
        updated_at: When the dataset had been changed last, as the server gave it.
        options: How it was exported.
        client: The version of this package that did it.
    """

    id: str
    name: str
    file: str
    rows: int
    bytes: int
    sha256: str
    updated_at: str | None
    options: ExportSettings
    client: str = __version__

    def to_dict(self) -> dict[str, Any]:
        """The entry as it stands in the manifest."""
        entry: dict[str, Any] = msgspec.to_builtins(self)
        return entry


class _Head(msgspec.Struct):
    """What every version of the manifest has."""

    version: int
    format: str


class _Document(msgspec.Struct):
    """The manifest as it stands in the file."""

    version: int
    format: str
    datasets: list[ManifestEntry]


class Manifest:
    """The manifest file, written anew after each dataset.

    Args:
        folder: Where it is.
        format: Of all files in the folder.
        settings: How datasets are exported now; what was exported in another way is made anew.
    """

    def __init__(
        self,
        folder: Path,
        format: str,  # noqa: A002 - the documents' own name
        settings: ExportSettings,
    ) -> None:
        self.path = folder / MANIFEST
        self._format = format
        self._settings = settings
        self._entries: dict[str, ManifestEntry] = {}
        self._turn = asyncio.Lock()

    async def read(self) -> None:
        """Take over what an earlier run has noted.

        Raises:
            TransferError: Not a manifest, or one of another format, or of a later version.
        """
        self._entries = await in_thread(self._read)

    def _read(self) -> dict[str, ManifestEntry]:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        try:
            head = msgspec.json.decode(content, type=_Head)
            known = head.version == _VERSION
            entries = msgspec.json.decode(content, type=_Document).datasets if known else []
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TransferError(f"{self.path} is no manifest of an export: {error}") from None
        if head.version > _VERSION:
            raise TransferError(f"{self.path} was written by a later version of this package")
        if head.format != self._format:
            raise TransferError(
                f"{self.path} is of an export as {head.format}: choose another folder for"
                f" {self._format}"
            )
        return {entry.id: entry for entry in entries}

    async def intact(self, dataset_id: str) -> ManifestEntry | None:
        """The entry of a dataset that was exported in the same way and is there in full size."""
        entry = self._entries.get(dataset_id)
        if (
            entry is None
            or entry.options != self._settings
            or entry.file != base_name(entry.file, "")
        ):
            return None
        return entry if await in_thread(self._is_whole, entry) else None

    def _is_whole(self, entry: ManifestEntry) -> bool:
        try:
            return (self.path.parent / entry.file).stat().st_size == entry.bytes
        except OSError:
            return False

    async def note(self, entry: ManifestEntry) -> None:
        """Add an entry, on the disk."""
        self._entries[entry.id] = entry
        await self.write()

    async def write(self) -> None:
        """Write the file."""
        async with self._turn:
            document = _Document(_VERSION, self._format, list(self._entries.values()))
            text = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
            async with AtomicFile(self.path) as part:
                await part.write(text)
                await part.commit()


def file_name(dataset_id: str, name: str, suffix: str) -> str:
    """A name that people recognize and that no other dataset has, in whatever case it is read."""
    legible = base_name(name, "dataset", limit=80).rstrip(" .")
    place = quote(dataset_id, safe="")
    if place != place.lower() or len(place) > _LONGEST_ID:
        digest = hashlib.sha256(dataset_id.encode()).hexdigest()[:12]
        place = f"{place[:_LONGEST_ID]}-{digest}"
    return f"{legible}.{place}.{suffix}"
