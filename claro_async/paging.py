"""Pages, and the rows in them.

Claro API v2, "Manage Dataset", sections "List All Datasets" and "Get Dataset Data"; "Manage Data
Source", sections "List All Data Sources" and "Get Data Source Data".

Pages of data are the hot path: they are decoded straight into structs that name only what is
needed, and a typed cell is made when it is asked for.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from itertools import repeat
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, TypeVar

import msgspec

from claro_async.columnar.pages import (
    ColumnarPage,
    Fields,
    cell_columns,
    cell_values,
    with_metadata,
)
from claro_async.errors import DecodeError
from claro_async.models import Cell, DatasetColumn, DatasourceColumn, Pagination

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from claro_async._wire import HttpReply

T = TypeVar("T")
MAX_LIST_LIMIT = 100
MAX_DATA_LIMIT = 1000
READ_AHEAD = 2
MAX_LINK_SECONDS = 86_400


class _Counted(Protocol):
    @property
    def pagination(self) -> Pagination: ...


P = TypeVar("P", bound=_Counted)


class PagedStream(Generic[P, T]):
    """What a paged listing gives: items with ``async for``, pages with :meth:`pages`.

    Awaiting it gives the first page. While a page is looked at, up to `read_ahead` further ones are
    already on their way; leaving the loop early calls them off.

    Args:
        fetch: Reads a page.
        decode: Makes the page when it is its turn: until then its bytes take less memory.
        items: What a page holds.
        first_page: The page to begin with.
        read_ahead: Pages to read ahead.
    """

    def __init__(
        self,
        fetch: Callable[[int], Awaitable[HttpReply]],
        decode: Callable[[HttpReply], P],
        items: Callable[[P], Iterable[T]],
        *,
        first_page: int = 1,
        read_ahead: int = READ_AHEAD,
    ) -> None:
        self._fetch = fetch
        self._decode = decode
        self._items = items
        self._first_page = first_page
        self._read_ahead = read_ahead

    def __await__(self) -> Generator[Any, None, P]:
        return self.first().__await__()

    async def first(self) -> P:
        """The first page."""
        return self._decode(await self._fetch(self._first_page))

    async def __aiter__(self) -> AsyncIterator[T]:
        async with aclosing(self.pages()) as pages:
            async for page in pages:
                for item in self._items(page):
                    yield item

    async def pages(self) -> AsyncGenerator[P, None]:
        """The pages in order; at least one, which may be empty."""
        page = await self.first()
        coming: deque[asyncio.Task[HttpReply]] = deque()
        number = self._first_page + 1
        try:
            while True:
                last = page.pagination.total_pages
                while len(coming) < self._read_ahead and number <= last:
                    coming.append(asyncio.ensure_future(self._fetch(number)))
                    number += 1
                yield page
                if coming:
                    page = self._decode(await coming.popleft())
                elif number <= last:
                    page = self._decode(await self._fetch(number))
                    number += 1
                else:
                    return
        finally:
            for task in coming:
                task.cancel()
            if coming:
                await asyncio.gather(*coming, return_exceptions=True)


class CellStruct(msgspec.Struct, rename="camel", gc=False):
    """A cell as it is read from a page."""

    cell_id: str
    row_id: str
    column_id: str
    value: Any = None
    linked_datasource: str | None = None
    metadata: msgspec.Raw = msgspec.Raw()


class _PaginationStruct(msgspec.Struct, rename="camel", gc=False):
    page: int
    limit: int
    total: int
    total_pages: int


class DatasetPageStruct(msgspec.Struct):
    """The body of a page of a dataset."""

    rows: list[list[CellStruct]]
    columns: list[dict[str, Any]]
    pagination: _PaginationStruct


class DatasourcePageStruct(msgspec.Struct):
    """The body of a page of a data source."""

    data: list[dict[str, Any]]
    columns: list[dict[str, Any]]
    pagination: _PaginationStruct


class Row(Mapping[str, Any]):
    """One row of a dataset: a mapping from column names to values.

    A column can also be given by its id. Where two columns have the same name, only their ids tell
    them apart, and the ids are the keys. A cell that the row does not have reads as None.
    """

    __slots__ = ("_cells", "_index")

    def __init__(self, cells: list[CellStruct], index: ColumnIndex) -> None:
        self._cells = cells
        self._index = index

    @property
    def row_id(self) -> str:
        """The row's id; empty for a row without cells."""
        return self._cells[0].row_id if self._cells else ""

    def __getitem__(self, column: str) -> Any:
        position, column_id = self._index.positions[column]
        try:
            cell = self._cells[position]
            if cell.column_id == column_id:
                return cell.value
        except IndexError:
            pass
        found = self._search(column_id)
        return found.value if found is not None else None

    def __iter__(self) -> Iterator[str]:
        return iter(self._index.keys)

    def __len__(self) -> int:
        return len(self._index.keys)

    def __contains__(self, column: object) -> bool:
        return column in self._index.positions

    def __repr__(self) -> str:
        return f"Row({self.row_id!r}, {self.to_dict()!r})"

    def cell(self, column: str) -> Cell:
        """The cell of a column, with its id and metadata.

        Raises:
            KeyError: No such column, or the row has no cell in it.
        """
        position, column_id = self._index.positions[column]
        cells = self._cells
        cell: CellStruct | None = cells[position] if position < len(cells) else None
        if cell is None or cell.column_id != column_id:
            cell = self._search(column_id)
            if cell is None:
                raise KeyError(column)
        return make_cell(cell)

    @property
    def structs(self) -> list[CellStruct]:
        """The cells as they were read, for code that goes over all of them."""
        return self._cells

    def cells(self) -> list[Cell]:
        """All cells that the row has, as the server orders them."""
        return [make_cell(cell) for cell in self._cells]

    def to_dict(self) -> dict[str, Any]:
        """Column names and values."""
        return {key: self[key] for key in self._index.keys}

    def _search(self, column_id: str) -> CellStruct | None:
        return next((cell for cell in self._cells if cell.column_id == column_id), None)


