"""Data sources: the listing, and the handle of one.

Claro API v2, "Manage Data Source". A handle does no I/O until one of its methods is awaited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claro_async._callbacks import check_callback
from claro_async._checks import (
    check_choice,
    check_confirm,
    check_int,
    check_optional_int,
    to_enum,
)
from claro_async._generated.claro_api import datasources as operations
from claro_async._generated.claro_api.models import DownloadRequest
from claro_async.columnar.pages import collect
from claro_async.models import (
    DatasourceDeletion,
    DatasourceList,
    DatasourceStatus,
    SignedLink,
    SortOrder,
)
from claro_async.paging.sources import datasource_list, datasource_records
from claro_async.paging.stream import (
    MAX_DATA_LIMIT,
    MAX_LINK_SECONDS,
    MAX_LIST_LIMIT,
    READ_AHEAD,
    PagedStream,
)
from claro_async.progress import ProgressMeter
from claro_async.transfers.fetching import Fetch
from claro_async.transfers.saving import download, fetch_blocks
from claro_async.transfers.sinks import check_target
from claro_async.transfers.transfer import Transfer
from claro_async.transfers.waiting import wait_until_ready
from claro_async.wire.identifiers import encode_segment

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Callable

    import pyarrow as pa

    from claro_async._core import Core
    from claro_async.columnar.arrow import OnTypeError
    from claro_async.models import DatasourceDetails, DatasourceSummary
    from claro_async.options import SortOrderName, StatusName
    from claro_async.paging.pages import DatasourcePage
    from claro_async.progress import Progress
    from claro_async.storage.blocks import Writable
    from claro_async.transfers.transfer import DownloadResult


class Datasources:
    """All data sources that the key can see."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def list(
        self,
        *,
        start_page: int = 1,
        limit: int = MAX_LIST_LIMIT,
        status: DatasourceStatus | StatusName | None = None,
        content_type: str | None = None,
    ) -> PagedStream[DatasourceList, DatasourceSummary]:
        """List data sources: ``async for`` gives each, awaiting gives the first page.

        Section "List All Data Sources".

        Args:
            start_page: The page to begin with, from 1.
            limit: Data sources a page, from 1 to 100; a page is a request.
            status: Only ``processing``, ``completed`` or ``failed``.
            content_type: Only of this content type, such as ``text/csv``.

        Raises:
            ValueError: An argument outside its limits; nothing is sent.
        """
        check_int("start_page", start_page, 1)
        check_int("limit", limit, 1, MAX_LIST_LIMIT)
        status_ = None if status is None else to_enum("status", status, DatasourceStatus)

        source = datasource_list(self._core, limit=limit, status=status_, content_type=content_type)
        return PagedStream(source, start_page=start_page)


