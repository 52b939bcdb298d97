"""Datasets: the listing, and the handle of one.

Claro API v2, "Manage Dataset". A handle does no I/O until one of its methods is awaited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claro_api import datasets as operations

from claro_async._checks import check_confirm, check_int, check_on_error, to_enum
from claro_async._dataset_bulk import DatasetBulk
from claro_async._dataset_edits import DatasetEdits
from claro_async._dataset_transfers import DatasetTransfers
from claro_async._wire import decode_model
from claro_async.models import DatasetList, DatasetStatus, DatasetType, Deletion
from claro_async.paging import MAX_LIST_LIMIT, PagedStream
from claro_async.transfers.batch import TransferReport, as_pairs, run_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from claro_async._core import Core
    from claro_async._wire import HttpReply
    from claro_async.models import DatasetSummary, DatasourceLink
    from claro_async.transfers.batch import OnError


class Datasets:
    """All datasets that the key can see."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def list(
        self,
        *,
        page: int = 1,
        limit: int = MAX_LIST_LIMIT,
        type: DatasetType | str | None = None,  # noqa: A002 - the documents' own name
        status: DatasetStatus | str | None = None,
    ) -> PagedStream[DatasetList, DatasetSummary]:
        """List datasets: ``async for`` gives each, awaiting gives the first page.

        Section "List All Datasets".

        Args:
            page: The page to begin with, from 1.
            limit: Datasets a page, from 1 to 100; a page is a request.
            type: Only ``extraction``, ``analysis`` or ``classification``.
            status: Only ``processing``, ``completed`` or ``failed``.

        Raises:
            ValueError: An argument outside its limits; nothing is sent.
        """
        check_int("page", page, 1)
        check_int("limit", limit, 1, MAX_LIST_LIMIT)
        type_ = None if type is None else to_enum("type", type, DatasetType)
        status_ = None if status is None else to_enum("status", status, DatasetStatus)

        async def fetch(number: int) -> HttpReply:
            operation = operations.list_datasets(
                page=number, limit=limit, type=type_, status=status_
            )
            return await self._core.transport.fetch(operation)

        def decode(reply: HttpReply) -> DatasetList:
            return decode_model(self._core.converter, DatasetList, reply)

        return PagedStream(fetch, decode, lambda found: found.datasets, first_page=page)


class Dataset(DatasetEdits, DatasetBulk, DatasetTransfers):
    """One dataset, by its id.

    Attributes:
        dataset_id: The id.
    """

    async def link_datasources(
        self,
        links: Mapping[str, str] | Iterable[tuple[str, str]],
        *,
        max_concurrency: int = 8,
        on_error: OnError = "collect",
        on_progress: Callable[[TransferReport[DatasourceLink]], None] | None = None,
    ) -> TransferReport[DatasourceLink]:
        """Link a data source to each of many cells; see :meth:`link_datasource`.

        Args:
            links: Data source ids by cell id.
            max_concurrency: Requests under way at once.
            on_error: ``collect`` counts failures in the report; ``raise`` starts no further request
                after the first and raises.
            on_progress: Called with the report after each link.

        Raises:
            BulkUpdateError: A link failed, and ``on_error`` is ``raise``.
        """
        check_int("max_concurrency", max_concurrency, 1)
        check_on_error(on_error)
        report: TransferReport[DatasourceLink] = TransferReport()
        await run_batch(
            report,
            as_pairs("links", links),
            self.link_datasource,
            max_concurrency=max_concurrency,
            on_error=on_error,
            on_done=on_progress,
        )
        return report

    async def delete(self, *, confirm: str) -> Deletion:
        """Delete the dataset and all its data, for good. Section "Delete Dataset".

        If the reply is lost, the request is sent again; a 404 then means that it is gone.

        Args:
            confirm: The dataset's id once more.

        Raises:
            DatasetNotFoundError: No such dataset.
            ValueError: Another `confirm`; nothing is sent.
        """
        check_confirm("deleting a dataset", "dataset id", self.dataset_id, confirm)
        transport = self._core.transport
        operation = operations.delete_dataset(self.dataset_id)
        result = await transport.delete(operation)
        deleted_at = None if result is None else result.deleted_at
        return Deletion(self.dataset_id, deleted_at, confirmed_by_absence=result is None)
