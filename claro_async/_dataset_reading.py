"""Reading a dataset. Claro API v2, "Manage Dataset"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from claro_api import datasets as operations

from claro_async._checks import check_columns, check_int
from claro_async._wire import decode_into, encode_segment
from claro_async.paging import MAX_DATA_LIMIT, READ_AHEAD, DatasetPageStruct, Page, PagedStream
from claro_async.transfers.waiting import wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Iterable

    from claro_async._core import Core
    from claro_async._wire import HttpReply
    from claro_async.models import DatasetDetails
    from claro_async.paging import Row

_decoder = msgspec.json.Decoder(DatasetPageStruct)


class DatasetReading:
    """What reads a dataset."""

    def __init__(self, core: Core, dataset_id: str) -> None:
        encode_segment(dataset_id, "dataset_id")
        self._core = core
        self.dataset_id = dataset_id

    def __repr__(self) -> str:
        return f"Dataset({self.dataset_id!r})"

    async def get(self) -> DatasetDetails:
        """Columns, row count and status. Section "Get Dataset Details".

        Raises:
            DatasetNotFoundError: No such dataset.
        """
        return await self._core.transport.call(operations.get_dataset(self.dataset_id))

    def rows(
        self,
        *,
        columns: Iterable[str] | None = None,
        include_metadata: bool | None = None,
        page_size: int = MAX_DATA_LIMIT,
        start_page: int = 1,
        read_ahead: int = READ_AHEAD,
    ) -> PagedStream[Page, Row]:
        """The rows in order: ``async for`` gives each, ``.pages()`` gives pages.

        Section "Get Dataset Data".

        Args:
            columns: Ids of the columns to read; all when left out.
            include_metadata: Whether cells come with their metadata.
            page_size: Rows a page, from 1 to 1,000; a page is a request.
            start_page: The page to begin with, from 1.
            read_ahead: Pages asked for while another is looked at; 0 for one after the other.

        Raises:
            ValueError: An argument outside its limits; nothing is sent.
        """
        check_int("page_size", page_size, 1, MAX_DATA_LIMIT)
        check_int("start_page", start_page, 1)
        check_int("read_ahead", read_ahead, 0)
        wanted = None
        if columns is not None:
            ids = check_columns("columns", columns)
            if any("," in column for column in ids):
                raise ValueError("columns holds an id with a comma, which the API takes for two")
            wanted = ",".join(ids)

        async def fetch(number: int) -> HttpReply:
            operation = operations.get_dataset_data(
                self.dataset_id,
                page=number,
                limit=page_size,
                columns=wanted,
                include_metadata=include_metadata,
            )
            return await self._core.transport.fetch(operation)

        def decode(reply: HttpReply) -> Page:
            return Page(decode_into(_decoder, reply), self._core.converter.structure)

        return PagedStream(fetch, decode, iter, first_page=start_page, read_ahead=read_ahead)

    async def wait_until_ready(
        self,
        *,
        timeout: float = 300.0,  # noqa: ASYNC109 - a time limit that spans many requests
    ) -> DatasetDetails:
        """Wait while the dataset is processed; returns its details.

        Args:
            timeout: Seconds to wait at the most.

        Raises:
            ProcessingFailedError: It ended as failed.
            TimeoutError: It is still being processed.
        """
        return await wait_until_ready(
            f"dataset {self.dataset_id!r}",
            self.get,
            self.rows(page_size=1).first,
            self._core.transport,
            timeout,
        )
