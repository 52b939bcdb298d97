"""Arguments that can be seen to be wrong before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from enum import StrEnum

E = TypeVar("E", bound="StrEnum")


def check_mapping(name: str, value: object) -> None:
    """Refuse what is no mapping of str.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping, not {type(value).__name__}")
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"{name} must have str as names, not {type(key).__name__}")


def check_text(name: str, value: object) -> None:
    """Refuse what is no str.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")


def check_int(name: str, value: object, low: int, high: int | None = None) -> None:
    """Refuse what is not a whole number within the limits.

    Raises:
        TypeError: Not an int.
        ValueError: Below `low` or above `high`.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if value < low or (high is not None and value > high):
        limits = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be {limits}, not {value}")


def check_optional_int(name: str, value: int | None, low: int, high: int | None = None) -> None:
    """As :func:`check_int`, where None stands for the default."""
    if value is not None:
        check_int(name, value, low, high)


def to_enum(name: str, value: str, enum: type[E]) -> E:
    """A documented value as a member of its enum.

    A member made by hand from an undocumented value is let through, for a server that has learned
    something new.

    Raises:
        ValueError: None of the documented values.
    """
    if isinstance(value, enum):
        return value
    if value not in {member.value for member in enum}:
        known = ", ".join(repr(member.value) for member in enum)
        raise ValueError(f"{name} must be one of {known}, not {value!r}")
    return enum(value)


def check_real(name: str, value: object) -> None:
    """Refuse what is no number.

    Raises:
        TypeError: Not a real number.
    """
    if not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")


def check_bool(name: str, value: object) -> None:
    """Refuse what is neither true nor false.

    Raises:
        TypeError: Not a bool.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {value!r:.80}")


def check_path(name: str, path: object) -> None:
    """Refuse what cannot be the path of a file.

    Raises:
        TypeError: Neither a str nor a path.
        ValueError: Empty, or with NUL.
    """
    text = path if isinstance(path, str) or not isinstance(path, os.PathLike) else os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"{name} must be the path of a file, as str or Path, not {path!r:.80}")
    if not text or "\0" in text:
        raise ValueError(f"{name} must be the path of a file, not {path!r:.80}")


def check_columns(name: str, columns: Iterable[str]) -> list[str]:
    """Ids of columns as a list.

    Raises:
        TypeError: One str, or something that holds no str.
        ValueError: Empty, or an id that is empty.
    """
    if isinstance(columns, str):
        raise TypeError(f"{name} must be a list of column ids, not one str")
    ids = list(columns)
    if not ids:
        raise ValueError(f"{name} is empty; leave it out to get all columns")
    for column in ids:
        if not isinstance(column, str):
            raise TypeError(f"{name} must hold column ids (str), not {type(column).__name__}")
        if not column:
            raise ValueError(f"{name} holds an empty id")
    return ids


def check_confirm(action: str, name: str, wanted: str, given: str) -> None:
    """Refuse a destructive call that does not repeat what it destroys.

    Raises:
        ValueError: The ids differ.
    """
    if given != wanted:
        raise ValueError(f"{action} cannot be undone: pass confirm={wanted!r}, the {name}")


def check_choice(name: str, value: str, known: Sequence[str]) -> None:
    """Refuse what is none of the choices.

    Raises:
        ValueError: None of them.
    """
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, not {value!r}")


def check_on_error(on_error: str) -> None:
    """Refuse what is neither of the two ways.

    Raises:
        ValueError: Neither ``collect`` nor ``raise``.
    """
    check_choice("on_error", on_error, ("collect", "raise"))
