"""Identifiers as path segments; opaque, and never able to change the path."""

from __future__ import annotations

import re
from urllib.parse import quote

_PLAIN_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_.~-]*", re.ASCII).fullmatch

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]").search


def encode_segment(value: str, name: str = "id") -> str:
    """An identifier as one path segment; it can never change the path.

    Raises:
        TypeError: Not a str.
        ValueError: Empty, ``.`` or ``..``, or holds control characters or lone surrogates.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if value.isascii() and value.isidentifier():
        return value  # as most are: to find that out takes a quarter of what a pattern does
    if _PLAIN_SEGMENT(value):
        return value
    if value in {"", ".", ".."} or _FORBIDDEN(value):
        raise ValueError(
            f"{name} {value!r} cannot be an identifier: use it exactly as a reply gave it"
        )
    return quote(value, safe="")
