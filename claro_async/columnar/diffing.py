"""What changed between two exports of a dataset, cell by cell, as Arrow."""

from __future__ import annotations

import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

try:
    import pyarrow as pa
    from pyarrow import compute, parquet
except ImportError as _error:
    raise ImportError("diff needs pyarrow: pip install 'claro-async[arrow]'") from _error

if TYPE_CHECKING:
    from collections.abc import Iterator

ROW_ID = "row_id"
_CELL_ID = ".cell_id"
_PARQUET, _ARROW = frozenset({".parquet", ".pq"}), frozenset({".arrow", ".feather"})
_BELOW_2_53 = 1 << 53


def compare(old: Any, new: Any, key: str | None) -> pa.Table:
    """See :func:`claro_async.columnar.changes.diff`."""
    before, after = _plain(_table("old", old)), _plain(_table("new", new))
    name = ROW_ID if key is None else key
    keys = [_keys(which, table, name) for which, table in (("old", before), ("new", after))]
    if keys[0].type != keys[1].type:
        keys = [each.cast(pa.string()) for each in keys]
    return _Diff((before, after), name, (keys[0], keys[1])).table()


class _Diff:
    """Two tables, and which rows of them belong together."""

    def __init__(
        self,
        tables: tuple[pa.Table, pa.Table],
        key: str,
        keys: tuple[pa.ChunkedArray, pa.ChunkedArray],
    ) -> None:
        before, after = self._before, self._after = tables
        old_keys, new_keys = self._old_keys, self._new_keys = keys
        names = dict.fromkeys(chain(after.column_names, before.column_names))
        self._names = [each for each in names if each not in {key, ROW_ID} and not _is_id(each)]
        place = compute.index_in(new_keys, value_set=old_keys.combine_chunks())
        self._added = _where(compute.is_null(place))
        self._new_rows = _where(compute.is_valid(place))
        self._old_rows = place.take(self._new_rows)
        gone = compute.index_in(old_keys, value_set=new_keys.combine_chunks())
        self._removed = _where(compute.is_null(gone))

    def table(self) -> pa.Table:
        """The cells that changed."""
        schema = pa.schema(
            [
                *(("change", pa.string()), ("key", self._new_keys.type), ("column", pa.string())),
                *(("old", pa.string()), ("new", pa.string()), ("cell_id", pa.string())),
                *(("row", pa.int64()), ("place", pa.int64())),
            ]
        )
        parts = [
            part.cast(schema) for at, name in enumerate(self._names) for part in self._of(at, name)
        ]
        found = pa.concat_tables([schema.empty_table(), *parts])
        return found.sort_by([("row", "ascending"), ("place", "ascending")]).drop_columns(
            ["row", "place"]
        )

    def _of(self, at: int, name: str) -> Iterator[pa.Table]:
        """The cells of one column."""
        new = _column(self._after, name, self._new_rows)
        old = _column(self._before, name, self._old_rows)
        changed = _where(_differ(old, new))
        rows = self._new_rows.take(changed)
        yield _part(
            "changed",
            self._new_keys.take(rows),
            (at, name),
            (old.take(changed), new.take(changed)),
            (_ids(self._after, name, rows), rows),
        )
        for change, table, keys, rows, first in (
            ("added", self._after, self._new_keys, self._added, 0),
            ("removed", self._before, self._old_keys, self._removed, len(self._after)),
        ):
            values = _column(table, name, rows)
            pair = (None, values) if change == "added" else (values, None)
            places = compute.add(rows.cast(pa.int64()), first)
            yield _part(
                change, keys.take(rows), (at, name), pair, (_ids(table, name, rows), places)
            )


def _part(
    change: str,
    keys: pa.ChunkedArray,
    column: tuple[int, str],
    values: tuple[Any, Any],
    where: tuple[Any, Any],
) -> pa.Table:
    size = len(keys)
    old, new = (_json(each, size) for each in values)
    ids, rows = where
    return pa.table(
        {
            "change": pa.repeat(pa.scalar(change), size),
            "key": keys,
            "column": pa.repeat(pa.scalar(column[1]), size),
            "old": old,
            "new": new,
            "cell_id": ids,
            "row": rows.cast(pa.int64()),
            "place": pa.repeat(pa.scalar(column[0], pa.int64()), size),
        }
    )


def _table(name: str, export: Any) -> pa.Table:
    if hasattr(export, "__arrow_c_stream__"):
        return pa.table(export)
    if not isinstance(export, str | os.PathLike):
        raise TypeError(
            f"{name} must be the path of an export or speak Arrow, not {type(export).__name__}"
        )
    suffix = Path(export).suffix.lower()
    if suffix in _PARQUET:
        with pa.OSFile(os.fspath(export), "rb") as file:
            return parquet.read_table(file)
    if suffix in _ARROW:
        with pa.OSFile(os.fspath(export), "rb") as file, pa.ipc.open_file(file) as reader:
            return reader.read_all()
    raise ValueError(f"{name} must be a .parquet or .arrow file, not {Path(export).name!r}")


def _plain(table: pa.Table) -> pa.Table:
    """The table with text of one kind, whatever kinds of it there are."""
    kinds = pa.types
    fields = [
        pa.field(field.name, pa.string())
        if kinds.is_large_string(field.type)
        or kinds.is_dictionary(field.type)
        or str(field.type) == "string_view"
        else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _keys(which: str, table: pa.Table, name: str) -> pa.ChunkedArray:
    if table.column_names.count(name) != 1:
        raise ValueError(
            f"{which} has no column {name!r}: pass key=, or export with cell_ids=True to compare by"
            " the ids of rows"
        )
    keys = table.column(name)
    if keys.null_count:
        raise ValueError(f"{which} has {keys.null_count:,} rows without a {name!r}")
    counted = compute.value_counts(keys.combine_chunks())
    twice = counted.filter(compute.greater(counted.field("counts"), 1))
    if len(twice):
        raise ValueError(f"{which} has {twice[0]['values'].as_py()!r} twice as {name!r}")
    return keys


def _column(table: pa.Table, name: str, rows: pa.Array) -> Any:
    if name not in table.column_names:
        return pa.nulls(len(rows))
    return table.column(name).take(rows)


def _ids(table: pa.Table, name: str, rows: pa.Array) -> Any:
    ids = f"{name}{_CELL_ID}"
    return _column(table, ids, rows) if ids in table.column_names else pa.nulls(len(rows))


def _differ(old: Any, new: Any) -> Any:
    """Where two columns of equal length hold another value; null is one like all others."""
    if old.type != new.type or pa.types.is_nested(old.type):
        old, new = _json(old, len(old)), _json(new, len(new))
    unequal = compute.fill_null(compute.not_equal(old, new), fill_value=False)
    one_null = compute.xor(compute.is_null(old), compute.is_null(new))
    return compute.or_(unequal, one_null)


def _json(values: Any, size: int) -> Any:
    if values is None:
        return pa.nulls(size, pa.string())
    return pa.array([_text(value) for value in values.to_pylist()], pa.string())


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) <= _BELOW_2_53:
        value = int(value)  # a double does not tell 29 from 29.0
    return msgspec.json.encode(value).decode()


def _is_id(name: str) -> bool:
    return name.endswith(_CELL_ID)


def _where(mask: Any) -> pa.Array:
    found = compute.indices_nonzero(mask)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
