"""Values of tables from elsewhere: what a date, a scalar or a missing value stands for.

=========================================  =====================================================
value                                      what it is taken for
=========================================  =====================================================
dates and times, also pandas' and numpy's  themselves; their ISO text once they are compared
scalars of numpy                           the Python values that they stand for
``pandas.NA``, ``NaT``                     null
``decimal.Decimal``                        the number, if a double or an int holds it exactly
NaN                                        null where values are converted by column, else refused
=========================================  =====================================================

Neither numpy nor pandas is imported for this.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any, TypeAlias

import msgspec

from claro_async.wire.json import json_bytes, plain_value

Time: TypeAlias = date | time
"""A date, a date with its time, or a time."""

PLAIN = frozenset({str, int, bool, type(None)})
"""Classes whose values are what they are."""
_encode = msgspec.json.Encoder(order="deterministic").encode
_MISSING = frozenset({"NAType", "NaTType"})
_MAX_EXPONENT = 308  # of a double; an int of more digits is nobody's number
_MICROSECONDS = 6  # digits


def is_plain(value: Any) -> bool:
    """Whether a value is what it is, and JSON carries it: most are, and need no further look."""
    kind = type(value)
    return kind in PLAIN or (kind is float and isfinite(value))


def row_name(index: int, place: str | None) -> str:
    """What to call a row in an error: its place in a file, where it comes from one."""
    return place or f"rows[{index}]"


def value_name(index: int, column: str, place: str | None) -> str:
    """What to call a value in an error."""
    return f"{place}, column {column!r}" if place else f"rows[{index}][{column!r}]"


def cell_value(value: Any, name: str, *, nan_is_null: bool) -> Any:
    """A value of nothing but JSON's own classes, dates and times.

    Args:
        value: As a table has it.
        name: What to call it in an error.
        nan_is_null: Whether NaN stands for a missing value.

    Raises:
        TypeError: A value that JSON has no form for.
        ValueError: A number that JSON cannot carry.
    """
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind.__module__.startswith("pandas") and kind.__name__ in _MISSING:
        return None  # before the dates: NaT is derived from them
    if isinstance(value, date | time):
        return value
    if kind.__module__ == "numpy" and kind.__name__ == "datetime64":
        return _of_numpy(value)
    is_number = isinstance(value, float | Decimal)
    if is_number and nan_is_null and value != value:  # noqa: PLR0124 - NaN
        return None
    return _of_decimal(value, name) if isinstance(value, Decimal) else plain_value(value, name)


def iso_text(value: Any) -> Any:
    """The ISO text of a date or a time; anything else as it is."""
    if type(value) in PLAIN:
        return value  # most often
    return value.isoformat() if isinstance(value, date | time) else value


def value_json(value: Any, index: int, column: str, place: str | None) -> bytes:
    """A value of :func:`cell_value` as JSON.

    Raises:
        ValueError: A text that UTF-8 cannot carry.
    """
    try:
        return _encode(iso_text(value))
    except UnicodeEncodeError:
        return json_bytes(value, value_name(index, column, place))  # raises by the value's name


def is_same_time(value: Time, text: str) -> bool:
    """Whether a text says a date or a time, however precisely it writes it.

    A date is the same as its midnight, and a moment the same in any time zone.
    """
    if isinstance(value, time):
        return bool(_parse(time, text) == value)
    return _moment(_parse(datetime, text)) == _moment(value)


def _parse(kind: type[datetime | time], text: str) -> Any:
    try:
        return kind.fromisoformat(text)
    except ValueError:
        return None


def _moment(value: date | None) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - as naive as a date is


def _of_decimal(value: Decimal, name: str) -> float:
    if value.is_finite() and value.adjusted() <= _MAX_EXPONENT:
        if value == value.to_integral_value():
            return int(value)
        number = float(value)
        if Decimal(repr(number)) == value:
            return number
    raise ValueError(
        f"{name} is {value!s:.80}, which no JSON number carries exactly: make it a text, or round"
        " it"
    )


def _of_numpy(value: Any) -> Time | str | None:
    """A ``datetime64``: ``item()`` would make a number of one that counts nanoseconds."""
    text = str(value)
    if text == "NaT":
        return None
    _, _, fraction = text.partition(".")
    found = _parse(datetime, text)
    if found is None or len(fraction.rstrip("0")) > _MICROSECONDS:
        return text  # a year or a month alone, or more digits than Python keeps
    moment: datetime = found
    return moment if "T" in text else moment.date()
