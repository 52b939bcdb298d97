"""Every data source's own file, with a manifest by which a later run goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from claro_async.storage.threads import in_thread
from claro_async.transfers.fetching import base_name
from claro_async.transfers.manifest import (
    DownloadEntry,
    ManifestKind,
    file_name,
    is_file_name_of,
)
from claro_async.transfers.mirror import Mirror, MirrorReport, sha256_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable
    from pathlib import Path

    from claro_async.models import DatasourceSummary
    from claro_async.transfer_options import DatasourceFilter, TransferOptions
    from claro_async.transfers.transfer import DownloadResult

    DownloadOne = Callable[[str, Path], Awaitable[DownloadResult]]

_LONGEST_SUFFIX = 10
_KIND = ManifestKind(
    entry=DownloadEntry, items="datasources", format="original files", title="downloads"
)


@attrs.define(kw_only=True)
class DownloadAllReport(MirrorReport[DownloadEntry]):
    """What became of every data source; ``results`` are manifest entries by data source id.

    Attributes:
        manifest: Where the manifest is.
        downloaded_before: Data sources that an earlier run had downloaded; not part of the counts.
        gone: Data sources of earlier runs that there are no longer; not part of the counts. Their
            files and entries stay: once a file is removed, its entry goes with the next run.
    """

    downloaded_before: list[DownloadEntry] = attrs.Factory(list)


class DownloadAll(Mirror["DatasourceSummary", DownloadEntry]):
    """A download of every data source.

    Args:
        folder: Where the files go.
        download: Downloads one, by its id, to a path.
        only: Which data sources.
        summaries: Lists the data sources.
        read_one: Reads a data source by its id.
        options: How to do all.
        monotonic: A clock in seconds.
    """

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        folder: Path,
        download: DownloadOne,
        *,
        only: DatasourceFilter,
        summaries: AsyncIterable[DatasourceSummary],
        read_one: Callable[[str], Awaitable[object]],
        options: TransferOptions,
        monotonic: Callable[[], float],
    ) -> None:
        super().__init__(
            folder,
            kind=_KIND,
            listing=summaries,
            read_one=read_one,
            options=options,
            monotonic=monotonic,
        )
        self._download = download
        self._only = only
        self._report = DownloadAllReport()
        self._summaries: dict[str, DatasourceSummary] = {}

    async def run(self) -> DownloadAllReport:
        """Download what the folder does not have.

        Raises:
            BulkUpdateError: A download failed, and ``on_error`` is ``raise``.
            TransferError: The folder holds something else, or another call writes it.
        """
        await self.bring_up(self._report)
        return self._report

    def item(self, summary: DatasourceSummary) -> tuple[str, str]:
        """Id and name of a data source."""
        return summary.datasource_id, summary.file_name

    def is_wanted(self, summary: DatasourceSummary) -> bool:
        """Whether the data source is one of those that were asked for."""
        if not self._only.matches(summary):
            return False
        self._summaries[summary.datasource_id] = summary
        return True

    def keep(self, entry: DownloadEntry, summary: DatasourceSummary) -> bool:
        """Whether the file stays: a data source's file never changes."""
        same = entry.uploaded_at == _uploaded_at(summary)
        if not same or summary.file_size not in {None, entry.size}:
            return False
        self._report.downloaded_before.append(entry)
        return True

    def name_of_file(self, item_id: str, name: str, entry: DownloadEntry | None) -> str:
        """The name that it was uploaded under, with its id before the suffix."""
        if entry is not None and is_file_name_of(item_id, entry.file):
            return entry.file
        stem, dot, suffix = base_name(name, "file").rpartition(".")
        if not dot or not stem or len(suffix) > _LONGEST_SUFFIX:
            stem, suffix = name, ""
        return file_name(item_id, stem, suffix)

    async def fetch(self, item_id: str, name: str, path: Path) -> DownloadEntry:
        """Download a data source."""
        summary = self._summaries.get(item_id)
        result = await self._download(item_id, path)
        return DownloadEntry(
            datasource_id=item_id,
            name=name,
            file=path.name,
            size=result.size,
            sha256=await in_thread(sha256_of, path),
            content_type="" if summary is None else str(summary.content_type or ""),
            uploaded_at="" if summary is None else _uploaded_at(summary),
        )


def _uploaded_at(summary: DatasourceSummary) -> str:
    """When it was uploaded, as text; entries of listings may leave it out."""
    moment = summary.uploaded_at
    return "" if moment is None else moment.isoformat()  # type: ignore[redundant-expr]
