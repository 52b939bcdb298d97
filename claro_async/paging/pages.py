"""Pages of datasets and of data sources."""

from __future__ import annotations

from abc import abstractmethod
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import msgspec

from claro_async.columnar.pages import (
    VALUES,
    CellParts,
    ColumnarPage,
    Fields,
    cell_columns,
    cell_values,
    wide_fields,
)
from claro_async.errors import DecodeError
from claro_async.models import DatasetColumn, DatasourceColumn
from claro_async.paging.decoding import decode_dataset_page, decode_datasource_page
from claro_async.paging.pagination import read_pagination
from claro_async.paging.rows import ColumnIndex, Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from claro_async.models import Pagination
    from claro_async.paging.decoding import DecodedPage
    from claro_async.paging.structs import DatasetPageStruct, DatasourcePageStruct
    from claro_async.wire.converter import ModelConverter
    from claro_async.wire.replies import HttpReply

C = TypeVar("C", DatasetColumn, DatasourceColumn)

_copy_ids = msgspec.json.Decoder(set[str]).decode


class _BasePage(ColumnarPage, Generic[C]):
    """What pages of datasets and of data sources have in common."""

    __slots__ = ("_columns", "_converter", "_made_columns", "additional_properties", "pagination")
    _column_type: type[C]
    _decode: ClassVar[staticmethod[[HttpReply, int], DecodedPage[Any]]]

    def __init__(
        self,
        body: DatasetPageStruct | DatasourcePageStruct,
        converter: ModelConverter,
        pagination: Pagination,
        further: dict[str, Any],
    ) -> None:
        self._columns = body.columns
        self._converter: ModelConverter | None = converter
        self._made_columns: list[C] | None = None
        self.pagination: Pagination = pagination
        self.additional_properties: dict[str, Any] = further

    @classmethod
    def from_reply(
        cls,
        reply: HttpReply,
        converter: ModelConverter,
        *,
        number: int,
        limit: int,
        before: int | None = None,
    ) -> Self:
        """A page from its bytes.

        Args:
            reply: The page.
            converter: Makes the columns when they are asked for.
            number: Which page was asked for.
            limit: How many rows were asked for.
            before: How many rows are on the pages before, where that is known.

        Raises:
            DecodeError: It cannot be read; says where.
        """
        found = cls._decode(reply, number)
        body = found.body
        pagination = read_pagination(
            body.pagination, page=number, limit=limit, count=len(body), before=before
        )
        return cls(body, converter, pagination, found.further)

    @property
    def columns(self) -> list[C]:
        """The columns of the page; what is missing of one, or not as documented, is None."""
        if self._made_columns is None:
            assert self._converter is not None  # noqa: S101 - a copy without has its columns made
            make = self._converter.structure_tolerantly
            self._made_columns = [make(column, self._column_type) for column in self._columns]
        return self._made_columns

    @abstractmethod
    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as plain dicts of column names and values."""

    def to_dict(self) -> dict[str, Any]:
        """The page as plain JSON values: rows, columns and where it stands."""
        return {
            "rows": self.to_dicts(),
            "columns": [column.to_dict() for column in self.columns],
            "pagination": self.pagination.to_dict(),
            **self.additional_properties,
        }

    def __getstate__(self) -> dict[str, Any]:
        """All but the converter, which cannot be pickled; the columns are made before."""
        self.columns  # noqa: B018
        names = (name for kind in type(self).__mro__ for name in getattr(kind, "__slots__", ()))
        state = {name: getattr(self, name) for name in names}
        return {**state, "_converter": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


def _missing(at: int, column: dict[str, Any], number: int, *names: str) -> None:
    for name in names:
        found = column.get(name)
        if not isinstance(found, str) or (not found and name == "columnId"):
            raise DecodeError(
                f"page {number}: a reply of another shape than documented: a column without {name}",
                path=f"columns[{at}].{name}",
            )


class Page(_BasePage[DatasetColumn]):
    """A page of a dataset's rows.

    Iterating over it makes each row when it is its turn.

    Attributes:
        columns: The columns, with ids, names and types.
        pagination: Where the page stands.
        additional_properties: What the page holds beyond that, by wire name.
    """

    __slots__ = ("_cells", "_index", "_rows")
    _column_type = DatasetColumn
    _decode = staticmethod(decode_dataset_page)

    def __init__(
        self,
        body: DatasetPageStruct,
        converter: ModelConverter,
        pagination: Pagination,
        further: dict[str, Any],
    ) -> None:
        super().__init__(body, converter, pagination, further)
        for at, column in enumerate(body.columns):
            _missing(at, column, pagination.page, "columnId", "name")
        if len({column["columnId"] for column in body.columns}) < len(body.columns):
            raise DecodeError(f"page {pagination.page} has two columns of one id", path="columns")
        self._cells = body.rows
        self._index = ColumnIndex((column["columnId"], column["name"]) for column in body.columns)
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

    def row_ids(self) -> AbstractSet[str]:
        """The ids of the rows that have cells.

        They are copies. The page's own lie among all else that it is made of: where they outlived
        it, the next page could not be made of its memory as this one was, for a fifth of the CPU.
        """
        ids = _copy_ids(msgspec.json.encode([cells[0].row_id for cells in self._cells if cells]))
        ids.discard("")
        return ids

    def leave_out(self, row_ids: AbstractSet[str]) -> None:
        """Drop the rows of these ids."""
        self._cells = [cells for cells in self._cells if cells and cells[0].row_id not in row_ids]
        self._rows = None

    def column_types(self, parts: CellParts = VALUES) -> Fields:
        """Names and types of the columns; each name is followed by the parts that are wanted."""
        types = [str(column.get("type")) for column in self._columns]
        return wide_fields(list(zip(self._index.keys, types, strict=True)), parts)

    def column_values(self, parts: CellParts = VALUES) -> list[list[Any]]:
        """The values, a list for each column, in the order of :meth:`column_types`."""
        ids = [column["columnId"] for column in self._columns]
        return cell_values(self._cells, cell_columns(self._cells, ids), parts)


class DatasourcePage(_BasePage[DatasourceColumn]):
    """A page of a data source's records.

    Attributes:
        rows: The records, up to 1,000, as plain dicts.
        columns: The columns, with names and types.
        pagination: Where the page stands.
        additional_properties: What the page holds beyond that, by wire name.
    """

    __slots__ = ("rows",)
    _column_type = DatasourceColumn
    _decode = staticmethod(decode_datasource_page)

    def __init__(
        self,
        body: DatasourcePageStruct,
        converter: ModelConverter,
        pagination: Pagination,
        further: dict[str, Any],
    ) -> None:
        super().__init__(body, converter, pagination, further)
        for at, column in enumerate(body.columns):
            _missing(at, column, pagination.page, "name")
        # records tell columns apart by name alone: what is listed twice is one column
        self._columns = list({column["name"]: column for column in body.columns[::-1]}.values())[
            ::-1
        ]
        self.rows: list[dict[str, Any]] = body.data

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_dicts(self) -> list[dict[str, Any]]:
        """The records as plain dicts."""
        return self.rows

    def row_ids(self) -> AbstractSet[str]:
        """Nothing: records have no ids."""
        return frozenset()

    def leave_out(self, row_ids: AbstractSet[str]) -> None:
        """Do nothing: records have no ids."""

    def column_types(self, parts: CellParts = VALUES) -> Fields:  # noqa: ARG002
        """Names and types of the columns; records have neither ids nor metadata."""
        return [(column["name"], str(column.get("type"))) for column in self._columns]

    def column_values(self, parts: CellParts = VALUES) -> list[list[Any]]:  # noqa: ARG002
        """The values, a list for each column, in the order of :meth:`column_types`."""
        names = [column["name"] for column in self._columns]
        return [[row.get(name) for row in self.rows] for name in names]
