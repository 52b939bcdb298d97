"""Rows as Arrow: the one place that imports pyarrow, with the extra ``claro-async[arrow]``.

The API gives a column's type as a word ("Manage Dataset", section "Get Dataset Details", has
``string``, ``text`` and ``number``), and any JSON value in its cells. What a type becomes:

=====================  ==========  ==============================================
type                   Arrow       what fits
=====================  ==========  ==============================================
string, text           string      text
number, float          double      numbers; integers up to what a double holds exactly
integer                int64       integers of 64 bits
boolean                bool        true and false
any other              string      everything: what is not text becomes its JSON text
=====================  ==========  ==============================================

Null fits everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs
import msgspec

from claro_async.errors import TransferError

try:
    import pyarrow as pa
except ImportError as _error:
    raise ImportError(
        "Arrow and Parquet need pyarrow: pip install 'claro-async[arrow]'", name="pyarrow"
    ) from _error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

OnTypeError: TypeAlias = Literal["raise", "null", "string"]


@attrs.frozen
class _Kind:
    """What a column can hold."""

    arrow: pa.DataType
    types: frozenset[type]
    anything: bool = False


def _kind(arrow: pa.DataType, *types: type, anything: bool = False) -> _Kind:
    return _Kind(arrow, frozenset({*types, type(None)}), anything)


_ANYTHING = _kind(pa.string(), str, anything=True)


def _kinds() -> Mapping[str, _Kind]:
    text, number = _kind(pa.string(), str), _kind(pa.float64(), int, float)
    whole, truth = _kind(pa.int64(), int), _kind(pa.bool_(), bool)
    return {
        **dict.fromkeys(("string", "text"), text),
        **dict.fromkeys(("number", "float", "double"), number),
        **dict.fromkeys(("integer", "int"), whole),
        **dict.fromkeys(("boolean", "bool"), truth),
    }


_KINDS = _kinds()


class Batches:
    """Makes record batches of one schema out of pages.

    With ``on_type_error="string"`` a column that meets a value which does not fit becomes text from
    then on; :meth:`conform` makes earlier batches alike.

    Args:
        fields: Name and type of each column, in the API's words.
        on_type_error: What to do with a value that does not fit.
    """

    def __init__(self, fields: Sequence[tuple[str, str]], on_type_error: OnTypeError) -> None:
        self._fields = list(fields)
        self._on_type_error = on_type_error
        self._kinds = [_KINDS.get(kind.lower(), _ANYTHING) for _, kind in fields]
        self.schema: pa.Schema = self._schema()

    def batch(self, columns: Sequence[list[Any]]) -> pa.RecordBatch:
        """A batch of these values; :attr:`schema` may be another one afterwards.

        Raises:
            TransferError: A value that does not fit, and ``on_type_error`` is ``raise``.
        """
        arrays = [self._array(at, values) for at, values in enumerate(columns)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def conform(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """An earlier batch in the present schema."""
        if batch.schema == self.schema:
            return batch
        arrays = [
            array if array.type == field.type else _as_text(array.to_pylist())
            for array, field in zip(batch.columns, self.schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _schema(self) -> pa.Schema:
        pairs = zip(self._fields, self._kinds, strict=True)
        return pa.schema([(name, kind.arrow) for (name, _), kind in pairs])

    def _array(self, at: int, values: list[Any]) -> pa.Array:
        kind = self._kinds[at]
        if kind.types.issuperset(map(type, values)):
            try:
                return pa.array(values, kind.arrow)
            except (OverflowError, ValueError):
                pass  # an integer or a surrogate that the type cannot hold
        elif kind.anything:
            return _as_text(values)
        return self._misfit(at, values)

    def _misfit(self, at: int, values: list[Any]) -> pa.Array:
        kind = self._kinds[at]
        if self._on_type_error == "string":
            self._kinds[at] = _ANYTHING
            self.schema = self._schema()
            return _as_text(values)
        fitting = [value if _fits(kind, value) else None for value in values]
        if self._on_type_error == "null":
            return pa.array(fitting, kind.arrow)
        row = next(
            number
            for number, (value, kept) in enumerate(zip(values, fitting, strict=True))
            if value is not kept
        )
        name, word = self._fields[at]
        raise TransferError(
            f"column {name!r} has the type {word!r}, but row {row + 1} of the page holds"
            f" {_shown(values[row])}; on_type_error='null' makes it null"
        )


def arrow_schema(fields: Sequence[tuple[str, str]]) -> pa.Schema:
    """The schema of columns of these names and types, in the API's words."""
    return Batches(fields, "raise").schema


def _fits(kind: _Kind, value: Any) -> bool:
    if type(value) not in kind.types:
        return False
    try:
        pa.array([value], kind.arrow)
    except (OverflowError, ValueError):
        return False
    return True


def _as_text(values: Iterable[Any]) -> pa.Array:
    return pa.array([_text(value) for value in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float) and value.is_integer() and abs(value) <= 1 << 53:
        value = int(value)  # a double does not tell 29 from 29.0
    return msgspec.json.encode(value).decode()


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:39] + '…'}"  # noqa: PLR2004


def _names(fields: Sequence[tuple[str, str]]) -> str:
    text = ", ".join(f"{name} ({kind})" for name, kind in fields)
    return text if len(text) <= 200 else text[:199] + "…"  # noqa: PLR2004


class TableMaker:
    """Makes one table of pages that have the same columns, a chunk for each page."""

    def __init__(self, on_type_error: OnTypeError) -> None:
        self._on_type_error = on_type_error
        self._fields: Sequence[tuple[str, str]] = ()
        self._batches: Batches | None = None
        self._made: list[pa.RecordBatch] = []

    def add(self, fields: Sequence[tuple[str, str]], columns: Sequence[list[Any]]) -> None:
        """Add a page's rows.

        Args:
            fields: Name and type of each column, in the API's words.
            columns: The values, a list for each column.

        Raises:
            TransferError: A value does not fit, and ``on_type_error`` is ``raise``; or the page has
                other columns than the first.
        """
        if self._batches is None:
            self._fields = fields
            self._batches = Batches(fields, self._on_type_error)
        elif fields != self._fields:
            raise TransferError(
                f"the columns changed while the pages were read: {_names(self._fields)} before,"
                f" {_names(fields)} now; read again"
            )
        self._made.append(self._batches.batch(columns))

    def table(self) -> pa.Table:
        """All rows that were added, of at least one page."""
        batches = self._batches
        if batches is None:
            return pa.table({})
        return pa.Table.from_batches([batches.conform(b) for b in self._made], batches.schema)
