"""Rows from elsewhere, by their keys: dicts, data frames, files, and whatever else speaks Arrow."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import msgspec

from claro_async.bulk.equality import canonical_json
from claro_async.bulk.values import (
    cell_value,
    is_plain,
    iso_text,
    row_name,
    value_json,
    value_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async.bulk.coercion import Coercion

Rows: TypeAlias = Iterable[Mapping[str, Any]] | Any
"""Mappings of column names (or ids) to values, anything with ``__arrow_c_stream__``, the path of a
file, or a :class:`~claro_async.tables.TableReader`."""

_decode = msgspec.json.Decoder().decode


@attrs.frozen
class TableRow:
    """A row of a table: its place in it, and values by column, without the key's."""

    index: int
    values: dict[str, Any]


@attrs.frozen(kw_only=True)
class LoadedRows:
    """Rows in memory, and what to call each.

    Attributes:
        rows: The rows.
        place: Where in a file a row stands, by its number from 0; None where it is in none.
        is_owned: Whether nobody else has the rows, so that they need not be copied.
    """

    rows: Sequence[Mapping[str, Any]]
    place: Callable[[int], str | None]
    is_owned: bool = False


@attrs.frozen(kw_only=True)
class Table:
    """A table by its keys.

    Attributes:
        key: The key column.
        columns: The columns that any row has.
        rows: Rows by their key as JSON.
        duplicates: Keys that come twice, each with the place of its second row; none of their rows
            counts.
        place: Where in a file a row stands, by its number from 0; None where it is in none.
    """

    key: str
    columns: set[str]
    rows: dict[bytes, TableRow]
    duplicates: dict[bytes, int]
    place: Callable[[int], str | None]


def in_no_file(_: int) -> None:
    """The place in a file of a row that comes from none."""


def as_rows(rows: Rows) -> list[Mapping[str, Any]]:
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
            "rows is an iterable of dicts, a data frame with __arrow_c_stream__, or the path of a"
            f" file (.csv, .jsonl, …), not {type(rows).__name__}"
        )
    found = list(rows)
    for index, row in enumerate(found):
        if not isinstance(row, Mapping):
            raise TypeError(f"rows[{index}] is a {type(row).__name__}, not a dict by column")
    return found


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


def make_table(loaded: LoadedRows, key: str, *, nan_is_null: bool = False) -> Table:
    """Rows as a table by its keys.

    Args:
        loaded: The rows.
        key: The key column.
        nan_is_null: Whether NaN stands for a missing value.

    Raises:
        TypeError: A value that JSON has no form for.
        ValueError: A row without the key, or a number that JSON cannot carry.
    """
    place = loaded.place
    keyed = _Keyed(key, place)
    columns = {key}
    for index, row in enumerate(loaded.rows):
        if key not in row:
            name = row_name(index, place(index))
            raise ValueError(f"{name} has no {key!r}, by which rows are matched")
        if loaded.is_owned and isinstance(row, dict) and all(map(is_plain, row.values())):
            values = row
        else:
            values = {
                column: cell_value(
                    value, value_name(index, column, place(index)), nan_is_null=nan_is_null
                )
                if not is_plain(value)
                else value
                for column, value in row.items()
            }
        columns |= values.keys()
        keyed.add(values.pop(key), TableRow(index, values))
    return keyed.table(columns)


def convert_keys(table: Table, coercion: Coercion) -> Table:
    """The table with its keys as the key column of the dataset has them.

    Raises:
        ValueError: A key does not fit the column, or is empty.
    """
    keyed = _Keyed(table.key, table.place)
    for name, row in table.rows.items():
        place = table.place(row.index)
        value = coercion.convert(row.index, table.key, _decode(name), place)
        keyed.add(value, row)
    for name, index in table.duplicates.items():
        value = coercion.convert(index, table.key, _decode(name), table.place(index))
        keyed.note_duplicate(canonical_json(iso_text(value)), index)
    return keyed.table(table.columns)


class _Keyed:
    """Rows as they are put under their keys."""

    def __init__(self, key: str, place: Callable[[int], str | None]) -> None:
        self._key = key
        self._place = place
        self._rows: dict[bytes, TableRow] = {}
        self._duplicates: dict[bytes, int] = {}

    def add(self, value: Any, row: TableRow) -> None:
        """Put a row under its key."""
        if value is None:
            where = row_name(row.index, self._place(row.index))
            raise ValueError(
                f"{where}: the key {self._key!r} is empty, and rows are matched by it: fill it in,"
                " or leave the row out"
            )
        content = value_json(value, row.index, self._key, self._place(row.index))
        name = canonical_json(_decode(content))
        if name in self._rows or name in self._duplicates:
            self.note_duplicate(name, row.index)
        else:
            self._rows[name] = row

    def note_duplicate(self, name: bytes, index: int) -> None:
        """Let no row with this key count."""
        self._duplicates[name] = index
        self._rows.pop(name, None)

    def table(self, columns: set[str]) -> Table:
        """All rows that were added."""
        return Table(
            key=self._key,
            columns=columns,
            rows=self._rows,
            duplicates=self._duplicates,
            place=self._place,
        )
