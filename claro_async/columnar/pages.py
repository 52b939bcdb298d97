"""What pages of rows have in common when they are looked at by columns."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import msgspec

from claro_async.wire.tolerance import JSON_ERRORS, decode_tolerantly, repair

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    import pyarrow as pa

    from claro_async.columnar.arrow import OnTypeError

Fields = list[tuple[str, str]]


class _Cell(Protocol):
    """What is needed of a cell."""

    @property
    def cell_id(self) -> str: ...
    @property
    def row_id(self) -> str: ...
    @property
    def column_id(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def metadata(self) -> msgspec.Raw: ...


@attrs.frozen(kw_only=True)
class CellParts:
    """What becomes columns, beside the values.

    Attributes:
        include_metadata: What the cells' metadata says.
        cell_ids: The ids of rows and of cells.
    """

    include_metadata: bool = False
    cell_ids: bool = False


VALUES = CellParts()
"""The values alone."""


class ColumnarPage:
    """A page that can be had as columns, and that speaks Arrow.

    ``pyarrow.table(page)``, ``polars.DataFrame(page)``, ``pandas.DataFrame.from_arrow(page)`` and
    DuckDB take a page as it is. This needs the extra ``claro-async[arrow]``.
    """

    __slots__ = ()

    def __len__(self) -> int:
        """How many rows it has."""
        raise NotImplementedError

    def column_types(self, parts: CellParts = VALUES) -> Fields:
        """Name and type of each column as :meth:`column_values` has them, in the API's words."""
        raise NotImplementedError

    def column_values(self, parts: CellParts = VALUES) -> list[list[Any]]:
        """The values, a list for each column."""
        raise NotImplementedError

    def to_arrow(
        self,
        *,
        on_type_error: OnTypeError = "raise",
        include_metadata: bool = False,
        cell_ids: bool = False,
    ) -> pa.Table:
        """The page as an Arrow table; its schema comes from the types of the columns.

        Args:
            on_type_error: What becomes of a value that does not fit its column's type: ``raise``
                an error, write ``null``, or make the column one of text (``string``).
            include_metadata: Whether to add what the cells' metadata says, as further columns.
            cell_ids: Whether to add the ids of rows and cells, as further columns.

        Raises:
            TransferError: A value does not fit, and ``on_type_error`` is ``raise``.
            ImportError: pyarrow is missing.
        """
        from claro_async.columnar.arrow import TableMaker  # noqa: PLC0415 - brings pyarrow in

        parts = CellParts(include_metadata=include_metadata, cell_ids=cell_ids)
        maker = TableMaker(on_type_error)
        maker.add(self.column_types(parts), self.column_values(parts))
        return maker.table()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.to_arrow().__arrow_c_stream__(requested_schema)


async def collect(
    pages: AsyncGenerator[ColumnarPage, None],
    *,
    on_type_error: OnTypeError,
    parts: CellParts = VALUES,
) -> pa.Table:
    """All pages as one Arrow table.

    Raises:
        TransferError: A value does not fit, and ``on_type_error`` is ``raise``; or the columns
            changed between two pages.
        ImportError: pyarrow is missing.
    """
    from claro_async.columnar.arrow import TableMaker  # noqa: PLC0415 - brings pyarrow in

    maker = TableMaker(on_type_error)
    async with aclosing(pages):
        async for page in pages:
            maker.add(page.column_types(parts), page.column_values(parts))
            del page  # see `PagedStream.pages`
    return maker.table()


class _Metadata(msgspec.Struct, rename="camel", gc=False):
    """What the documents show of a cell's metadata that a table has a use for."""

    confidence: Any = None
    source_document: Any = None


_decode: Callable[[bytes], _Metadata | None] = msgspec.json.Decoder(_Metadata | None).decode


_METADATA = (("confidence", "number"), ("sourceDocument", "string"), ("metadata", "json"))


def wide_fields(
    fields: Fields,
    parts: CellParts,
    name_of: Callable[[str, str], str] = "{}.{}".format,
    fold: Callable[[str], str] = str,
) -> Fields:
    """Fields, each followed by the parts of its cells.

    With ids, the row's id comes first. Claro API v2, "Manage Dataset", section "Get Dataset Data",
    shows ``confidence`` and ``sourceDocument`` among the metadata, so all of it follows as JSON
    text. A name that a column has already is not given twice.

    Args:
        fields: Names and types.
        parts: What else of the cells is wanted.
        name_of: Makes the name of a part from the column's and its own.
        fold: Makes names equal that count as one.
    """
    if parts == VALUES:
        return fields
    taken = {fold(name) for name, _ in fields}

    def free(name: str) -> str:
        while fold(name) in taken:
            name += "_"
        taken.add(fold(name))
        return name

    further = ((("cell_id", "string"),) if parts.cell_ids else ()) + (
        _METADATA if parts.include_metadata else ()
    )
    wide: Fields = [(free("row_id"), "string")] if parts.cell_ids else []
    for name, kind in fields:
        wide.append((name, kind))
        wide.extend((free(name_of(name, part)), part_kind) for part, part_kind in further)
    return wide


def cell_columns(
    rows: Sequence[Sequence[_Cell]], column_ids: Sequence[str]
) -> list[list[_Cell | None]]:
    """The cells of each column; None where a row does not have the cell."""
    width = len(column_ids)
    if all(len(row) == width for row in rows):
        columns: list[list[Any]] = [[row[at] for row in rows] for at in range(width)]
        if all(
            {cell.column_id for cell in column} <= {column_id}
            for column, column_id in zip(columns, column_ids, strict=True)
        ):
            return columns
    found = [{cell.column_id: cell for cell in row} for row in rows]
    return [[row.get(column_id) for row in found] for column_id in column_ids]


def cell_values(
    rows: Sequence[Sequence[_Cell]], columns: list[list[_Cell | None]], parts: CellParts
) -> list[list[Any]]:
    """The values of each column, followed by the parts of its cells, as `wide_fields` has them."""
    wide: list[list[Any]] = []
    if parts.cell_ids:
        wide.append([(row[0].row_id or None) if row else None for row in rows])
    for cells in columns:
        wide.append([None if cell is None else cell.value for cell in cells])
        if parts.cell_ids:
            wide.append([None if cell is None else cell.cell_id for cell in cells])
        if parts.include_metadata:
            wide.extend(_metadata_values(cells))
    return wide


def _metadata_values(cells: list[_Cell | None]) -> tuple[list[Any], list[Any], list[Any]]:
    raw = [b"" if cell is None else bytes(cell.metadata) for cell in cells]
    known = [_known_metadata(text) if text else None for text in raw]
    return (
        [None if found is None else found.confidence for found in known],
        [None if found is None else found.source_document for found in known],
        [repair(text).decode() if text not in {b"", b"{}", b"null"} else None for text in raw],
    )


def _known_metadata(text: bytes) -> _Metadata | None:
    """None where the metadata are no object: as JSON text, they are in the table all the same."""
    try:
        found, _ = decode_tolerantly(_decode, text)
    except JSON_ERRORS:
        return None
    return found
