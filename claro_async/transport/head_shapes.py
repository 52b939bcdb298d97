"""Heads of replies that are like one that was parsed: the same headers, with other values.

One success of a server differs from the next in a few values: the date, what is left of a quota, a
length, an id. So the parser need not read them all. What it made of one head says what it would
make of every other that has the same status line and the same names in the same order, letter for
letter, and in their places values that it takes whatever they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from re import Match

    from aiohttp.http import RawResponseMessage

_END = "\r\n"
_LENGTH = "content-length"
_DECIDES = frozenset(
    {
        "connection",
        "content-encoding",
        "keep-alive",
        "proxy-connection",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers whose values decide how a reply is read: a head is like another with the same only."""
_ANY_LENGTH = "(?P<length>[1-9][0-9]{0,15})"
_ANY_VALUE = "([!-~][ -~]{0,999}+)"  # printable ASCII, and no longer than any parser takes


class HeadShape:
    """What the heads have in common that are like one.

    Args:
        names: The names of that head's headers as the parser gives them, each another one.
        pattern: What such heads match, with a group for each value.

    Attributes:
        names: As given.
        places: The numbers of the groups by the names, as they are given and in small letters.
        match: Finds such a head at the beginning of bytes; ``length`` is that of the body.
    """

    def __init__(self, names: Sequence[str], pattern: str) -> None:
        places = {name: place for place, name in enumerate(names, start=1)}
        self.names: Sequence[str] = names
        self.places: Mapping[str, int] = places | {
            name.lower(): place for name, place in places.items()
        }
        self.match: Callable[[bytes], Match[bytes] | None] = re.compile(pattern.encode()).match


def shape_of(head: bytes, message: RawResponseMessage) -> HeadShape | None:
    """The shape of a head that was parsed; None where it is no usual one.

    Args:
        head: The head, to its blank line.
        message: What the parser made of it.
    """
    names = [str(name) for name in message.headers]
    known = {name.lower() for name in names}
    if not head.isascii() or _LENGTH not in known or len(known) < len(names):
        return None
    status_line, *lines = head.decode().removesuffix(_END + _END).split(_END)
    headers = [(name.decode(), value.decode()) for name, value in message.raw_headers]
    if lines != [f"{name}: {value}" for name, value in headers]:
        return None
    patterns = [f"{re.escape(name)}: {_values_like(name, value)}" for name, value in headers]
    return HeadShape(names, _END.join((re.escape(status_line), *patterns, "", "")))


def _values_like(name: str, value: str) -> str:
    """What a header's value may be in a head that is like one in which it is this."""
    name = name.lower()
    if name == _LENGTH:
        return _ANY_LENGTH
    return f"({re.escape(value)})" if name in _DECIDES else _ANY_VALUE


class Headers(Mapping[str, str]):
    """Headers of one reply, each cut out when it is asked for, whatever the case of its name.

    Args:
        shape: The shape of the reply's head.
        match: Has the values.
    """

    __slots__ = ("_match", "_shape")

    def __init__(self, shape: HeadShape, match: Match[bytes]) -> None:
        self._shape = shape
        self._match = match

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a header, or the default where there is no such header."""
        places = self._shape.places
        place = places.get(name) or places.get(name.lower())
        return default if place is None else self._match[place].rstrip().decode()

    def __getitem__(self, name: str) -> str:
        """Return the value of a header; raise KeyError where there is none."""
        value: str | None = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names, as they are spelled in the reply."""
        return iter(self._shape.names)

    def __len__(self) -> int:
        """Return how many headers there are."""
        return len(self._shape.names)
