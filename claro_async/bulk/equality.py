"""When two values of a cell are the same: typed, as JSON has types.

``1`` and ``"1"`` differ, and so do ``1`` and ``true``; ``1`` and ``1.0`` are one number. A value
that is missing is null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from claro_async._callbacks import refuse_coroutine

if TYPE_CHECKING:
    from claro_async.options import Equal

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="deterministic").encode


def canonical_json(value: Any) -> bytes:
    """The one JSON text of a value: whole numbers without a fraction, keys in order."""
    return _encode(_canonical(value))


def same_json(left: bytes, right: bytes) -> bool:
    """Whether two JSON texts stand for the same value; the order of an object's keys is none."""
    return left == right or canonical_json(_decode(left)) == canonical_json(_decode(right))


def readable_json(raw: bytes) -> bytes | None:
    """A JSON text as a server sent it, or None where it stands for no value that can be kept.

    Bytes that are no UTF-8, half of a surrogate pair and numbers beyond a double are none.
    """
    try:
        _decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return raw


def is_same(equal: Equal | None, present: Any, present_json: bytes, content: bytes) -> bool:
    """Whether a cell holds what an edit would write.

    Args:
        equal: The caller's own comparison, or None.
        present: What the cell holds.
        present_json: The same as JSON.
        content: What the edit would write, as JSON.

    Raises:
        RuntimeError: The caller's comparison raised what ends a loop; anything else that it raises
            is raised as it is.
    """
    if equal is None:
        return present_json == content or same_json(present_json, content)
    try:
        verdict = equal(present, _decode(content))
        refuse_coroutine(verdict)
        return bool(verdict)
    except (StopIteration, StopAsyncIteration, GeneratorExit) as error:
        raise RuntimeError(f"equal raised {type(error).__name__}") from error


def _canonical(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    return value
