"""Every dataset as a file of its own, with a manifest by which a broken run goes on."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from claro_async.storage.threads import in_thread
from claro_async.transfers.batch import TransferReport, run_batch
from claro_async.transfers.manifest import (
    MANIFEST,
    ExportSettings,
    Manifest,
    ManifestEntry,
    file_name,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable

    from claro_async.formats import FileFormat
    from claro_async.models import DatasetSummary
    from claro_async.transfer_options import ExportOptions, TransferOptions
    from claro_async.transfers.transfer import ExportResult

    ExportOne = Callable[[str, Path], Awaitable[ExportResult]]


@attrs.define(kw_only=True)
class ExportAllReport(TransferReport[ManifestEntry]):
    """What became of every dataset; ``results`` are manifest entries by dataset id.

    Attributes:
        manifest: Where the manifest is.
        exported_before: Datasets that an earlier run had exported; not part of the counts.
    """

    manifest: Path = Path(MANIFEST)
    exported_before: list[ManifestEntry] = attrs.Factory(list)


@attrs.frozen(kw_only=True)
class ExportAll:
    """An export of every dataset.

    Attributes:
        folder: Where the files go.
        summaries: Lists the datasets.
        export: Exports one, by its id, to a path.
        format: What to write.
        content: How to export each.
        options: How to do all.
        monotonic: A clock in seconds.
    """

    folder: Path
    summaries: AsyncIterable[DatasetSummary]
    export: ExportOne
    format: FileFormat
    content: ExportOptions
    options: TransferOptions
    monotonic: Callable[[], float]

    async def run(self) -> ExportAllReport:
        """Export every dataset that the manifest does not have.

        Raises:
            BulkUpdateError: An export failed, and ``on_error`` is ``raise``.
            TransferError: The folder holds something else.
        """
        await in_thread(self.folder.mkdir, parents=True, exist_ok=True)
        settings = ExportSettings(self.content.include_metadata, self.content.on_type_error)
        manifest = Manifest(self.folder, self.format.name, settings)
        await manifest.read()
        report = ExportAllReport(manifest=manifest.path)
        missing: list[tuple[str, Any]] = []
        async for summary in self.summaries:
            entry = await manifest.intact(summary.dataset_id)
            if entry is None:
                missing.append((summary.dataset_id, summary.name))
            else:
                report.exported_before.append(entry)
        await manifest.write()

        async def export(dataset_id: str, name: str) -> ManifestEntry:
            path = self.folder / file_name(dataset_id, name, self.format.name)
            result = await self.export(dataset_id, path)
            entry = ManifestEntry(
                id=dataset_id,
                name=name,
                file=path.name,
                rows=result.rows,
                bytes=result.size,
                sha256=await in_thread(_sha256, path),
                updated_at=None if result.updated_at is None else result.updated_at.isoformat(),
                options=settings,
            )
            await manifest.note(entry)
            return entry

        await run_batch(report, missing, export, self.options, self.monotonic)
        return report


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