_decode_metadata = msgspec.json.Decoder(dict[str, Any] | None).decode


def make_cell(cell: CellStruct) -> Cell:
    """A cell as the public model.

    Raises:
        DecodeError: Its metadata are no object.
    """
    raw = cell.metadata
    try:
        metadata = _decode_metadata(raw) if raw else None
    except msgspec.ValidationError as error:
        raise DecodeError(
            f"a reply of another shape than documented: metadata of cell {cell.cell_id!r}: {error}",
            path="metadata",
        ) from None
    return Cell(
        cell.cell_id, cell.row_id, cell.column_id, cell.value, cell.linked_datasource, metadata
    )


class _Positions(dict[str, tuple[int, str]]):
    """Place in a row and column id, by key; what is missing is told with what there is."""

    def __missing__(self, column: str) -> NoReturn:
        raise KeyError(f"no column {column!r}; there are {', '.join(map(repr, self))}")


class ColumnIndex:
    """Where in a row which column stands.

    Attributes:
        keys: Names of the columns; ids where a name is not unique.
        positions: Place in a row and column id, by key, and by id where no name is the same.
    """

    __slots__ = ("keys", "positions")

    def __init__(self, columns: Iterable[tuple[str, str]]) -> None:
        pairs = list(columns)
        count = Counter(name for _, name in pairs)
        # an id that stands for its column, since the name does not, is no other column's key
        taken = {column_id for column_id, name in pairs if count[name] > 1}
        self.keys = [
            column_id if count[name] > 1 or name in taken else name for column_id, name in pairs
        ]
        by_id = {column_id: (at, column_id) for at, (column_id, _) in enumerate(pairs)}
        by_key = {key: (at, pairs[at][0]) for at, key in enumerate(self.keys)}
        self.positions = _Positions({**by_key, **by_id, **by_key})


