"""Dates and times as servers write them.

The documents' samples show RFC 3339 with ``Z``. A server may as well leave the zone or the seconds
out, or send seconds or milliseconds since 1970: none of these keeps a reply from being read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

# RFC 3339, section 5.6
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
).fullmatch

_ISO_8601 = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)"
    r"(?:[Tt ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?)?"
    r" ?(?:[Zz]|UTC|GMT|([+-])(\d\d)(?::?(\d\d))?)?",
    re.ASCII,
).fullmatch

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHORTEST_EPOCH = 9  # digits; fewer of them are a date such as 20240314
_LEAST_SECONDS = 1e8  # the year 1973: a smaller number is no moment
_LEAST_MILLISECONDS = 1e11  # as seconds, the year 5138


def parse_time(value: object) -> datetime:
    """A moment, from any common way of writing it; without a zone, it is UTC.

    Args:
        value: ISO 8601 (with or without zone, seconds, colons or the time of day), an HTTP date, or
            seconds or milliseconds since 1970 as a number or as text.

    Raises:
        ValueError: None of these, or a moment that never was; the message leaves the value out.
    """
    try:
        moment = _parse(value)
        moment.astimezone(UTC)  # an offset can put it before the year 1 or behind 9999
    except (ValueError, OverflowError, TypeError, IndexError):
        raise ValueError("expected a date and time, as in ISO 8601") from None
    return moment


def _parse(value: object) -> datetime:
    if not isinstance(value, str):
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _from_epoch(float(value))
        raise TypeError
    text = value.strip()
    if _RFC_3339(text) and text[17:19] != "60" and text[11:13] != "24":
        return datetime.fromisoformat(text.upper())
    if text.isascii() and text.isdigit() and len(text) >= _SHORTEST_EPOCH:
        return _from_epoch(float(text))
    found = _ISO_8601(text)
    return _from_iso(found) if found else _from_http(text)


def _from_epoch(seconds: float) -> datetime:
    if not seconds >= _LEAST_SECONDS:
        raise ValueError
    if seconds >= _LEAST_MILLISECONDS:
        seconds /= 1000
    return _EPOCH + timedelta(seconds=seconds)


def _from_iso(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = (
        found.groups()
    )
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    # 24:00 is the end of a day (ISO 8601), and second 60 a leap second (RFC 3339, section 5.7)
    if hours > 24 or (hours == 24 and (minutes or seconds)) or minutes > 59 or seconds > 60:  # noqa: PLR2004
        raise ValueError
    offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
    zone = timezone(-offset if sign == "-" else offset) if offset else UTC
    since_midnight = timedelta(
        hours=hours,
        minutes=minutes,
        seconds=seconds,
        microseconds=int((fraction or "0")[:6].ljust(6, "0")),
    )
    return datetime(int(year), int(month), int(day), tzinfo=zone) + since_midnight


def _from_http(text: str) -> datetime:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - seldom wanted

    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
