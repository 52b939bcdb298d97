"""Every dataset as a file of its own, with a manifest by which a later run goes on."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from claro_async.storage.threads import in_thread
from claro_async.transfers.manifest import (
    SCHEMA_VERSION,
    ExportSettings,
    ManifestEntry,
    ManifestKind,
    file_name,
    is_file_name_of,
)
from claro_async.transfers.mirror import Mirror, MirrorReport, sha256_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable
    from pathlib import Path

    from claro_async.formats import FileFormat
    from claro_async.models import DatasetSummary
    from claro_async.transfer_options import DatasetFilter, ExportOptions, TransferOptions
    from claro_async.transfers.transfer import ExportResult

    ExportOne = Callable[[str, Path], Awaitable[ExportResult]]

_TICK = 2.0
"""Seconds after which a change shows in ``updatedAt``, which counts whole seconds."""


@attrs.define(kw_only=True)
class ExportAllReport(MirrorReport[ManifestEntry]):
    """What became of every dataset; ``results`` are manifest entries by dataset id.

    Attributes:
        manifest: Where the manifest is.
        exported_before: Datasets that an earlier run had exported; not part of the counts.
        stale: Those of them that have changed since, or may have. With ``since_last`` there are
            none: they are exported again.
        gone: Datasets of earlier runs that there are no longer; not part of the counts. Their files
            and entries stay: once a file is removed, its entry goes with the next run.
    """

    exported_before: list[ManifestEntry] = attrs.Factory(list)
    stale: list[ManifestEntry] = attrs.Factory(list)


@attrs.frozen(kw_only=True)
class ExportAllPlan:
    """What to export.

    Attributes:
        format: What to write.
        content: How to export each.
        only: Which datasets.
        since_last: Whether those that changed since the last run are exported again.
        export: Exports one, by its id, to a path.
    """

    format: FileFormat
    content: ExportOptions
    only: DatasetFilter
    since_last: bool
    export: ExportOne


class ExportAll(Mirror["DatasetSummary", ManifestEntry]):
    """An export of every dataset.

    Args:
        folder: Where the files go.
        plan: What to export.
        summaries: Lists the datasets.
        read_one: Reads a dataset by its id.
        options: How to do all.
        monotonic: A clock in seconds.
    """

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        folder: Path,
        plan: ExportAllPlan,
        *,
        summaries: AsyncIterable[DatasetSummary],
        read_one: Callable[[str], Awaitable[object]],
        options: TransferOptions,
        monotonic: Callable[[], float],
    ) -> None:
        form = plan.format.name
        kind = ManifestKind(entry=ManifestEntry, items="datasets", format=form, title=form)
        super().__init__(
            folder,
            kind=kind,
            listing=summaries,
            read_one=read_one,
            options=options,
            monotonic=monotonic,
        )
        self._plan = plan
        content = plan.content
        self._settings = ExportSettings(
            content.include_metadata, content.on_type_error, content.cell_ids
        )
        self._report = ExportAllReport()

    async def run(self) -> ExportAllReport:
        """Export what the folder does not have.

        Raises:
            BulkUpdateError: An export failed, and ``on_error`` is ``raise``.
            TransferError: The folder holds something else, or another call writes it.
        """
        await self.bring_up(self._report)
        return self._report

    def item(self, summary: DatasetSummary) -> tuple[str, str]:
        """Id and name of a dataset."""
        return summary.dataset_id, summary.name

    def is_wanted(self, summary: DatasetSummary) -> bool:
        """Whether the dataset is one of those that were asked for."""
        return self._plan.only.matches(summary)

    def keep(self, entry: ManifestEntry, summary: DatasetSummary) -> bool:
        """Whether the file stays: made in the same way, and of what the dataset holds now."""
        if entry.options != self._settings or entry.schema_version != SCHEMA_VERSION:
            return False
        if not is_unchanged(entry, summary):
            if self._plan.since_last:
                return False
            self._report.stale.append(entry)
        self._report.exported_before.append(entry)
        return True

    def name_of_file(self, item_id: str, name: str, entry: ManifestEntry | None) -> str:
        """The name of the dataset and its id; a dataset that was renamed keeps its file."""
        suffix = self._plan.format.name
        stem = "" if entry is None else entry.file.removesuffix(f".{suffix}")
        if is_file_name_of(item_id, stem):
            return f"{stem}.{suffix}"
        return file_name(item_id, name, suffix)

    async def fetch(self, item_id: str, name: str, path: Path) -> ManifestEntry:
        """Export a dataset."""
        result = await self._plan.export(item_id, path)
        return ManifestEntry(
            dataset_id=item_id,
            name=name,
            file=path.name,
            rows=result.rows,
            size=result.size,
            sha256=await in_thread(sha256_of, path),
            updated_at=_iso(result.updated_at),
            read_at=_iso(result.read_at),
            options=self._settings,
        )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def is_unchanged(entry: ManifestEntry, summary: DatasetSummary) -> bool:
    """Whether a dataset certainly holds what was exported, by what its listing says.

    ``updatedAt`` counts whole seconds, so a change in the second in which the dataset was read
    would not show: such an export is not trusted.
    """
    if entry.updated_at is None or entry.read_at is None:
        return False
    try:
        updated, read = map(datetime.fromisoformat, (entry.updated_at, entry.read_at))
        age = (read - updated).total_seconds()
    except (ValueError, TypeError):
        return False
    return age >= _TICK and (summary.updated_at, summary.row_count) == (updated, entry.rows)
