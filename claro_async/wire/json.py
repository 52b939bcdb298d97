"""JSON values on their way out."""

from __future__ import annotations

import math
from typing import Any

import msgspec

_PLAIN_VALUES = frozenset({str, int, bool, type(None)})


def json_bytes(value: Any, name: str = "value") -> bytes:
    """A JSON value as bytes.

    Raises:
        TypeError: Something that JSON has no form for (a date, a set, bytes, a Decimal, a key that
            is not a str).
        ValueError: NaN, an infinity, a lone surrogate, or nesting without end.
    """
    if type(value) not in _PLAIN_VALUES:
        _check_json(value, name, 0)
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds a lone surrogate, which UTF-8 cannot carry") from None
    except TypeError as error:  # of a class derived from str, int or float
        raise TypeError(f"{name} is not made of plain JSON values: {error}") from None


def _check_json(value: Any, name: str, depth: int) -> None:
    if value is None or isinstance(value, str | int):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value!r}, which JSON cannot carry; null may be meant")
    elif depth > 100:  # noqa: PLR2004
        raise ValueError(f"{name} is nested deeper than 100 levels")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{name} has the key {key!r}; JSON's keys are str")
            _check_json(item, f"{name}[{key!r}]", depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_json(item, f"{name}[{index}]", depth + 1)
    else:
        raise TypeError(
            f"{name} is a {type(value).__name__}, which is not a JSON value;"
            " convert it first (a date to its ISO text, a Decimal to str or float)"
        )
