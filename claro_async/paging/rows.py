"""One row of a dataset, and the columns by which its values are found."""

from __future__ import annotations

from abc import ABCMeta
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from claro_async.errors import DecodeError
from claro_async.models import Cell
from claro_async.paging.decoding import further_fields
from claro_async.paging.structs import CellStruct, OpenCellStruct
from claro_async.wire.replies import log_replaced
from claro_async.wire.tolerance import JSON_ERRORS, decode_tolerantly


class _MappingStruct(msgspec.StructMeta, ABCMeta):
    """The metaclass of a mapping that is a struct."""


class Row(Mapping[str, Any], msgspec.Struct, gc=False, eq=False, metaclass=_MappingStruct):
    """One row of a dataset: a mapping from column names to values.

    A column can also be given by its id. Where two columns have the same name, only their ids tell
    them apart, and the ids are the keys. A cell that the row does not have reads as None.
    """

    # a struct, since a page makes a thousand of them: that takes half of what an `__init__` does
    _cells: list[CellStruct]
    _index: ColumnIndex

    @property
    def row_id(self) -> str:
        """The row's id; empty for a row without cells."""
        return self._cells[0].row_id if self._cells else ""

    def __getitem__(self, column: str) -> Any:
        try:
            position, column_id = self._index.positions[column]
        except KeyError:
            raise self._index.unknown(column) from None
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
        try:
            position, column_id = self._index.positions[column]
        except KeyError:
            raise self._index.unknown(column) from None
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
        return make_cells(self._cells)

    def to_dict(self) -> dict[str, Any]:
        """Column names and values."""
        return {key: self[key] for key in self._index.keys}

    def _search(self, column_id: str) -> CellStruct | None:
        return next((cell for cell in self._cells if cell.column_id == column_id), None)


_decode_metadata: Callable[[bytes | msgspec.Raw], dict[str, Any] | None] = msgspec.json.Decoder(
    dict[str, Any] | None
).decode


def make_cells(cells: list[CellStruct]) -> list[Cell]:
    """Cells of one page, which are of one class, as public models.

    Raises:
        DecodeError: The metadata of one are no object.
    """
    if cells and type(cells[0]) is not CellStruct:
        return [make_cell(cell) for cell in cells]
    try:
        return [
            Cell(
                cell.cell_id,
                cell.row_id,
                cell.column_id,
                cell.value,
                cell.linked_datasource,
                _decode_metadata(cell.metadata) if cell.metadata else None,
            )
            for cell in cells
        ]
    except JSON_ERRORS:
        return [make_cell(cell) for cell in cells]


def make_cell(cell: CellStruct) -> Cell:
    """A cell as the public model.

    Raises:
        DecodeError: Its metadata are no object.
    """
    raw = cell.metadata
    try:
        metadata = _decode_metadata(raw) if raw else None
    except JSON_ERRORS:
        metadata = _odd_metadata(cell)
    return Cell(
        cell.cell_id,
        cell.row_id,
        cell.column_id,
        cell.value,
        cell.linked_datasource,
        metadata,
        further_fields(cell) if isinstance(cell, OpenCellStruct) else {},
    )


def _odd_metadata(cell: CellStruct) -> dict[str, Any] | None:
    try:
        metadata, replaced = decode_tolerantly(_decode_metadata, bytes(cell.metadata))
    except JSON_ERRORS as error:
        raise DecodeError(
            f"a reply of another shape than documented: metadata of cell {cell.cell_id!r}: {error}",
            path="metadata",
        ) from None
    log_replaced(replaced, f"metadata of cell {cell.cell_id!r}")
    return metadata


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
        self.keys: list[str] = [
            column_id if count[name] > 1 or name in taken else name for column_id, name in pairs
        ]
        by_id = {column_id: (at, column_id) for at, (column_id, _) in enumerate(pairs)}
        by_key = {key: (at, pairs[at][0]) for at, key in enumerate(self.keys)}
        # exactly a dict: the interpreter looks values up in one faster than in a kind of its own
        self.positions: dict[str, tuple[int, str]] = {**by_key, **by_id, **by_key}

    def unknown(self, column: str) -> KeyError:
        """The error for a column that there is not; it lists those that there are."""
        return KeyError(f"no column {column!r}; there are {', '.join(map(repr, self.positions))}")
