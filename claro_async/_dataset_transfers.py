"""Files to and from a dataset. Claro API v2, "Manage Dataset"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claro_api import datasets as operations
from claro_api.models import ExportRequest

from claro_async._checks import (
    check_columns,
    check_int,
    check_on_error,
    check_optional_int,
    to_enum,
)
from claro_async._dataset_reading import DatasetReading
from claro_async._wire import encode_segment
from claro_async.datasources import Datasources
from claro_async.models import ExportFormat, SignedLink
from claro_async.paging import MAX_LINK_SECONDS
from claro_async.transfers.batch import as_pairs, run_batch
from claro_async.transfers.upload import CellUpload
from claro_async.transport.bodies import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from claro_async.models import UploadedDatasource
    from claro_async.transfers.batch import OnError, TransferReport
    from claro_async.transport.bodies import UploadSource

MAX_EXPORT_ROWS = 100_000


class DatasetTransfers(DatasetReading):
    """What brings files to cells and exports out."""

    async def upload_datasource(
        self,
        cell_id: str,
        source: UploadSource,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        on_progress: Callable[[int, int | None], None] | None = None,
    ) -> UploadedDatasource:
        """Upload a file as a data source and link it to a cell of a raw data column.

        Section "Upload and Link New File". A second send would make a second data source, so after
        a lost reply the client looks for the first one: exactly one match is taken, and if there is
        none, the file is sent again where its source can be read again.

        Args:
            cell_id: The cell.
            source: A path, bytes, a binary file (read from where it stands, left open) or an async
                iterable of bytes; at most 100 MB.
            filename: As the API shall call it; needed where the source has no name.
            content_type: Guessed from the name when left out.
            on_progress: Called with the bytes read so far and the size (None if not known).

        Raises:
            RawColumnRequiredError: The cell's column holds no raw data.
            OutcomeUnknownError: The reply was lost, and what the server has does not tell.
            ValueError: Empty, too large or without a name; nothing is sent.
        """
        encode_segment(cell_id, "cell_id")
        upload = Upload(
            source, file_name=filename, content_type=content_type, on_progress=on_progress
        )
        job = CellUpload(
            self._core.transport,
            self.dataset_id,
            cell_id,
            upload,
            Datasources(self._core).list(),
            self.rows(),
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
        return await run_batch(
            as_pairs("sources", sources),
            self.upload_datasource,
            max_concurrency=max_concurrency,
            on_error=on_error,
            on_done=on_progress,
        )

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
