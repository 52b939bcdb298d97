"""JSON values on their way out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

_PLAIN_VALUES = frozenset({str, int, bool, type(None)})
_TEXT = frozenset({str})
_CONTAINERS = (dict, list, tuple)
_MAX_DEPTH = 100


def json_bytes(value: Any, name: str = "value") -> bytes:
    """A JSON value as bytes.

    Classes derived from str, int and float count as what they are derived from, and numpy's scalars
    as the Python values that they stand for.

    Raises:
        TypeError: Something that JSON has no form for (a date, a set, bytes, a Decimal, a key that
            is not a str).
        ValueError: NaN, an infinity, a lone surrogate, or nesting without end.
    """
    if type(value) not in _PLAIN_VALUES and not _is_flat(value):
        value = _plain(value, name, 0)
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds a lone surrogate, which UTF-8 cannot carry") from None


def _is_flat(value: Any) -> bool:
    """Whether it is an object of plain values, as most bodies are: nothing is to be done to it."""
    return (
        type(value) is dict
        and _TEXT.issuperset(map(type, value))
        and _PLAIN_VALUES.issuperset(map(type, value.values()))
    )


def plain_value(value: Any, name: str = "value") -> Any:
    """The value, of nothing but JSON's own classes.

    Raises:
        TypeError: See :func:`json_bytes`, also for the following.
        ValueError: NaN, an infinity, or nesting without end.
    """
    return value if type(value) in _PLAIN_VALUES else _plain(value, name, 0)


def _plain(value: Any, name: str, depth: int) -> Any:
    """A value, which is no plain one yet, of nothing but JSON's own classes."""
    if type(value) is float:
        return _finite(value, name)
    if isinstance(value, _CONTAINERS):
        if depth > _MAX_DEPTH:
            raise ValueError(f"{name} is nested deeper than {_MAX_DEPTH} levels")
        return _plain_parts(value, name, depth + 1)
    for base, convert in _BASES:
        if isinstance(value, base):
            return convert(value, name)
    if _is_numpy_scalar(value):
        item = value.item()
        return item if type(item) in _PLAIN_VALUES else _plain(item, name, depth + 1)
    raise TypeError(
        f"{name} is a {type(value).__name__}, which is not a JSON value;"
        " convert it first (a date to its ISO text, a Decimal to str or float)"
    )


def _plain_parts(
    value: dict[Any, Any] | list[Any] | tuple[Any, ...], name: str, depth: int
) -> dict[str, Any] | list[Any]:
    if not isinstance(value, dict):
        return [
            item if type(item) in _PLAIN_VALUES else _plain(item, f"{name}[{at}]", depth)
            for at, item in enumerate(value)
        ]
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"{name} has the key {key!r}; JSON's keys are str")
    return {
        str.__str__(key): item
        if type(item) in _PLAIN_VALUES
        else _plain(item, f"{name}[{key!r}]", depth)
        for key, item in value.items()
    }


def _finite(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}, which JSON cannot carry; null may be meant")
    return float.__float__(value)


# What a class can be derived from; as what it then counts.
_BASES: tuple[tuple[type, Callable[[Any, str], Any]], ...] = (
    (float, _finite),
    (str, lambda value, _: str.__str__(value)),
    (int, lambda value, _: int.__int__(value)),
)


def _is_numpy_scalar(value: Any) -> bool:
    kind = type(value)  # numpy itself is not imported for this
    if kind.__module__ != "numpy" or kind.__name__ in _NUMPY_TIMES:
        return False
    return hasattr(kind, "item") and not hasattr(kind, "__iter__")


_NUMPY_TIMES = frozenset({"datetime64", "timedelta64"})
"""Their ``item()`` can be a plain number of nanoseconds, which says nothing of a time."""
