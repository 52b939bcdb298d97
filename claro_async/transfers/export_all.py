"""Every dataset as a file of its own, with a manifest by which a broken run goes on."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import attrs
import msgspec

from claro_async.errors import TransferError
from claro_async.transfers.batch import TransferReport, run_batch
from claro_async.transfers.fetching import base_name
from claro_async.transfers.files import PartFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable

    from claro_async.dataset import Dataset
    from claro_async.models import DatasetSummary
    from claro_async.transfers.batch import OnError

MANIFEST = "manifest.json"
_VERSION = 1


class ManifestEntry(msgspec.Struct, frozen=True):
    """A dataset that was exported.

    Attributes:
        id: The dataset's id.
        name: Its name.
        file: The file's name in the folder.
        rows: Rows.
        bytes: The file's size.
        sha256: The file's SHA-256, in hex.
    """

    id: str
    name: str
    file: str
    rows: int
    bytes: int
    sha256: str


class _Document(msgspec.Struct):
    """The manifest as it stands in the file."""

    version: int
    format: str
    datasets: list[ManifestEntry]


@attrs.define
class ExportAllReport(TransferReport[ManifestEntry]):
    """What became of every dataset; ``results`` are manifest entries by dataset id.

    Attributes:
        manifest: Where the manifest is.
        exported_before: Datasets that an earlier run had exported; not part of the counts.
    """

    manifest: Path = Path(MANIFEST)
    exported_before: list[ManifestEntry] = attrs.Factory(list)


class _Manifest:
    """The manifest file, written anew after each dataset."""

    def __init__(self, folder: Path, format: str) -> None:  # noqa: A002 - the documents' own name
        self.path = folder / MANIFEST
        self._format = format
        self._entries: dict[str, ManifestEntry] = {}
        self._turn = asyncio.Lock()

    def read(self) -> None:
        """Take over what an earlier run has noted.

        Raises:
            TransferError: Not a manifest, or one of another format.
        """
        try:
            document = msgspec.json.decode(self.path.read_bytes(), type=_Document)
        except FileNotFoundError:
            return
        except msgspec.MsgspecError as error:
            raise TransferError(f"{self.path} is no manifest of an export: {error}") from None
        if (document.version, document.format) != (_VERSION, self._format):
            raise TransferError(
                f"{self.path} is of an export as {document.format}: choose another folder for"
                f" {self._format}"
            )
        self._entries = {entry.id: entry for entry in document.datasets}

    def intact(self, dataset_id: str) -> ManifestEntry | None:
        """The entry of a dataset whose file is there in its full size."""
        entry = self._entries.get(dataset_id)
        if entry is None or entry.file != base_name(entry.file, ""):
            return None
        try:
            size = (self.path.parent / entry.file).stat().st_size
        except OSError:
            return None
        return entry if size == entry.bytes else None

    async def note(self, entry: ManifestEntry) -> None:
        """Add an entry, on the disk."""
        self._entries[entry.id] = entry
        await self.write()

    async def write(self) -> None:
        """Write the file."""
        async with self._turn:
            document = _Document(_VERSION, self._format, list(self._entries.values()))
            text = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
            async with PartFile(self.path) as part:
                await part.write(text)
                await part.commit()


async def export_all(  # noqa: PLR0913 - what the client hands down
    folder: Path,
    summaries: AsyncIterable[DatasetSummary],
    open_dataset: Callable[[str], Dataset],
    *,
    format: str,  # noqa: A002 - the documents' own name
    max_concurrency: int,
    on_error: OnError,
    on_progress: Callable[[ExportAllReport], None] | None,
    options: dict[str, Any],
) -> ExportAllReport:
    """Export every dataset that the manifest does not have.

    Raises:
        BulkUpdateError: An export failed, and ``on_error`` is ``raise``.
        TransferError: The folder holds something else.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    manifest = _Manifest(folder, format)
    await asyncio.to_thread(manifest.read)
    report = ExportAllReport(manifest=manifest.path)
    missing: list[tuple[str, Any]] = []
    async for summary in summaries:
        entry = manifest.intact(summary.dataset_id)
        if entry is None:
            missing.append((summary.dataset_id, summary.name))
        else:
            report.exported_before.append(entry)
    await manifest.write()

    async def export(dataset_id: str, name: str) -> ManifestEntry:
        file = _file_name(dataset_id, name, format)
        result = await open_dataset(dataset_id).export(folder / file, format=format, **options)
        sha256 = await asyncio.to_thread(_sha256, folder / file)
        entry = ManifestEntry(dataset_id, name, file, result.rows, result.size, sha256)
        await manifest.note(entry)
        return entry

    def tell(_: object) -> None:
        if on_progress is not None:
            on_progress(report)

    await run_batch(
        report, missing, export, max_concurrency=max_concurrency, on_error=on_error, on_done=tell
    )
    return report


def _file_name(dataset_id: str, name: str, suffix: str) -> str:
    """A name that people recognize and that no other dataset has."""
    legible = base_name(name, "dataset", limit=80).rstrip(" .")
    return f"{legible}.{quote(dataset_id, safe='')}.{suffix}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
