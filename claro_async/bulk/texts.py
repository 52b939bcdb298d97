"""When a text of a file says what a cell holds, although the cell holds no text.

A CSV file writes null and the empty text alike, numbers and true and false as words, and objects as
JSON. So the file alone does not say whether a cell holds ``1.5`` or ``"1.5"``; the cell's present
value does.
"""

from __future__ import annotations

from typing import Any

import msgspec

from claro_async.bulk.equality import canonical_json
from claro_async.bulk.values import Time, is_same_time

_decode = msgspec.json.Decoder().decode


def is_written_as(present: Any, value: Any) -> bool:
    """Whether a file that holds a cell's present value would hold this one.

    Args:
        present: What the cell holds.
        value: What the file holds.
    """
    if isinstance(value, str):
        return _is_text_of(present, value)
    if isinstance(value, Time):
        return isinstance(present, str) and is_same_time(value, present)
    return canonical_json(present) == canonical_json(value)


def text_of(present: Any) -> str:
    """A value as a file of texts writes it."""
    return present if isinstance(present, str) else msgspec.json.encode(present).decode()


def _is_text_of(present: Any, text: str) -> bool:
    if present is None:
        return not text
    if isinstance(present, str):
        return text == present
    if isinstance(present, bool):
        return text.strip().lower() == text_of(present)
    if text == text_of(present):
        return True  # most often
    try:
        found = _decode(text)
        return not isinstance(found, bool) and canonical_json(found) == canonical_json(present)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
