"""JSON in which a few values cannot be decoded: those are replaced, and the rest is read.

A real server sends half an emoji (a string cut in JavaScript; RFC 8259, section 8.2), a byte that
is no UTF-8, a number that no double can hold, or a bare line break within a string. One such value
never takes the rest of a reply along. What it reads as is honest:

* text that is no Unicode has U+FFFD in the places that cannot be decoded,
* a number out of range, NaN and the infinities are their JSON text, such as ``"1e999"``,
* a control character within a string stands as it came.

The strict decoder runs first, so that a well-formed reply costs nothing; only after it failed is
the text repaired.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

JSON_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder of msgspec raises, whatever bytes it gets."""

Path: TypeAlias = tuple[str | int, ...]
"""Where in a JSON value something stands: names and indices from the outside inwards."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_MARK = "\ufdd0"  # a noncharacter: Unicode, section 23.7, keeps it for use within a program
_MOST_PLACES = 20

_NOT_UTF_8 = re.compile("[\udc80-\udcff]")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
# possessive, since an unterminated string would be tried at every length otherwise
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d[\d.eE+-]*+|-?Infinity|NaN', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
# going over all tokens is slow, and seldom needed
_MAY_NEED_TOKENS = re.compile(r"[\x00-\x1f]|\d[eE]\+?\d{3}|\d{309}|Infinity|NaN")


def decode_tolerantly(decode: Callable[[bytes], T], content: bytes) -> tuple[T, list[Path]]:
    """Decode JSON, with what cannot be decoded replaced.

    Args:
        decode: Any decoder of msgspec, also one into structs.
        content: The JSON text.

    Returns:
        The value, and where in it something was replaced, up to 20 places.

    Raises:
        msgspec.MsgspecError: Not JSON all the same, or not of the decoder's type.
        UnicodeDecodeError: A part kept as `msgspec.Raw` is meant; see :func:`decode_any`.
        RecursionError: Nested too deeply.
    """
    try:
        return decode(content), []
    except JSON_ERRORS:
        repaired = repair(content)
        if repaired == content:
            raise
    return decode(repaired), replaced_places(content)


def decode_any(content: bytes | msgspec.Raw) -> Any:
    """A JSON value, such as one kept as `msgspec.Raw`, with what cannot be decoded replaced.

    Raises:
        msgspec.MsgspecError: Not JSON.
        RecursionError: Nested too deeply.
    """
    return decode_tolerantly(msgspec.json.decode, bytes(content))[0]


def repair(content: bytes) -> bytes:
    """The JSON text with every value that cannot be decoded replaced; the same where there is none.

    What is not JSON at all is not JSON afterwards either.
    """
    return _replaced(content, _REPLACEMENT, "")


def replaced_places(content: bytes) -> list[Path]:
    """Where in JSON text :func:`repair` replaces something, up to 20 places."""
    return list(_places(content))


def path_text(path: Path) -> str:
    """A path as text, such as ``rows[2][1].value``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _replaced(content: bytes, replacement: str, number_mark: str) -> bytes:
    text = content.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    text = _NOT_UTF_8.sub(replacement, text)
    text = _ESCAPE.sub(lambda found: replacement if found[1] else found[0], text)
    if _MAY_NEED_TOKENS.search(text):
        text = _TOKEN.sub(lambda found: _token(found[0], number_mark), text)
    return text.encode()


def _token(text: str, number_mark: str) -> str:
    if text[0] == '"':
        return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    try:
        is_finite = math.isfinite(float(text))
    except ValueError:
        return text  # no number at all, which stays an error
    return text if is_finite else f'"{number_mark}{text}"'


def _places(content: bytes) -> Iterator[Path]:
    """Where something was replaced: the text is repaired once more, with marks."""
    try:
        value = msgspec.json.decode(_replaced(content, _MARK, _MARK))
    except JSON_ERRORS:
        return  # a part that only a lenient decoder skips is broken
    found = 0
    pending: list[tuple[Path, Any]] = [((), value)]
    while pending and found < _MOST_PLACES:
        path, item = pending.pop()
        if isinstance(item, str):
            if _MARK in item:
                found += 1
                yield path
        elif isinstance(item, list):
            pending.extend(((*path, at), each) for at, each in _reversed(enumerate(item)))
        elif isinstance(item, dict):
            for name, each in _reversed(item.items()):
                shown = name.replace(_MARK, _REPLACEMENT)
                pending.append(((*path, shown), each))
                if shown != name:
                    found += 1
                    yield (*path, shown)


def _reversed(items: Any) -> list[Any]:
    return list(items)[::-1]
