"""A JSON array cut into runs of whole elements as its bytes come, in blocks of any size.

No decoder at hand reads JSON piece by piece. This finds the last comma of a block that stands
between two elements of the array; what is before it is JSON by itself once it has brackets. The
decoder that gets it sees each byte, so nothing is taken for JSON that is none: a wrong cut cannot
happen unnoticed.

The first cuts are found by going over the structure. Where elements are objects, what stands around
such a comma, up to the name of the next object's first field, is looked for from then on, and the
cut is good if a decoder takes what is before it: what follows whole elements is between elements.
Where that fails once, as for objects within objects that begin alike, the structure decides.
"""

from __future__ import annotations

import re

import msgspec

from claro_async.transfers.counting import BOM, SPACE
from claro_async.wire.tolerance import JSON_ERRORS

_ESCAPED = re.compile(rb"\\.", re.DOTALL)
# strings, whether they end or not, and what structures JSON; possessive, so that it is linear
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[{}\[\],]', re.DOTALL)
_OPENING, _CLOSING, _COMMA, _QUOTE = b"{[", b"}]", 0x2C, 0x22
_STRING_END = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)
_OBJECT_FOLLOWS = re.compile(rb',\s*\{\s*"[^"\\]{1,200}"')
_OBJECT_ENDS = re.compile(rb"\}\s{0,50}$")
_skim = msgspec.json.Decoder(list[msgspec.Raw]).decode
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
        self._is_stale = False  # whether depth and such are those before what is pending
        self._tail = _SHORTEST_TAIL
        self._cuts = 0
        self._around: bytes | None = None  # a comma between elements; empty where that fails
        self._comma = 0  # where in that

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
        cut, whole = self._guess(block)
        if cut < 0:
            cut = self._scan(block)
            if cut < 0:
                self._pending.append(block)
                return b""
            whole = b"".join((*self._pending, block[:cut]))
            self._check_not_empty(whole)
            self._learn(whole, block, cut)
        self._pending = [block[cut + 1 :]]
        self._cuts += 1
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

    def _guess(self, block: bytes) -> tuple[int, bytes]:
        """Where a comma between two elements is, with the elements before it; or -1."""
        if not self._around:
            return -1, b""
        at = block.rfind(self._around)
        if at < 0:
            return -1, b""
        cut = at + self._comma
        whole = b"".join((*self._pending, block[:cut]))
        try:
            _skim(b"[%b]" % whole)
        except JSON_ERRORS:
            self._around = b""
            return -1, b""
        self._is_stale = True
        return cut, whole

    def _learn(self, whole: bytes, block: bytes, cut: int) -> None:
        """Note what stands around a comma between two objects."""
        if self._around is None:
            before = _OBJECT_ENDS.search(whole[-50:])
            after = _OBJECT_FOLLOWS.match(block, cut)
            if before is not None and after is not None:
                self._around = before[0] + after[0]
                self._comma = len(before[0])

    def _scan(self, block: bytes) -> int:
        """Where the last comma between two elements is, or -1; moves the state to the end."""
        if self._is_stale:
            self._is_stale = False
            self._depth, self._inside, self._escaped = 0, False, False
            for piece in self._pending:
                self._pass(piece)
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
