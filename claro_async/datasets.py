"""Datasets: the listing, and the handle of one.

Claro API v2, "Manage Dataset". A handle does no I/O until one of its methods is awaited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claro_api import datasets as operations

from claro_async._checks import check_confirm, check_int, to_enum
from claro_async._dataset_bulk import DatasetBulk
from claro_async._dataset_edits import DatasetEdits
from claro_async._dataset_transfers import DatasetTransfers
from claro_async.models import DatasetStatus, DatasetType, Deletion
from claro_async.paging import MAX_LIST_LIMIT, PagedStream

if TYPE_CHECKING:
    from claro_async._core import Core
    from claro_async.models import DatasetList, DatasetSummary


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

        async def fetch(number: int) -> DatasetList:
            operation = operations.list_datasets(
                page=number, limit=limit, type=type_, status=status_
            )
            return await self._core.transport.call(operation)

        return PagedStream(fetch, lambda found: found.datasets, first_page=page)


class Dataset(DatasetEdits, DatasetBulk, DatasetTransfers):
    """One dataset, by its id.

    Attributes:
        dataset_id: The id.
    """

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
