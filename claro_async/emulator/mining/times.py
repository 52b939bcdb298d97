"""Times of comments: microseconds since the epoch, written as in the document's samples."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ISO: Final = re.compile(
    r"\d{4}-\d\d-\d\d"
    r"(?:[Tt ](?:[01]\d|2[0-3]):\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?\Z",
    re.ASCII,
)


def parse_time(text: object) -> int:
    """Read an ISO-8601 time as microseconds since the epoch; without an offset it is UTC.

    Raises:
        ValueError: When it is no such time.
    """
    if not isinstance(text, str) or _ISO.match(text) is None:
        raise ValueError("must be an ISO-8601 timestamp")
    moment = datetime.fromisoformat(text.upper())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def write_time(microseconds: int) -> str:
    """Write a time with as many digits as it has: ``…10Z``, or ``…28.531000Z``."""
    moment = _EPOCH + microseconds * _MICROSECOND
    return moment.isoformat().replace("+00:00", "Z")
