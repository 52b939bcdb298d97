"""The client of the Claro API.

What a method works with is imported by the method, so that ``from claro_async import ClaroClient``
stays light.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from claro_async import config
from claro_async._base_client import BaseClient
from claro_async.profile_file import hide
from claro_async.quota_place import resolve_quota
from claro_async.transport.api import Api

if TYPE_CHECKING:
    import os

    from claro_async._core import ClientKeywords
    from claro_async._generated.claro_api.operation import Operation
    from claro_async.bulk.job import Service
    from claro_async.bulk.report import BulkReport, RevertReport
    from claro_async.bulk.status import JournalStatus
    from claro_async.dataset import Dataset, Datasets
    from claro_async.datasource import Datasource, Datasources
    from claro_async.models import ExportFormat
    from claro_async.options import FileFormatName, ResumeKeywords, SendKeywords
    from claro_async.quota_store import QuotaStore
    from claro_async.transfer_options import DownloadAllKeywords, ExportAllKeywords
    from claro_async.transfers.download_all import DownloadAllReport
    from claro_async.transfers.export_all import ExportAllReport
    from claro_async.transfers.transfer import DownloadResult, ExportResult


class ClaroClient(BaseClient):
    """An asyncio client of the Claro datasets API (v2); use it with ``async with``.

    One client serves a whole program: it holds the connections and the key's quota, and any number
    of tasks of one event loop may share it.

    Args:
        api_key: The bearer key; else ``CLARO_API_KEY``, else the profile's.
        base_url: The API's root with its version; else ``CLARO_BASE_URL``, else the profile's, else
            ``https://secure-api.getclaro.ai/api/v2``. Plain http is for this machine only.
        profile: A table ``[profiles.NAME]`` with ``api_key`` and ``base_url`` in
            ``~/.config/claro/config.toml``; else ``CLARO_PROFILE``.
        timeout: Limits of one attempt, a phase each, in seconds.
        retry: How often and how soon a failed attempt is followed by another.
        network: Proxy, TLS, headers and addresses; else the profile's ``network`` table. By
            default, ``HTTPS_PROXY`` and ``NO_PROXY`` count.
        quota: Where the key's quota is shared with other clients of the same key:
            ``file:///absolute/path`` for the processes of one machine (a file on a local disk, made
            if need be), ``redis://host/0`` for several machines (extra ``[redis]``), or a
            :class:`QuotaStore` of your own. All of them must name the same place.
        run: The run that this client belongs to, as with ``?run=ID`` at the end of the quota's URL:
            once :meth:`close_run` has closed it, nothing more is sent.
        max_connections: Connections open at once.
        max_reply_bytes: The largest reply, decompressed, that is read; 256 MiB by default.
        on_event: Called with each :mod:`event <claro_async.transport.events>` as it happens; or
            ``OpenTelemetry()`` of :mod:`claro_async.connectors.otel`, for traces and metrics.
        clock: Time, for tests.
        random: Randomness of retry delays, for tests.
        session: What sends requests in place of connections, for tests: see
            :mod:`claro_async.testing`.

    Raises:
        ConfigurationError: No key, or settings that cannot work.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        quota: str | QuotaStore | None = None,
        run: str | None = None,
        **options: Unpack[ClientKeywords],
    ) -> None:
        key = hide(api_key)
        del api_key  # so that no frame of an error holds it
        credentials = config.resolve(config.CLARO, key, base_url, options.get("profile"))
        super().__init__(Api(), credentials, options, quota=resolve_quota(quota, run))

    @cached_property
    def datasets(self) -> Datasets:
        """The datasets that the key can see."""
        from claro_async.dataset import Datasets

        return Datasets(self._core)

    @cached_property
    def datasources(self) -> Datasources:
        """The data sources that the key can see."""
        from claro_async.datasource import Datasources

        return Datasources(self._core)

    def dataset(self, dataset_id: str) -> Dataset:
        """The handle of a dataset; no I/O.

        Raises:
            ValueError: The id cannot be one.
        """
        from claro_async.dataset import Dataset

        return Dataset(self._core, dataset_id)

    def datasource(self, datasource_id: str) -> Datasource:
        """The handle of a data source; no I/O.

        Raises:
            ValueError: The id cannot be one.
        """
        from claro_async.datasource import Datasource

        return Datasource(self._core, datasource_id)

    async def resume_updates(
        self, journal: str | os.PathLike[str], **options: Unpack[ResumeKeywords]
    ) -> BulkReport:
        """Go on with a bulk update that ended early, from its journal alone.

        What is done is never sent again. What was under way is looked up by reading pages, and sent
        only where the cell holds something else. The report covers the whole job: its counts and
        outcomes are of all runs, its requests, times and latencies of this one.

        Args:
            journal: The file.
            **options: ``max_concurrency``, ``on_error``, ``reserve``, ``on_progress`` and ``stop``,
                as for :meth:`Dataset.update_cells`; and ``equal``, the same function that the job
                was begun with, asked for where the job was stopped before it had compared all
                values.

        Raises:
            JournalError: No journal, damaged, in use, or of another API; the job was set back; or
                it needs ``equal``.
            BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
        """
        from claro_async.bulk.resume import resume
        from claro_async.bulk.stopping import stopped_by_closing
        from claro_async.options import BulkOptions, ResumeKeywords, check_keywords

        check_keywords("resume_updates", options, ResumeKeywords)
        chosen = stopped_by_closing(BulkOptions(**options), self._core.closing)
        with self._core.working():
            return await resume(journal, self._service(), chosen)

    async def revert_updates(
        self, journal: str | os.PathLike[str], **options: Unpack[SendKeywords]
    ) -> RevertReport:
        """Set back what a bulk update wrote, from its journal.

        A cell is set back where it still holds what the job wrote and the value before is certain;
        the rest is listed in ``report.skipped`` with the reason. **Metadata cannot be restored**:
        the API resets it with every edit. The revert stands in the job's own journal; called again,
        it goes on with a revert that ended early or failed, leaves alone what was changed
        meanwhile, and finds nothing to do after one that is complete. A job of which anything was
        set back is over: it is not resumed.

        Args:
            journal: The file.
            **options: ``max_concurrency``, ``on_error``, ``reserve``, ``on_progress`` and ``stop``,
                as for :meth:`Dataset.update_cells`.

        Raises:
            JournalError: No journal, damaged, in use, of another API, or kept without values.
            BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
        """
        from claro_async.bulk.revert import revert
        from claro_async.bulk.stopping import stopped_by_closing
        from claro_async.options import SendKeywords, SendOptions, check_keywords

        check_keywords("revert_updates", options, SendKeywords)
        chosen = stopped_by_closing(SendOptions(**options), self._core.closing)
        with self._core.working():
            return await revert(journal, self._service(), chosen)

    async def journal_status(self, journal: str | os.PathLike[str]) -> JournalStatus:
        """What a journal says of its job, also while a process works on it; nothing is sent.

        The same as :func:`claro_async.journal_status`, without blocking the event loop.

        Raises:
            JournalIncompleteError: Nothing was written to it yet.
            JournalError: No journal, or damaged.
        """
        from claro_async.bulk.status import journal_status
        from claro_async.storage.threads import in_thread

        return await in_thread(journal_status, journal)

    def _service(self) -> Service:
        from claro_async.bulk.job import Service

        return Service(
            transport=self._core.transport,
            base_url=self._core.settings.base_url,
            open_dataset=self.dataset,
        )

    async def export_all(
        self,
        folder: str | os.PathLike[str],
        *,
        format: ExportFormat | FileFormatName,  # noqa: A002 - the documents' own name
        since_last: bool = False,
        **options: Unpack[ExportAllKeywords],
    ) -> ExportAllReport:
        """Export every dataset to a file of its own; see :meth:`Dataset.export`.

        ``manifest.json`` in the folder lists id, name, file, rows, size, SHA-256, ``updated_at``,
        options and schema version of what is done. What it lists with the same options, and what is
        there in full size, is not fetched again, so a run that broke off goes on when it is called
        again; what was exported with other options is made anew.

        With `since_last`, a dataset is also exported again where the listing shows another
        ``updatedAt`` or row count than the manifest, or where it had been changed within two
        seconds before its export; its file is replaced when the new one is whole. A folder that is
        up to date costs a request for each hundred datasets.

        Args:
            folder: Where the files go; made if need be. One call at a time writes it.
            format: ``csv``, ``json``, ``xlsx``, ``jsonl``, ``parquet`` or ``arrow``.
            since_last: Whether datasets that changed since the last run are exported again; else
                they stand in ``report.stale``.
            **options: ``type``, ``status`` and ``name`` choose datasets: see
                :class:`~claro_async.transfer_options.DatasetFilter`; ``include_metadata``,
                ``cell_ids``, ``via``, ``on_change`` and ``on_type_error`` are as for
                :meth:`Dataset.export`;
                ``max_concurrency`` (datasets under way at once, 2), ``on_error`` and
                ``on_progress``: see :class:`~claro_async.transfer_options.TransferOptions`.

        Raises:
            BulkUpdateError: An export failed, and ``on_error`` is ``raise``.
            TransferError: The folder's manifest is of another format, or another call writes the
                folder.
            ValueError: An argument outside its limits; nothing is sent.
        """
        from claro_async._checks import check_bool
        from claro_async.formats import format_of
        from claro_async.transfer_options import split_export_all
        from claro_async.transfers.export import Export
        from claro_async.transfers.export_all import ExportAll, ExportAllPlan

        check_bool("since_last", since_last)
        content, only, chosen = split_export_all(options)
        made = format_of(None, format)
        content.check_format(made.name, by_server=made.by_server)

        async def export(dataset_id: str, path: Path) -> ExportResult:
            core, dataset = self._core, self.dataset(dataset_id)
            now = core.transport.quota.server_now
            return await Export(dataset, core.downloader, now, made, content).to(path)

        job = ExportAll(
            Path(folder),
            ExportAllPlan(
                format=made, content=content, only=only, since_last=since_last, export=export
            ),
            summaries=self.datasets.list(),
            read_one=lambda dataset_id: self.dataset(dataset_id).get(),
            options=chosen,
            monotonic=self._core.clock.monotonic,
        )
        with self._core.working():
            return await job.run()

    async def download_all(
        self, folder: str | os.PathLike[str], **options: Unpack[DownloadAllKeywords]
    ) -> DownloadAllReport:
        """Download every data source's original file; see :meth:`Datasource.download`.

        ``manifest.json`` in the folder lists id, name, file, size, SHA-256 and ``uploaded_at`` of
        what is done. The file of a data source never changes, so what is there in full size is not
        fetched again: a folder that is up to date costs a request for each hundred data sources.

        Args:
            folder: Where the files go; made if need be. One call at a time writes it.
            **options: ``status``, ``content_type`` and ``name`` choose data sources: see
                :class:`~claro_async.transfer_options.DatasourceFilter`; ``max_concurrency`` (4),
                ``on_error`` and ``on_progress``: see
                :class:`~claro_async.transfer_options.TransferOptions`.

        Raises:
            BulkUpdateError: A download failed, and ``on_error`` is ``raise``.
            TransferError: The folder's manifest is of something else, or another call writes the
                folder.
            ValueError: An argument outside its limits; nothing is sent.
        """
        from claro_async.transfer_options import split_download_all
        from claro_async.transfers.download_all import DownloadAll

        only, chosen = split_download_all(options)

        async def download(datasource_id: str, path: Path) -> DownloadResult:
            return await self.datasource(datasource_id).download(path)

        job = DownloadAll(
            Path(folder),
            download,
            only=only,
            summaries=self.datasources.list(),
            read_one=lambda datasource_id: self.datasource(datasource_id).get(),
            options=chosen,
            monotonic=self._core.clock.monotonic,
        )
        with self._core.working():
            return await job.run()

    def _ping_operation(self) -> Operation[Any]:
        from claro_async._generated.claro_api import datasets as operations

        return operations.list_datasets(limit=1)

    async def close_run(self, run: str) -> None:
        """Close a run: its clients, in whatever process, send nothing from then on.

        For engines that kill tasks and repeat them: a task that is thought dead may still send.
        Give all clients of a run the same quota and run id, and close the run before its work is
        taken over. Requests that are under way end as they would; all others of the run raise
        :class:`~claro_async.errors.RunClosedError`, checked in one step with the permit. A run
        stays closed for 30 days at least; one that nobody knows can be closed beforehand.

        Args:
            run: The run's id: 1 to 200 printable characters.

        Raises:
            ConfigurationError: This client's quota is not shared, or the id cannot be one.
            ConnectionFailedError: The place of the quota cannot be reached.
        """
        await self._core.close_run(run)
