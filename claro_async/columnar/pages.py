"""What pages of rows have in common when they are looked at by columns."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

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
    def column_id(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def metadata(self) -> msgspec.Raw: ...


class ColumnarPage:
    """A page that can be had as columns, and that speaks Arrow.

    ``pyarrow.table(page)``, ``polars.DataFrame(page)``, ``pandas.DataFrame.from_arrow(page)`` and
    DuckDB take a page as it is. This needs the extra ``claro-async[arrow]``.
    """

    __slots__ = ()

    def column_types(self, *, include_metadata: bool = False) -> Fields:
        """Name and type of each column as :meth:`column_values` has them, in the API's words."""
        raise NotImplementedError

    def column_values(self, *, include_metadata: bool = False) -> list[list[Any]]:
        """The values, a list for each column."""
        raise NotImplementedError

    def to_arrow(
        self, *, on_type_error: OnTypeError = "raise", include_metadata: bool = False
    ) -> pa.Table:
        """The page as an Arrow table; its schema comes from the types of the columns.

        Args:
            on_type_error: What becomes of a value that does not fit its column's type: ``raise``
                an error, write ``null``, or make the column one of text (``string``).
            include_metadata: Whether to add what the cells' metadata says, as further columns.

        Raises:
            TransferError: A value does not fit, and ``on_type_error`` is ``raise``.
            ImportError: pyarrow is missing.
        """
        from claro_async.columnar.arrow import TableMaker  # noqa: PLC0415 - brings pyarrow in

        maker = TableMaker(on_type_error)
        maker.add(
            self.column_types(include_metadata=include_metadata),
            self.column_values(include_metadata=include_metadata),
        )
        return maker.table()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.to_arrow().__arrow_c_stream__(requested_schema)


async def collect(
    pages: AsyncGenerator[ColumnarPage, None], *, on_type_error: OnTypeError, include_metadata: bool
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
            maker.add(
                page.column_types(include_metadata=include_metadata),
                page.column_values(include_metadata=include_metadata),
            )
    return maker.table()


class _Metadata(msgspec.Struct, rename="camel", gc=False):
    """What the documents show of a cell's metadata that a table has a use for."""

    confidence: Any = None
    source_document: Any = None


_decode: Callable[[bytes], _Metadata | None] = msgspec.json.Decoder(_Metadata | None).decode


def with_metadata(fields: Fields) -> Fields:
    """Fields, each followed by those of its cells' metadata.

    Claro API v2, "Manage Dataset", section "Get Dataset Data", shows ``confidence`` and
    ``sourceDocument`` among others, so all of it follows as JSON text.
    """
    taken = {name for name, _ in fields}
    further = (("confidence", "number"), ("sourceDocument", "string"), ("metadata", "json"))
    wide: Fields = []
    for name, kind in fields:
        wide.append((name, kind))
        for part, part_kind in further:
            free = f"{name}.{part}"
            while free in taken:
                free += "_"
            taken.add(free)
            wide.append((free, part_kind))
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


def cell_values(columns: list[list[_Cell | None]], *, include_metadata: bool) -> list[list[Any]]:
    """The values of each column, followed by those of its metadata where wanted."""
    wide: list[list[Any]] = []
    for cells in columns:
        wide.append([None if cell is None else cell.value for cell in cells])
        if include_metadata:
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
