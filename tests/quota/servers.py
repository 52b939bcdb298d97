"""A server at the seam where the transport sends, with every habit a limiter may have.

It keeps a fixed period, as the documents describe the quota, and takes no time but that of the
manual clock: a day of quota passes in seconds.
"""

from __future__ import annotations

import math
from email.utils import formatdate
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs
from multidict import CIMultiDict

from claro_async._generated.claro_api.operation import Idempotency
from claro_async.emulator.clock import ResetFormat, reset_value
from claro_async.transport.quota.gate import Gate, QuotaGate
from claro_async.wire.replies import HttpReply
from claro_async.wire.requests import HttpRequest
from tests.simulated import transport_over

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.transport.events import EventHook
    from claro_async.transport.transport import Transport
    from tests.clocks import ManualClock

Rounding: TypeAlias = Literal["none", "up", "down"]
REQUEST = HttpRequest("read", "GET", "/x", idempotency=Idempotency.SAFE)


@attrs.define
class LimitedServer:
    """Counts requests in fixed periods.

    Attributes:
        clock: The time.
        limit: Requests a period.
        period: Seconds.
        aligned: Whether periods begin at multiples of their length; else with a request.
        form: How the reset is written.
        rounding: How the reset is rounded before it is written.
        latency: Seconds from sending to the reply; a request is counted half-way.
        ahead: Seconds by which its clock is ahead of the client's.
        counts: Requests counted in each period that was opened.
        began: When each of those began, by the client's clock.
        busy: How long it took from the first to the last request of each, in seconds.
        throttled: Requests answered with 429.
        under_way: Requests that are not answered yet.
        most_under_way: The most of those that there ever were.
        retry_after: While set, every request is throttled with this ``Retry-After``.
        at_once: How many requests it takes at once; more are throttled though requests remain.
    """

    clock: ManualClock
    limit: int = 300
    period: float = 60.0
    aligned: bool = False
    form: ResetFormat = "epoch"
    rounding: Rounding = "up"
    latency: float = 0.02
    ahead: float = 0.0
    counts: list[int] = attrs.field(factory=list)
    began: list[float] = attrs.field(factory=list)
    busy: list[float] = attrs.field(factory=list)
    throttled: int = 0
    under_way: int = 0
    most_under_way: int = 0
    retry_after: float | None = None
    at_once: int | None = None
    _ends: float = -math.inf

    async def send(self, _: HttpRequest) -> HttpReply:
        """Answer a request."""
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.clock.sleep(self.latency / 2)
            too_many = self.at_once is not None and self.under_way > self.at_once
            allowed = self.retry_after is None and not too_many and self.take()
            self.throttled += self.retry_after is not None or too_many
            headers = self.headers()
            await self.clock.sleep(self.latency / 2)
        finally:
            self.under_way -= 1
        return HttpReply(200 if allowed else 429, headers, b"{}")

    def take(self) -> bool:
        """Count a request if the period has room for it."""
        now = self.clock.time()
        if now >= self._ends:
            begins = now
            if self.aligned:  # by the server's own clock
                begins -= (now + self.ahead) % self.period
            self._ends = begins + self.period
            self.counts.append(0)
            self.began.append(begins)
            self.busy.append(0.0)
        if self.counts[-1] >= self.limit:
            self.throttled += 1
            return False
        self.counts[-1] += 1
        self.busy[-1] = now - self.began[-1]
        return True

    def headers(self) -> Mapping[str, str]:
        """What is reported now."""
        if not self.counts:
            return CIMultiDict({"Retry-After": f"{self.retry_after}"})
        now = self.clock.time() + self.ahead
        ends = self._ends + self.ahead
        if self.rounding == "down":
            text = str(math.floor(ends)) if self.form != "delta" else str(math.floor(ends - now))
        elif self.rounding == "up" or self.form != "epoch":
            text = reset_value(ends, now, self.form)
        else:
            text = repr(ends)
        extra = {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}
        return CIMultiDict(
            extra
            | {
                "Date": formatdate(math.floor(now), usegmt=True),
                "X-RateLimit-Limit": str(self.limit),
                "X-RateLimit-Remaining": str(self.limit - self.counts[-1]),
                "X-RateLimit-Reset": text,
            }
        )

    async def close(self) -> None:
        """There is nothing to close."""

    @property
    def utilisation(self) -> float:
        """The share used of what was allowed from the first period to the last."""
        allowed = self.limit * (self.began[-1] - self.began[0]) / self.period
        return sum(self.counts[:-1]) / allowed


@attrs.define
class FarServer:
    """The same server as one of its clients sees it.

    Attributes:
        server: The server.
        away: Seconds that a request takes longer than others'.
        sent: Requests sent.
    """

    server: LimitedServer
    away: float = 0.0
    sent: int = 0

    @property
    def clock(self) -> ManualClock:
        """The time."""
        return self.server.clock

    async def send(self, request: HttpRequest) -> HttpReply:
        """Answer a request."""
        self.sent += 1
        if self.away:
            await self.clock.sleep(self.away)
        return await self.server.send(request)

    async def close(self) -> None:
        """There is nothing to close."""


def transport_to(
    server: LimitedServer | FarServer, gate: Gate | None = None, on_event: EventHook | None = None
) -> Transport:
    """A transport whose requests go to a simulated server."""
    clock = server.clock
    return transport_over(server, clock, gate or QuotaGate(clock, on_event))


async def send_many(transport: Transport, count: int, *, reserve: float = 0.0) -> None:
    """Send requests one after the other."""
    for _ in range(count):
        await transport.exchange(REQUEST, reserve=reserve)
