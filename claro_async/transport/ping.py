"""What a cheap request shows of a service: that it answers, how soon, and the quota."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from claro_async._plain import plain_record

if TYPE_CHECKING:
    from claro_async.transport.quota.headers import RateLimit


@attrs.frozen(kw_only=True)
class PingResult:
    """The answer to a ping.

    Attributes:
        seconds: From sending the request that was answered to the whole reply.
        rate_limit: The key's rate limit after it.
        request_id: The ``X-Request-Id`` of the reply, or None.
    """

    seconds: float
    rate_limit: RateLimit
    request_id: str | None

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain JSON values."""
        return plain_record(self)
