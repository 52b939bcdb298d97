"""Values of a table as a column of the dataset has them.

Values that come from files are texts. With ``coerce="column"`` they become what the column's type
says ("Manage Dataset", section "Get Dataset Details", has ``string``, ``text`` and ``number``):

=====================  ============================================================================
type                   what becomes of a value
=====================  ============================================================================
string, text           text stays; a number, or true and false, becomes its JSON text
number, float, double  a text that JSON would take for a number becomes that number
integer, int           the same, where the number is a whole one
boolean, bool          ``true`` and ``false`` as texts, in any case, become what they say
any other              stays as it is
=====================  ============================================================================

Null fits everywhere. A text of nothing but blanks is null in all columns but those of text; there
``blanks`` says whether an empty text stays one or becomes null. Dates and times become their ISO
texts where the column is no number; :mod:`claro_async.bulk.values` says what other scalars become.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from claro_async._plain import plain_value
from claro_async.bulk.values import Time, iso_text, value_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from claro_async.models import DatasetColumn
    from claro_async.options import CoerceOptions

MAX_MISFITS_KEPT = 10_000


class Misfit(NamedTuple):
    """A value that does not fit its column's type.

    Attributes:
        row: Its row's place in the table, from 0.
        column: Its column, as the table calls it.
        value: The value.
        place: Where a file has it, such as ``products.csv, line 7``; None where the table is no
            file.
    """

    row: int
    column: str
    value: Any
    place: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The value and its place as plain JSON values."""
        return {name: plain_value(value) for name, value in self._asdict().items()}


class Coercion:
    """Converts the values of a table, column by column.

    Attributes:
        misfits: Values that do not fit; the first 10,000.
        misfit_count: How many those are in all.
    """

    def __init__(self, columns: Iterable[DatasetColumn], options: CoerceOptions) -> None:
        self._options = options
        self.misfits: list[Misfit] = []
        self.misfit_count: int = 0
        self._types: dict[str, str] = {}
        for column in columns:
            kind = str(column.type).lower()
            self._types.setdefault(column.name, kind)
            self._types[column.column_id] = kind

    def convert(self, row: int, column: str, value: Any, place: str | None = None) -> Any:
        """A value as its column has it.

        Args:
            row: Its row's place in the table, from 0.
            column: Its column, as the table calls it.
            value: The value; see :func:`claro_async.bulk.values.cell_value`.
            place: Where a file has its row, or None.

        Raises:
            ValueError: It does not fit, and ``on_type_error`` is ``raise``.
        """
        kind = self._types.get(column, "")
        is_text = kind in _TEXT
        if value is None or (isinstance(value, str) and not value.strip() and not is_text):
            return None
        if value == "" and isinstance(value, str):
            return None if self._options.blanks == "null" else value
        try:
            return _CONVERT.get(kind, iso_text)(value)
        except ValueError:
            return self._misfit(Misfit(row, column, iso_text(value), place), kind)

    def _misfit(self, misfit: Misfit, kind: str) -> Any:
        if self._options.on_type_error == "raise":
            name = value_name(misfit.row, misfit.column, misfit.place)
            raise ValueError(
                f"{name} is {misfit.value!r:.80}, which does not fit the column's type {kind}:"
                " mend it, or see on_type_error"
            ) from None
        self.misfit_count += 1
        if len(self.misfits) < MAX_MISFITS_KEPT:
            self.misfits.append(misfit)
        return None if self._options.on_type_error == "null" else misfit.value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return msgspec.json.encode(value).decode()
    if isinstance(value, Time):
        return str(iso_text(value))
    raise ValueError


def _number(value: Any) -> float | int:
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value.strip())
        except msgspec.DecodeError:
            raise ValueError from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError  # noqa: TRY004 - a value that does not fit, not a wrong argument
    return value


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _truth(value: Any) -> bool:
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower())
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - a value that does not fit, not a wrong argument
    return value


_TEXT = frozenset({"string", "text"})
_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_TEXT, _text),
    **dict.fromkeys(("number", "float", "double"), _number),
    **dict.fromkeys(("integer", "int"), _whole),
    **dict.fromkeys(("boolean", "bool"), _truth),
}
