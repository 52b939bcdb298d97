"""A server without sockets, at the seam where the transport sends: for a million requests.

It counts a fixed period as the documents describe the quota, keeps every value, and takes no time
but that of its clock.
"""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, cast

import msgspec

from claro_async._secret import Secret
from claro_async.config import RetryPolicy, Settings
from claro_async.dataset import Dataset
from claro_async.transport.api import Api
from claro_async.transport.clock import SystemClock
from claro_async.transport.quota.gate import QuotaGate
from claro_async.transport.transport import Transport
from claro_async.wire.converter import ModelConverter
from claro_async.wire.replies import HttpReply

if TYPE_CHECKING:
    from claro_async._core import Core
    from claro_async.transport.clock import Clock
    from claro_async.transport.quota.gate import Gate
    from claro_async.transport.session import Session
    from claro_async.wire.requests import HttpRequest


class SimulatedServer:
    """Answers cell edits, and counts them by period.

    Args:
        clock: The time of its periods.
        limit: Requests a period.
        period: Seconds.

    Attributes:
        periods: Requests counted in each period.
        throttled: Requests answered with 429.
        edits: Edits applied.
    """

    def __init__(self, clock: Clock, limit: int = 10**9, period: float = 60.0) -> None:
        self._clock = clock
        self._limit = limit
        self._period = period
        self._ends = -math.inf
        self.periods: list[int] = []
        self.throttled = 0
        self.edits = 0

    async def send(self, request: HttpRequest) -> HttpReply:
        """Answer a request."""
        now = self._clock.time()
        if now >= self._ends:
            self._ends = (now // self._period + 1) * self._period
            self.periods.append(0)
        headers = {
            "X-RateLimit-Limit": str(self._limit),
            "X-RateLimit-Reset": str(math.ceil(self._ends)),
        }
        if self.periods[-1] >= self._limit:
            self.throttled += 1
            headers["X-RateLimit-Remaining"] = "0"
            return HttpReply(429, headers, b"{}")
        self.periods[-1] += 1
        headers["X-RateLimit-Remaining"] = str(self._limit - self.periods[-1])
        if request.method == "GET":
            return HttpReply(200, headers, _PAGE)
        self.edits += 1
        cell = request.target.rpartition("/")[2]
        reply = b'{"cellId":"%b","value":null,"previousValue":null}' % cell.encode()
        return HttpReply(200, headers, reply)

    async def close(self) -> None:
        """There is nothing to close."""


# Of a dataset so large that reading on never pays; none of its cells is edited.
_PAGE = msgspec.json.encode(
    {
        "rows": [[{"cellId": "x", "rowId": "y", "columnId": "z", "value": None}]],
        "columns": [{"columnId": "z", "name": "z", "type": "string", "taskType": "raw"}],
        "pagination": {"page": 1, "limit": 1000, "total": 10**9, "totalPages": 10**6},
    }
)


class _Core:
    """What a handle needs of a client."""

    def __init__(self, transport: Transport) -> None:
        self.settings = Settings(api_key=Secret("key"), base_url="http://127.0.0.1/api/v2")
        self.transport = transport
        self.converter = ModelConverter()
        self.closing = transport.life.closing
        self.working = transport.life.working


def transport_over(session: Session, clock: Clock, quota: Gate | None = None) -> Transport:
    """A transport that sends through a session, without a client around it."""
    return Transport(
        api=Api(),
        session=session,
        converter=ModelConverter(),
        quota=quota or QuotaGate(clock),
        policy=RetryPolicy(),
        clock=clock,
        random=Random(0),  # noqa: S311 - repeatable, not secret
    )


def simulated_dataset(server: Session, clock: Clock | None = None) -> Dataset:
    """A dataset handle whose requests go to a simulated server."""
    transport = transport_over(server, clock or SystemClock())
    return Dataset(cast("Core", _Core(transport)), "d")