class Datasource:
    """One data source, by its id.

    Attributes:
        datasource_id: The id.
    """

    def __init__(self, core: Core, datasource_id: str) -> None:
        encode_segment(datasource_id, "datasource_id")
        self._core = core
        self.datasource_id = datasource_id

    def __repr__(self) -> str:
        return f"Datasource({self.datasource_id!r})"

    async def get(self) -> DatasourceDetails:
        """Columns, row count and status. Section "Get Data Source Details".

        Raises:
            DatasourceNotFoundError: No such data source.
        """
        return await self._core.transport.call(operations.get_datasource(self.datasource_id))

    def rows(  # noqa: PLR0913 - the documented query parameters
        self,
        *,
        sort: str | None = None,
        order: SortOrder | SortOrderName | None = None,
        filter: str | None = None,  # noqa: A002 - the documents' own name
        limit: int = MAX_DATA_LIMIT,
        start_page: int = 1,
        end_page: int | None = None,
        read_ahead: int = READ_AHEAD,
    ) -> PagedStream[DatasourcePage, dict[str, Any]]:
        """The records in order: ``async for`` gives each as a dict, ``.pages()`` gives pages.

        Section "Get Data Source Data".

        Args:
            sort: Name of the column to sort by; the original order when left out.
            order: ``asc`` or ``desc``.
            filter: An expression such as ``price > 100``.
            limit: Records a page, from 1 to 1,000; a page is a request.
            start_page: The page to begin with, from 1.
            end_page: The last page to read; all that there are when left out.
            read_ahead: Pages asked for while another is looked at; 0 for one after the other.

        Raises:
            ValueError: An argument outside its limits; nothing is sent.
        """
        check_int("limit", limit, 1, MAX_DATA_LIMIT)
        check_int("start_page", start_page, 1)
        check_optional_int("end_page", end_page, start_page)
        check_int("read_ahead", read_ahead, 0)
        order_ = None if order is None else to_enum("order", order, SortOrder)

        return PagedStream(
            datasource_records(
                self._core,
                self.datasource_id,
                limit=limit,
                sort=sort,
                order=order_,
                filter=filter,
            ),
            start_page=start_page,
            end_page=end_page,
            read_ahead=read_ahead,
        )

    async def create_download_link(self, *, expires_in: int | None = None) -> SignedLink:
        """Get a link to the original file. Section "Generate Download URL".

        Args:
            expires_in: Seconds for which the link works, from 1 to 86,400; 3,600 when left out.

        Raises:
            DatasourceNotFoundError: No such data source.
            ValueError: An argument outside its limits; nothing is sent.
        """
        check_optional_int("expires_in", expires_in, 1, MAX_LINK_SECONDS)
        operation = operations.create_datasource_download(
            self.datasource_id, body=DownloadRequest(expires_in)
        )
        link = await self._core.transport.call(operation)
        return SignedLink.from_reply(link)

    def download(
        self,
        target: str | os.PathLike[str] | Writable | None = None,
        *,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Transfer[DownloadResult]:
        """Download the original file: ``await source.download("products.csv")``.

        Section "Generate Download URL". What breaks off goes on where it was if the server vouches
        for it, else from the start. A path holds the whole file or what it held before: the file
        grows beside it and is renamed when its length is right and it is on the disk.

        Args:
            target: A path, a folder (the file keeps the last part of its name), a named pipe or
                device, or a file object opened for writing in binary mode. Without it, use
                ``.stream()`` of the result.
            on_progress: Called with a :class:`~claro_async.progress.Progress` of bytes; what it
                raises ends the download as a cancellation does, and is raised as it is.

        Raises:
            DatasourceNotFoundError: No such data source.
            TransferError: It cannot be had whole; nothing is left behind.
            OSError: The target cannot be written, or its folder does not exist; nothing is sent.
        """
        check_callback("on_progress", on_progress)
        if target is not None:
            check_target(target)

        def begin() -> Fetch:
            return Fetch(self._core.downloader, self.create_download_link)

        async def run() -> DownloadResult:
            if target is None:
                raise TypeError("download needs a target to be awaited; without, use .stream()")
            with self._core.working():
                return await download(begin(), target, meter())

        def meter() -> ProgressMeter | None:
            if on_progress is None:
                return None
            return ProgressMeter(on_progress, "bytes", self._core.clock.monotonic)

        return Transfer(run, lambda: fetch_blocks(begin(), meter()), "download")

    def stream(self) -> AsyncGenerator[bytes, None]:
        """The original file's bytes as they come: ``async for chunk in source.stream()``.

        Raises:
            DatasourceNotFoundError: No such data source.
            TransferError: It broke off, and the server cannot go on from there.
        """
        return self.download().stream()

    async def to_arrow(
        self,
        *,
        sort: str | None = None,
        order: SortOrder | SortOrderName | None = None,
        filter: str | None = None,  # noqa: A002 - the documents' own name
        on_type_error: OnTypeError = "raise",
        read_ahead: int = READ_AHEAD,
    ) -> pa.Table:
        """All records as an Arrow table in memory; the schema comes from the columns' types.

        Args:
            sort: As for :meth:`rows`.
            order: As for :meth:`rows`.
            filter: As for :meth:`rows`.
            on_type_error: What becomes of a value that does not fit its column's type: ``raise``,
                ``null``, or ``string`` (the column becomes text).
            read_ahead: Pages asked for while another is looked at.

        Raises:
            TransferError: A value does not fit, and ``on_type_error`` is ``raise``; or columns
                changed or rows were deleted while the pages were read.
            ImportError: pyarrow is missing.
        """
        check_choice("on_type_error", on_type_error, ("raise", "null", "string"))
        stream = self.rows(sort=sort, order=order, filter=filter, read_ahead=read_ahead)
        with self._core.working():
            return await collect(stream.pages(strict=True), on_type_error=on_type_error)

    async def wait_until_ready(
        self,
        *,
        timeout: float = 300.0,  # noqa: ASYNC109 - a time limit that spans many requests
    ) -> DatasourceDetails:
        """Wait while the data source is processed; returns its details.

        Args:
            timeout: Seconds to wait at the most.

        Raises:
            ProcessingFailedError: It ended as failed.
            TimeoutError: It is still being processed.
        """
        return await wait_until_ready(
            f"data source {self.datasource_id!r}",
            self.get,
            self.rows(limit=1).first,
            self._core.transport,
            timeout,
        )

    async def delete(self, *, confirm: str) -> DatasourceDeletion:
        """Delete the data source and all its data, for good. Section "Delete Data Source".

        If the reply is lost, the request is sent again; a 404 then means that it is gone.

        Args:
            confirm: The data source's id once more.

        Raises:
            DatasourceNotFoundError: No such data source.
            ValueError: Another `confirm`; nothing is sent.
        """
        check_confirm("deleting a data source", "data source id", self.datasource_id, confirm)
        operation = operations.delete_datasource(self.datasource_id)
        result = await self._core.transport.delete(operation)
        return DatasourceDeletion.from_reply(result, datasource_id=self.datasource_id)
