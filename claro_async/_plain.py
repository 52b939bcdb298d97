"""Records as plain JSON values, by one rule for every record of this package.

Names are those of the attributes. Dates and times become ISO text, times in seconds become numbers,
enums their values, paths and errors their text. A model of a reply has a rule of its own: its names
are those of the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from enum import Enum
from os import PathLike, fspath
from typing import Any

import attrs


class PlainRecord:
    """What records of this package have in common; it adds no attribute."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values, by attribute name."""
        return plain_record(self)


def plain_record(record: Any) -> dict[str, Any]:
    """An attrs record as plain JSON values, by attribute name; private attributes are left out."""
    return {
        field.name: plain_value(getattr(record, field.name))
        for field in attrs.fields(type(record))
        if not field.name.startswith("_")
    }


def plain_value(value: Any) -> Any:
    """Anything that a record holds, as a plain JSON value."""
    if isinstance(value, Enum):
        return plain_value(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if callable(getattr(value, "to_dict", None)):
        return value.to_dict()
    if attrs.has(type(value)):
        return plain_record(value)
    if isinstance(value, Mapping):
        return {str(plain_value(name)): plain_value(item) for name, item in value.items()}
    return _plain_other(value)


def _plain_other(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_value(item) for item in value]
    if isinstance(value, date):
        text = value.isoformat()
        return f"{text[:-6]}Z" if text.endswith("+00:00") else text
    if isinstance(value, timedelta):
        return value.total_seconds()
    return fspath(value) if isinstance(value, PathLike) else str(value)
