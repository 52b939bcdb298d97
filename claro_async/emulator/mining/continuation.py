"""Continuation tokens: they look as in the sample, and only the one who gave them can read them.

Communications Mining API v1, "Datasets", section "Export a dataset":
``2021-02-16T10:55:05Z.c060a787c0b2bbf95526ad5cf28bf582``. The first part is the time of the last
comment of the page; the second holds its number, masked, and a signature over all that the token
goes with.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final, NamedTuple

from claro_async.emulator.errors import invalid
from claro_async.emulator.mining.times import parse_time, write_time

_TOKEN: Final = re.compile(r"(\S+Z)\.([0-9a-f]{16})([0-9a-f]{16})\Z", re.ASCII)


_NUMBERS: Final = 1 << 40


class Mark(NamedTuple):
    """The last comment of a page: its time in microseconds, and its number.

    A ``salt`` (up to 24 bits) makes another token for the same place.
    """

    time: int
    number: int
    salt: int = 0


class Tokens:
    """Makes and checks tokens.

    Args:
        secret: The key.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def write(self, mark: Mark, scope: str) -> str:
        """Make the token that follows a comment.

        Args:
            mark: The comment.
            scope: The dataset and the filters, for which alone the token is good.
        """
        text = write_time(mark.time)
        masked = f"{(mark.salt * _NUMBERS + mark.number) ^ self._mask(text):016x}"
        return f"{text}.{masked}{self._sign(text, masked, scope)}"

    def read(self, token: object, scope: str) -> Mark:
        """Check a token.

        Raises:
            ApiError: ``INVALID_PARAMETERS`` for a token that was never given, or was given for
                another dataset or other filters.
        """
        found = _TOKEN.match(token) if isinstance(token, str) else None
        if found is None:
            raise invalid("continuation", "is not a pagination token")
        text, masked, signature = found.groups()
        if not hmac.compare_digest(signature, self._sign(text, masked, scope)):
            raise invalid("continuation", "is not a pagination token of this export")
        return Mark(parse_time(text), (int(masked, 16) ^ self._mask(text)) % _NUMBERS)

    def _mask(self, text: str) -> int:
        return int(self._hash(b"mask", text), 16)

    def _sign(self, text: str, masked: str, scope: str) -> str:
        return self._hash(b"sign", f"{text} {masked} {scope}")

    def _hash(self, purpose: bytes, text: str) -> str:
        return hashlib.blake2b(
            text.encode(), key=self._secret, person=purpose, digest_size=8
        ).hexdigest()
