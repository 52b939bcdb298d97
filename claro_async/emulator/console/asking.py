"""What the routes of the console work with: the emulator's parts, and one request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from claro_async.emulator.calls import RequestBody
from claro_async.emulator.errors import invalid
from claro_async.emulator.validation import check_json_content_type, parse_object, query_integer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web

    from claro_async.emulator.calls import World
    from claro_async.emulator.console.attempts import Attempts
    from claro_async.emulator.console.changes import Changes
    from claro_async.emulator.console.rejected import RejectedBodies
    from claro_async.emulator.console.security import Secrets
    from claro_async.emulator.faults import Faults
    from claro_async.emulator.mining.permissions import Grant
    from claro_async.emulator.ratelimit import RateLimiter

_MAX_BODY = 10 * 1024 * 1024
MOST_SECONDS: Final = 1_000_000_000
"""The longest span, some 31 years: times that far ahead can be written in every format."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """The parts of the emulator that the console shows and changes.

    Attributes:
        restock: Fills an empty world as it was at the start.
        origin: Tells ``http://host:port``.
    """

    host: str
    world: World
    limiter: RateLimiter
    faults: Faults
    grants: Mapping[str, Grant]
    secrets: Secrets
    changes: Changes
    attempts: Attempts
    rejected: RejectedBodies
    restock: Callable[[], None]
    origin: Callable[[], str]


@dataclass(slots=True, kw_only=True)
class Ask:
    """One request to the console, with the ids in its path."""

    desk: Desk
    request: web.BaseRequest
    ids: tuple[str, ...]
    query: dict[str, str]

    async def json(self, *fields: str) -> dict[str, Any]:
        """Read the body as a JSON object of these fields; no body at all is an empty object.

        Raises:
            ApiError: ``INVALID_PARAMETERS`` when it is not one.
        """
        content = await RequestBody(self.request).read(_MAX_BODY)
        if not content:
            return {}
        check_json_content_type(self.request.headers.get("Content-Type"))
        return parse_object(content, fields)

    def span(self, default: int, maximum: int) -> tuple[int, int]:
        """Read ``skip`` and ``limit``.

        Raises:
            ApiError: ``INVALID_PARAMETERS`` when one is out of range.
        """
        text = self.query.get("skip", "0")
        skip = 0 if text == "0" else query_integer(self.query, "skip", 0, None)
        return skip, query_integer(self.query, "limit", default, maximum)


def number_field(
    body: Mapping[str, Any], name: str, default: float | None, *, maximum: float = MOST_SECONDS
) -> float | None:
    """Read a field that holds a number from 0 to the maximum, or null.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` when it is neither.
    """
    value = body.get(name, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(name, "must be a number or null")
    if not 0 <= value <= maximum:
        raise invalid(name, f"must be from 0 to {maximum}")
    return value
