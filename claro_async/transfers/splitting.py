"""A JSON array cut into runs of whole elements as its bytes come, in blocks of any size.

No decoder at hand reads JSON piece by piece. This finds, at the speed of `bytes.split`, the last
comma of a block that stands between two elements of the array; what is before it is JSON by itself
once it has brackets. The decoder that gets it sees each byte, so nothing is taken for JSON that is
none: a wrong cut cannot happen unnoticed.
"""

from __future__ import annotations

import re

from claro_async.transfers.counting import BOM, SPACE

_ESCAPED = re.compile(rb"\\.", re.DOTALL)
# strings, whether they end or not, and what structures JSON; possessive, so that it is linear
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[{}\[\],]', re.DOTALL)
_OPENING, _CLOSING, _COMMA, _QUOTE = b"{[", b"}]", 0x2C, 0x22
_STRING_END = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)
_SHORTEST_TAIL = 1 << 12  # bytes that are looked at one by one


class LayoutError(Exception):
    """An export is not laid out in a way that is understood; the text says what is odd."""


class ArraySplitter:
    """Cuts a JSON array into runs of whole elements.

    The state between two blocks is what a block cannot say of itself: whether it begins within a
    string, behind a backslash, and how deep.
    """

    def __init__(self) -> None:
        self._head: bytes | None = b""  # what came before the first bracket; None after it
        self._pending: list[bytes] = []  # of the element that is not whole yet
        self._depth = 0
        self._inside = False
        self._escaped = False
        self._tail = _SHORTEST_TAIL
        self._cuts = 0

    def feed(self, block: bytes) -> bytes:
        """Take the next bytes; returns the elements that they make whole, with commas between.

        Returns:
            JSON without the brackets of the array; empty where no element has become whole.

        Raises:
            LayoutError: It is no array.
        """
        if self._head is not None:
            block = self._begin(block)
        if not block:
            return b""
        cut = self._scan(block)
        if cut < 0:
            self._pending.append(block)
            return b""
        whole = b"".join((*self._pending, block[:cut]))
        self._pending = [block[cut + 1 :]]
        self._cuts += 1
        self._check_not_empty(whole)
        return whole

    def finish(self) -> bytes:
        """The last elements, after the last byte; empty for an array without elements.

        Raises:
            LayoutError: The array does not end.
        """
        rest = b"".join(self._pending).rstrip(SPACE)
        if self._head is not None or not rest.endswith(b"]"):
            raise LayoutError("it does not end as an array")
        last = rest[:-1]
        if self._cuts:
            self._check_not_empty(last)
        return last.strip(SPACE)

    def _check_not_empty(self, elements: bytes) -> None:
        if not elements.strip(SPACE):
            raise LayoutError("it has a comma without an element")

    def _begin(self, block: bytes) -> bytes:
        """What follows the first bracket."""
        head = (self._head or b"") + block
        text = head.removeprefix(BOM).lstrip(SPACE)
        if not text or BOM.startswith(text):
            self._head = head
            return b""
        if not text.startswith(b"["):
            raise LayoutError("it is no array")
        self._head = None
        return text[1:]

    def _scan(self, block: bytes) -> int:
        """Where the last comma between two elements is, or -1; moves the state to the end."""
        before = (self._depth, self._inside, self._escaped)
        size = len(block)
        while True:
            start = max(0, size - self._tail)
            self._depth, self._inside, self._escaped = before
            self._pass(block[:start])
            cut = self._walk(block, start)
            if cut >= 0 or not start:
                self._tail = max(_SHORTEST_TAIL, min(self._tail, 2 * (size - cut)))
                return cut
            self._tail *= 2

    def _pass(self, data: bytes) -> None:
        """Move the state over bytes, without looking at each."""
        if not data:
            return
        if self._escaped:
            data, self._escaped = data[1:], False
        if b"\\" in data:
            trailing = len(data) - len(data.rstrip(b"\\"))
            self._escaped = trailing % 2 == 1
            data = _ESCAPED.sub(b"", data)
        parts = data.split(b'"')
        outside = b"".join(parts[self._inside :: 2])
        self._inside ^= len(parts) % 2 == 0
        self._depth += sum(outside.count(each) for each in _OPENING)
        self._depth -= sum(outside.count(each) for each in _CLOSING)

    def _walk(self, block: bytes, start: int) -> int:
        """Move the state from `start` to the end; returns the last comma at the top, or -1."""
        if self._inside:
            start = self._leave_string(block, start)
        depth, cut = self._depth, -1
        for token in _TOKEN.finditer(block, start):
            first = block[token.start()]
            if first == _QUOTE:
                if not token[1]:
                    self._inside = True
                    self._escaped = token.end() < len(block)  # at the backslash that is the last
            elif first == _COMMA:
                if depth == 0:
                    cut = token.start()
            else:
                depth += 1 if first in _OPENING else -1
        self._depth = depth
        return cut

    def _leave_string(self, block: bytes, start: int) -> int:
        """Where the string ends in which the walk begins."""
        if self._escaped and start < len(block):
            start, self._escaped = start + 1, False
        found = _STRING_END.match(block, start)
        end = start if found is None else found.end()
        if found is not None and found[1]:
            self._inside = False
            return end
        self._escaped = self._escaped or end < len(block)
        return len(block)
