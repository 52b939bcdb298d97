"""Where pages come from: how a listing is asked for and decoded, and what its items are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from claro_async._generated.claro_api import datasets, datasources
from claro_async.models import DatasetList, DatasetSummary, DatasourceList, DatasourceSummary
from claro_async.paging.pages import DatasourcePage, Page
from claro_async.paging.pagination import read_pagination
from claro_async.wire.replies import decode_json, structure_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Set as AbstractSet

    from claro_async._generated.claro_api.operation import Operation
    from claro_async.models import Pagination
    from claro_async.paging.rows import Row
    from claro_async.wire.converter import ModelConverter
    from claro_async.wire.replies import HttpReply

P = TypeVar("P")
T = TypeVar("T")
E = TypeVar("E", DatasetSummary, DatasourceSummary)


class _ListPage(Protocol):
    """What pages of listings have in common."""

    pagination: Pagination


D = TypeVar("D", Page, DatasourcePage)
L = TypeVar("L", bound=_ListPage)


class Fetcher(Protocol):
    """What carries an operation out."""

    async def fetch(self, operation: Operation[Any]) -> HttpReply:
        """The reply, a success."""


class Connection(Protocol):
    """What a client lends to its handles."""

    @property
    def transport(self) -> Fetcher:
        """Carries operations out."""

    @property
    def converter(self) -> ModelConverter:
        """Makes models."""


class PageSource(ABC, Generic[P, T]):
    """One listing.

    Attributes:
        name: What is listed, for messages.
        counts_all: Whether its total counts just what its pages hold.
    """

    name: str
    counts_all: bool = True

    @abstractmethod
    async def fetch(self, number: int) -> HttpReply:
        """Ask for a page."""

    @abstractmethod
    def decode(self, reply: HttpReply, number: int, before: int | None) -> P:
        """Make the page; `before` are the items on the pages before, where they are known."""

    @abstractmethod
    def items(self, page: P) -> Iterable[T]:
        """What the page holds."""

    @abstractmethod
    def pagination(self, page: P) -> Pagination:
        """Where the page stands."""

    @abstractmethod
    def count(self, page: P) -> int:
        """How many items it has."""

    def keys(self, page: P) -> AbstractSet[str]:  # noqa: ARG002
        """What tells its items from each other; empty where nothing does."""
        return frozenset()

    def leave_out(self, page: P, keys: AbstractSet[str]) -> None:
        """Drop the items of these keys."""


class Rows(PageSource[D, T]):
    """The rows of a dataset, or the records of a data source.

    Args:
        connection: Carries requests out.
        page: What a reply becomes.
        name: What is read, for messages.
        operation: Builds the operation that reads a page, from its number.
        limit: How many rows a page is asked for.
    """

    def __init__(
        self,
        connection: Connection,
        page: type[D],
        *,
        name: str,
        operation: Callable[[int], Operation[Any]],
        limit: int,
    ) -> None:
        self.name = name
        self._connection = connection
        self._page: type[D] = page
        self._operation = operation
        self._limit = limit

    async def fetch(self, number: int) -> HttpReply:
        """Ask for a page."""
        return await self._connection.transport.fetch(self._operation(number))

    def decode(self, reply: HttpReply, number: int, before: int | None) -> D:
        """Make the page."""
        return self._page.from_reply(
            reply, self._connection.converter, number=number, limit=self._limit, before=before
        )

    def items(self, page: D) -> Iterable[T]:
        """The rows."""
        return cast("Iterable[T]", page)

    def pagination(self, page: D) -> Pagination:
        """Where the page stands."""
        return page.pagination

    def count(self, page: D) -> int:
        """How many rows it has."""
        return len(page)

    def keys(self, page: D) -> AbstractSet[str]:
        """The ids of the rows; records have none."""
        return page.row_ids()

    def leave_out(self, page: D, keys: AbstractSet[str]) -> None:
        """Drop the rows of these ids."""
        page.leave_out(keys)


class Listing(PageSource[L, E]):
    """All datasets or data sources that the key can see; the total may count others as well.

    Args:
        connection: Carries requests out.
        form: What a page is.
        operation: Builds the operation that reads a page, from its number.
        entries: The attribute of a page that has its entries, also as the reply calls it.
        key: The attribute that is an entry's id.
        limit: The entries a page that are asked for.
    """

    counts_all = False

    def __init__(  # noqa: PLR0913 - what tells one listing from the other
        self,
        connection: Connection,
        form: type[L],
        *,
        operation: Callable[[int], Operation[Any]],
        entries: tuple[str, str],
        key: str,
        limit: int,
    ) -> None:
        self.name: str = f"the list of {entries[0].replace('_', ' ')}"
        self._connection = connection
        self._form = form
        self._operation = operation
        self._entries, self._wire_entries = entries
        self._key = attrgetter(key)
        self._limit = limit

    async def fetch(self, number: int) -> HttpReply:
        """Ask for a page."""
        return await self._connection.transport.fetch(self._operation(number))

    def decode(self, reply: HttpReply, number: int, before: int | None) -> L:
        """Make the page; an entry without an id is left out, since nothing can be done with it."""
        data = decode_json(reply)
        pagination: Pagination | None = None
        if isinstance(data, dict):
            entries = data.get(self._wire_entries)
            pagination = read_pagination(
                data.get("pagination"),
                page=number,
                limit=self._limit,
                count=len(entries) if isinstance(entries, list) else 0,
                before=before,
            )
            data = {**data, "pagination": _STANDING}
        page = structure_model(self._connection.converter, self._form, data, reply.status)
        if pagination is not None:
            page.pagination = pagination
        self._set(page, [each for each in self.items(page) if self._key(each) is not None])
        return page

    def items(self, page: L) -> Iterable[E]:
        """The entries."""
        found: list[E] = getattr(page, self._entries)
        return found

    def pagination(self, page: L) -> Pagination:
        """Where the page stands."""
        return page.pagination

    def count(self, page: L) -> int:
        """How many entries it has."""
        return len(getattr(page, self._entries))

    def keys(self, page: L) -> AbstractSet[str]:
        """The ids of the entries."""
        return set(map(self._key, self.items(page)))

    def leave_out(self, page: L, keys: AbstractSet[str]) -> None:
        """Drop the entries of these ids."""
        self._set(page, [each for each in self.items(page) if self._key(each) not in keys])

    def _set(self, page: L, entries: list[E]) -> None:
        setattr(page, self._entries, entries)


_STANDING = {"page": 1, "limit": 1, "total": 0, "totalPages": 0}
"""Stands for a pagination that is read apart."""


def dataset_rows(
    connection: Connection, dataset_id: str, *, limit: int, **query: Any
) -> PageSource[Page, Row]:
    """The rows of a dataset; `query` are the documented query parameters."""
    read = datasets.get_dataset_data
    return Rows(
        connection,
        Page,
        name=f"the rows of dataset {dataset_id!r}",
        operation=lambda number: read(dataset_id, page=number, limit=limit, **query),
        limit=limit,
    )


def datasource_records(
    connection: Connection, datasource_id: str, *, limit: int, **query: Any
) -> PageSource[DatasourcePage, dict[str, Any]]:
    """The records of a data source; `query` are the documented query parameters."""
    read = datasources.get_datasource_data
    return Rows(
        connection,
        DatasourcePage,
        name=f"the records of data source {datasource_id!r}",
        operation=lambda number: read(datasource_id, page=number, limit=limit, **query),
        limit=limit,
    )


def dataset_list(
    connection: Connection, *, limit: int, **query: Any
) -> PageSource[DatasetList, DatasetSummary]:
    """All datasets; `query` are the documented query parameters."""
    return Listing(
        connection,
        DatasetList,
        operation=lambda number: datasets.list_datasets(page=number, limit=limit, **query),
        entries=("datasets", "datasets"),
        key="dataset_id",
        limit=limit,
    )


def datasource_list(
    connection: Connection, *, limit: int, **query: Any
) -> PageSource[DatasourceList, DatasourceSummary]:
    """All data sources; `query` are the documented query parameters."""
    return Listing(
        connection,
        DatasourceList,
        operation=lambda number: datasources.list_datasources(page=number, limit=limit, **query),
        entries=("data_sources", "dataSources"),
        key="datasource_id",
        limit=limit,
    )
