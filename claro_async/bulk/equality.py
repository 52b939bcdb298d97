"""When two values of a cell are the same: typed, as JSON has types.

``1`` and ``"1"`` differ, and so do ``1`` and ``true``; ``1`` and ``1.0`` are one number. A value
that is missing is null.
"""

from __future__ import annotations

from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="deterministic").encode


def canonical_json(value: Any) -> bytes:
    """The one JSON text of a value: whole numbers without a fraction, keys in order."""
    return _encode(_canonical(value))


def same_json(left: bytes, right: bytes) -> bool:
    """Whether two JSON texts stand for the same value; the order of an object's keys is none."""
    return left == right or canonical_json(_decode(left)) == canonical_json(_decode(right))


def _canonical(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    return value
