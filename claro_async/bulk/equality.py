"""When two values of a cell are the same: typed, so that 1, 1.0, "1" and true all differ."""

from __future__ import annotations

import msgspec

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="deterministic").encode


def same_json(left: bytes, right: bytes) -> bool:
    """Whether two JSON texts stand for the same value.

    Numbers are the same if they are of the same kind, integer or not; the order of an object's keys
    does not count.
    """
    return left == right or _encode(_decode(left)) == _encode(_decode(right))