def _id_and_name(at: int, column: dict[str, Any]) -> tuple[str, str]:
    column_id, name = column.get("columnId"), column.get("name")
    if not isinstance(column_id, str) or not isinstance(name, str):
        raise DecodeError(
            "a reply of another shape than documented: a column without id or name",
            path=f"columns[{at}]",
        )
    return column_id, name


C = TypeVar("C")


class _BasePage(ColumnarPage, Generic[C]):
    """What pages of datasets and of data sources have in common."""

    __slots__ = ("_columns", "_structure", "pagination")
    _column_type: type[C]

    def __init__(
        self,
        body: DatasetPageStruct | DatasourcePageStruct,
        structure: Callable[[Any, Any], Any],
    ) -> None:
        self._columns = body.columns
        self._structure = structure
        told = body.pagination
        self.pagination = Pagination(told.page, told.limit, told.total, told.total_pages)

    @property
    def columns(self) -> list[C]:
        """The columns of the page."""
        form = list[self._column_type]  # type: ignore[name-defined]
        columns: list[C] = self._structure(self._columns, form)
        return columns


class Page(_BasePage[DatasetColumn]):
    """A page of a dataset's rows.

    Iterating over it makes each row when it is its turn.

    Attributes:
        columns: The columns, with ids, names and types.
        pagination: Where the page stands.
    """

    __slots__ = ("_cells", "_index", "_rows")
    _column_type = DatasetColumn

    def __init__(self, body: DatasetPageStruct, structure: Callable[[Any, Any], Any]) -> None:
        super().__init__(body, structure)
        self._cells = body.rows
        self._index = ColumnIndex(
            _id_and_name(at, column) for at, column in enumerate(body.columns)
        )
        self._rows: list[Row] | None = None

    def __iter__(self) -> Iterator[Row]:
        return map(Row, self._cells, repeat(self._index))

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def rows(self) -> list[Row]:
        """The rows, up to 1,000."""
        if self._rows is None:
            self._rows = list(self)
        return self._rows

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as plain dicts of column names and values."""
        return [row.to_dict() for row in self]

    def column_types(self, *, include_metadata: bool = False) -> Fields:
        """Names and types of the columns; each name is followed by its metadata where wanted."""
        types = [str(column.get("type")) for column in self._columns]
        fields = list(zip(self._index.keys, types, strict=True))
        return with_metadata(fields) if include_metadata else fields

    def column_values(self, *, include_metadata: bool = False) -> list[list[Any]]:
        """The values, a list for each column, in the order of :meth:`column_types`."""
        ids = [column["columnId"] for column in self._columns]
        cells = cell_columns(self._cells, ids)
        return cell_values(cells, include_metadata=include_metadata)


class DatasourcePage(_BasePage[DatasourceColumn]):
    """A page of a data source's records.

    Attributes:
        rows: The records, up to 1,000, as plain dicts.
        columns: The columns, with names and types.
        pagination: Where the page stands.
    """

    __slots__ = ("rows",)
    _column_type = DatasourceColumn

    def __init__(self, body: DatasourcePageStruct, structure: Callable[[Any, Any], Any]) -> None:
        super().__init__(body, structure)
        self.rows = body.data

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_dicts(self) -> list[dict[str, Any]]:
        """The records as plain dicts."""
        return self.rows

    def column_types(self, *, include_metadata: bool = False) -> Fields:  # noqa: ARG002
        """Names and types of the columns; records have no metadata."""
        return [(column["name"], str(column.get("type"))) for column in self._columns]

    def column_values(self, *, include_metadata: bool = False) -> list[list[Any]]:  # noqa: ARG002
        """The values, a list for each column, in the order of :meth:`column_types`."""
        names = [column["name"] for column in self._columns]
        return [[row.get(name) for row in self.rows] for name in names]
