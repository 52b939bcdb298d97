"""Files to and from a dataset. Claro API v2, "Manage Dataset"."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from claro_api import datasets as operations
from claro_api.models import ExportRequest

from claro_async._checks import (
    check_choice,
    check_columns,
    check_int,
    check_on_error,
    check_optional_int,
    to_enum,
)
from claro_async._dataset_reading import DatasetReading
from claro_async._wire import encode_segment
from claro_async.columnar.pages import collect
from claro_async.datasources import Datasources
from claro_async.models import ExportFormat, SignedLink
from claro_async.paging import MAX_LINK_SECONDS, READ_AHEAD
from claro_async.transfers.batch import TransferReport, as_pairs, run_batch
from claro_async.transfers.export import (
    MAX_EXPORT_ROWS,
    Export,
    ExportOptions,
    format_of,
)
from claro_async.transfers.files import check_target
from claro_async.transfers.folders import list_files, match_files
from claro_async.transfers.transfer import Transfer
from claro_async.transfers.upload import CellUpload
from claro_async.transport.bodies import MAX_FILE_SIZE, Upload

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pyarrow as pa

    from claro_async.columnar.arrow import OnTypeError
    from claro_async.models import UploadedDatasource
    from claro_async.transfers.batch import OnError
    from claro_async.transfers.export import OnChange
    from claro_async.transfers.files import Writable
    from claro_async.transfers.folders import FolderReport
    from claro_async.transfers.transfer import ExportResult
    from claro_async.transport.bodies import UploadSource


class DatasetTransfers(DatasetReading):
    """What brings files to cells and exports out."""

    async def upload_datasource(  # noqa: PLR0913 - what there is to say of a file
        self,
        cell_id: str,
        source: UploadSource,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        max_size: int = MAX_FILE_SIZE,
        on_progress: Callable[[int, int | None], None] | None = None,
    ) -> UploadedDatasource:
        """Upload a file as a data source and link it to a cell of a raw data column.

        Section "Upload and Link New File". A second send would make a second data source, so after
        a lost reply the client looks for the first one: exactly one match is taken, and if there is
        none, the file is sent again where its source can be read again.

        Args:
            cell_id: The cell.
            source: A path, bytes, a binary file (read from where it stands, left open) or an async
                iterable of bytes; 1 byte to 100 MB, read as it is sent.
            filename: As the API shall call it; needed where the source has no name.
            content_type: Guessed from the name when left out.
            max_size: Bytes above which nothing is sent; more than the documented 100 MB only for
                accounts that are allowed more.
            on_progress: Called with the bytes sent so far and the size (None if not known).

        Raises:
            RawColumnRequiredError: The cell's column holds no raw data.
            OutcomeUnknownError: The reply was lost, and what the server has does not tell.
            ValueError: Empty, too large or without a name; nothing is sent.
        """
        encode_segment(cell_id, "cell_id")
        check_int("max_size", max_size, 1)
        upload = Upload(
            source,
            file_name=filename,
            content_type=content_type,
            max_size=max_size,
            on_progress=on_progress,
        )
        job = CellUpload(
            self._core.transport,
            self.dataset_id,
            cell_id,
            upload,
            Datasources(self._core).list(),
            self.rows(),
            self._core.made_datasources,
        )
        return await job.run()

    async def upload_datasources(
        self,
        sources: Mapping[str, UploadSource] | Iterable[tuple[str, UploadSource]],
        *,
        max_concurrency: int = 4,
        on_error: OnError = "collect",
        on_progress: Callable[[TransferReport[UploadedDatasource]], None] | None = None,
    ) -> TransferReport[UploadedDatasource]:
        """Upload a file to each of many cells; see :meth:`upload_datasource`.

        Args:
            sources: What to upload, by cell id.
            max_concurrency: Uploads under way at once.
            on_error: ``collect`` counts failures in the report; ``raise`` starts no further upload
                after the first and raises.
            on_progress: Called with the report after each upload.

        Raises:
            BulkUpdateError: An upload failed, and ``on_error`` is ``raise``.
        """
        check_int("max_concurrency", max_concurrency, 1)
        check_on_error(on_error)
        report: TransferReport[UploadedDatasource] = TransferReport()
        await run_batch(
            report,
            as_pairs("sources", sources),
            self.upload_datasource,
            max_concurrency=max_concurrency,
            on_error=on_error,
            on_done=on_progress,
        )
        return report

    async def upload_folder(  # noqa: PLR0913 - the choices there are
        self,
        folder: str | os.PathLike[str],
        *,
        key: str,
        column: str,
        skip_linked: bool = True,
        max_concurrency: int = 4,
        on_error: OnError = "collect",
        on_progress: Callable[[TransferReport[UploadedDatasource]], None] | None = None,
    ) -> FolderReport:
        """Upload the files of a folder to the cells of the rows that name them.

        Called again after a break, it goes on where it was, as linked cells are left alone.

        Args:
            folder: The folder; its hidden files and folders are not looked at.
            key: The column, by name or id, whose cells hold file names, with or without suffix.
            column: The raw data column, by name or id, whose cells get the files.
            skip_linked: Whether to leave cells alone that have a data source already.
            max_concurrency: Uploads under way at once.
            on_error: As for :meth:`upload_datasources`.
            on_progress: As for :meth:`upload_datasources`.

        Raises:
            BulkUpdateError: An upload failed, and ``on_error`` is ``raise``.
            KeyError: No such column; nothing is uploaded.
            NotADirectoryError: No such folder; nothing is sent.
        """
        check_int("max_concurrency", max_concurrency, 1)
        check_on_error(on_error)
        files = await asyncio.to_thread(list_files, Path(folder))
        pairs, report = await match_files(files, self.rows(), key, column, skip_linked=skip_linked)
        await run_batch(
            report,
            as_pairs("folder", pairs),
            self.upload_datasource,
            max_concurrency=max_concurrency,
            on_error=on_error,
            on_done=on_progress,
        )
        return report

    async def create_export(  # noqa: PLR0913 - the documented fields
        self,
        *,
        format: ExportFormat | str,  # noqa: A002 - the documents' own name
        row_count: int,
        column_ids: Sequence[str] | None = None,
        skip: int | None = None,
        include_metadata: bool | None = None,
        expires_in: int | None = None,
    ) -> SignedLink:
        """Have the server write an export, and get a link to it. Section "Export Dataset".

        Args:
            format: ``csv``, ``json`` or ``xlsx``.
            row_count: Rows, from 1 to 100,000.
            column_ids: Columns to write; all when left out.
            skip: Rows to leave out first.
            include_metadata: Whether to write the cells' metadata.
            expires_in: Seconds for which the link works, from 1 to 86,400; 3,600 when left out.

        Raises:
            ProcessingInProgressError: The dataset is being processed.
            ValueError: An argument outside its limits; nothing is sent.
        """
        check_int("row_count", row_count, 1, MAX_EXPORT_ROWS)
        check_optional_int("skip", skip, 0)
        check_optional_int("expires_in", expires_in, 1, MAX_LINK_SECONDS)
        body = ExportRequest(
            to_enum("format", format, ExportFormat),
            row_count,
            None if column_ids is None else check_columns("column_ids", column_ids),
            skip,
            include_metadata,
            expires_in,
        )
        link = await self._core.transport.call(
            operations.export_dataset(self.dataset_id, body=body)
        )
        return SignedLink(
            link.download_url, link.file_name, link.file_size, link.expires_at, link.format
        )

    def export(  # noqa: PLR0913 - the choices there are
        self,
        target: str | os.PathLike[str] | Writable | None = None,
        *,
        format: ExportFormat | str | None = None,  # noqa: A002 - the documents' own name
        columns: Iterable[str] | None = None,
        include_metadata: bool = False,
        max_concurrency: int = 4,
        on_change: OnChange = "raise",
        on_type_error: OnTypeError = "raise",
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Transfer[ExportResult]:
        """Write the whole dataset, of any number of rows, to one file.

        ``await dataset.export("out.csv")``, or ``async for chunk in
        dataset.export(format="csv").stream()``. The server writes CSV, JSON and XLSX, 100,000 rows
        an export; larger datasets are fetched as several and joined (section "Export Dataset"). An
        XLSX export is limited to 100,000 rows. JSON lines, Parquet and Arrow are made here from
        the rows (section "Get Dataset Data"). The memory taken does not grow with the rows.

        A path holds the whole file or what it held before: the file grows beside it and is renamed
        when it is complete and on the disk.

        Args:
            target: A path, a folder (the file is named after the dataset), or a file object opened
                for writing in binary mode.
            format: ``csv``, ``json``, ``xlsx``, ``jsonl``, ``parquet`` or ``arrow``; told by the
                path's suffix when left out. The last two need the extra ``claro-async[arrow]``.
            columns: Ids of the columns to write; all when left out.
            include_metadata: Whether to write the cells' metadata, as further columns.
            max_concurrency: Exports or pages under way at once.
            on_change: What to do when the dataset changes while several requests read it, so that
                its parts would not fit together: ``raise``, ``restart`` (up to 3 tries) or
                ``ignore``.
            on_type_error: For Parquet and Arrow, what becomes of a value that does not fit its
                column's type: ``raise``, ``null``, or ``string`` (the column becomes text).
            on_progress: Called with the rows done and the rows in all.

        Raises:
            TransferError: It cannot be had whole, or it changed; nothing is left behind.
            ProcessingInProgressError: The dataset is being processed.
            FileNotFoundError: The target's folder is not there; nothing is sent.
            ImportError: The format needs pyarrow; nothing is sent.
            ValueError: An argument outside its limits; nothing is sent.
        """
        if target is not None:
            check_target(target)
        check_int("max_concurrency", max_concurrency, 1)
        check_choice("on_change", on_change, ("raise", "restart", "ignore"))
        check_choice("on_type_error", on_type_error, ("raise", "null", "string"))
        options = ExportOptions(
            format_of(target, format),
            None if columns is None else check_columns("columns", columns),
            include_metadata,
            max_concurrency,
            on_change,
            on_type_error,
            on_progress,
        )

        def begin() -> Export:
            core = self._core
            return Export(self, core.downloader, core.transport.quota.server_now, options)

        async def run() -> ExportResult:
            if target is None:
                raise TypeError("export needs a target to be awaited; without, use .stream()")
            return await begin().to(target)

        return Transfer(run, lambda: begin().stream(), "export")

    async def to_arrow(
        self,
        *,
        columns: Iterable[str] | None = None,
        include_metadata: bool = False,
        on_type_error: OnTypeError = "raise",
        read_ahead: int = READ_AHEAD,
    ) -> pa.Table:
        """All rows as an Arrow table in memory; the schema comes from the columns' types.

        ``polars.DataFrame(table)``, ``table.to_pandas()`` and DuckDB take it as it is.

        Args:
            columns: Ids of the columns to read; all when left out.
            include_metadata: Whether to add the cells' metadata, as further columns.
            on_type_error: What becomes of a value that does not fit its column's type: ``raise``,
                ``null``, or ``string`` (the column becomes text).
            read_ahead: Pages asked for while another is looked at.

        Raises:
            TransferError: A value does not fit, and ``on_type_error`` is ``raise``.
            ImportError: pyarrow is missing.
        """
        check_choice("on_type_error", on_type_error, ("raise", "null", "string"))
        stream = self.rows(
            columns=columns, include_metadata=include_metadata or None, read_ahead=read_ahead
        )
        return await collect(
            stream.pages(), on_type_error=on_type_error, include_metadata=include_metadata
        )
