"""Pages of datasets and of data sources."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from claro_async.columnar.pages import (
    ColumnarPage,
    Fields,
    cell_columns,
    cell_values,
    with_metadata,
)
from claro_async.errors import DecodeError
from claro_async.models import DatasetColumn, DatasourceColumn, Pagination
from claro_async.paging.rows import ColumnIndex, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from claro_async.paging.structs import DatasetPageStruct, DatasourcePageStruct


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
