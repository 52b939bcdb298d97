"""Rows from elsewhere, by their keys: dicts, data frames and whatever else speaks Arrow."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, time
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import msgspec

from claro_async.bulk.equality import canonical_json
from claro_async.wire.json import json_bytes, plain_value

if TYPE_CHECKING:
    from claro_async.bulk.coercion import Coercion

Rows: TypeAlias = Iterable[Mapping[str, Any]] | Any
"""Mappings of column names (or ids) to values, or anything with ``__arrow_c_stream__``."""

_decode = msgspec.json.Decoder().decode


@attrs.frozen
class TableRow:
    """A row of a table: its place in it, and values as JSON by column, without the key's."""

    index: int
    values: dict[str, bytes]


@attrs.frozen
class Table:
    """A table by its keys.

    Attributes:
        key: The key column.
        rows: Rows by their key as JSON.
        duplicates: Keys that come twice, each with the place of its second row; none of their rows
            counts.
    """

    key: str
    rows: dict[bytes, TableRow]
    duplicates: dict[bytes, int]

    @property
    def columns(self) -> set[str]:
        """The columns that any row has."""
        return {self.key, *(name for row in self.rows.values() for name in row.values)}


def read_rows(rows: Rows) -> list[Mapping[str, Any]]:
    """The rows as mappings.

    Raises:
        ImportError: pyarrow is missing.
        TypeError: Neither an iterable of mappings nor a data frame.
        ValueError: Two columns have one name.
    """
    if hasattr(rows, "__arrow_c_stream__"):
        return _rows_of_frame(rows)
    if isinstance(rows, Mapping | str | bytes) or not isinstance(rows, Iterable):
        raise TypeError(
            "rows is an iterable of dicts, or a data frame with __arrow_c_stream__, not"
            f" {type(rows).__name__}"
        )
    return list(rows)


def _rows_of_frame(frame: Any) -> list[Mapping[str, Any]]:
    """The rows of anything that speaks Arrow; a pandas index counts if it has a name."""
    try:
        import pyarrow  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: ICN001, PLC0415 - an extra
    except ImportError:
        raise ImportError("a data frame needs pyarrow: install claro-async[arrow]") from None
    table = pyarrow.table(frame)
    if b"pandas" in (table.schema.metadata or {}):
        table = table.drop_columns(list(filter(_UNNAMED_INDEX.fullmatch, table.column_names)))
    shared = [name for name, count in Counter(table.column_names).items() if count > 1]
    if shared:
        raise ValueError(f"rows has several columns named {shared[0]!r}")
    found: list[Mapping[str, Any]] = table.to_pylist()
    return found


_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls an index without a name when it hands over a frame."""


def make_table(
    rows: Iterable[Mapping[str, Any]], key: str, coercion: Coercion | None = None
) -> Table:
    """Rows as a table, their values as JSON.

    Raises:
        TypeError: A value that JSON has no form for.
        ValueError: A row without the key, or a value that does not fit its column.
    """
    found: dict[bytes, TableRow] = {}
    duplicates: dict[bytes, int] = {}
    for index, row in enumerate(rows):
        if key not in row:
            raise ValueError(f"rows[{index}] has no {key!r}, by which rows are matched")
        values = {
            column: _json(value, index, column, coercion)
            for column, value in row.items()
            if column != key
        }
        name = canonical_json(_decode(_json(row[key], index, key, coercion)))
        if name in found or name in duplicates:
            duplicates[name] = index
            found.pop(name, None)
        else:
            found[name] = TableRow(index, values)
    return Table(key, found, duplicates)


def _json(value: Any, index: int, column: str, coercion: Coercion | None) -> bytes:
    if isinstance(value, date | time):  # as the API writes them
        value = value.isoformat()
    if coercion is not None:
        value = coercion.convert(index, column, plain_value(value))
    return json_bytes(value, f"rows[{index}][{column!r}]")
