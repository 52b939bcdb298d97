"""The concurrency rule under the real engine, transport and quota gate, on a clock that jumps.

Each case names what the best constant number of requests at once would apply; the rule has to come
near it: 97% where nothing is overloaded, 90% where more requests make things worse.
"""

from __future__ import annotations

import asyncio
import math
from itertools import count
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import pytest

from claro_async.wire.replies import HttpReply
from tests.simulated import simulated_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import BulkReport
    from claro_async.wire.requests import HttpRequest
    from tests.clocks import ManualClock

CAP = 32
UNLIMITED = 10**9
PREMIUM = 500  # requests a minute


class Answer(NamedTuple):
    """What the server does with a request."""

    seconds: float
    status: int = 200


class Server:
    """Answers edits by a rule of its own, after a time of its own.

    Args:
        clock: Time.
        answer: Given the requests under way, the time since the start, and random numbers.
        limit: Requests a minute.

    Attributes:
        applied: When each edit was applied, in seconds since the start.
        under_way: Requests that have no reply yet.
    """

    def __init__(
        self,
        clock: ManualClock,
        answer: Callable[[int, float, Random], Answer],
        limit: int = UNLIMITED,
    ) -> None:
        self._clock = clock
        self._answer = answer
        self._limit = limit
        self._random = Random(11)  # noqa: S311 - repeatable
        self._ends = -math.inf
        self._left = limit
        self._started = clock.monotonic()
        self.applied: list[float] = []
        self.under_way = 0

    async def send(self, request: HttpRequest) -> HttpReply:
        """Answer a request."""
        self.under_way += 1
        try:
            return await self._reply(request)
        finally:
            self.under_way -= 1

    async def _reply(self, request: HttpRequest) -> HttpReply:
        now = self._clock.time()
        if now >= self._ends:
            self._ends, self._left = (now // 60 + 1) * 60, self._limit
        self._left -= 1
        headers = {
            "X-RateLimit-Limit": str(self._limit),
            "X-RateLimit-Remaining": str(max(0, self._left)),
            "X-RateLimit-Reset": str(math.ceil(self._ends)),
        }
        seconds, status = self._answer(self.under_way, self._seconds(), self._random)
        if self._left < 0:
            headers["Retry-After"] = str(math.ceil(self._ends - now))
            status = 429
        elif status == 429:
            headers["Retry-After"] = "1"
        await self._clock.sleep(seconds)
        if status != 200:
            return HttpReply(status, headers, b"{}")
        self.applied.append(self._seconds())
        cell = request.target.rpartition("/")[2]
        return HttpReply(200, headers, b'{"cellId":"%b"}' % cell.encode())

    async def close(self) -> None:
        """There is nothing to close."""

    def _seconds(self) -> float:
        return self._clock.monotonic() - self._started

    def rate(self, since: float, until: float) -> float:
        """Edits applied a second, between two moments."""
        return sum(since < moment <= until for moment in self.applied) / (until - since)


async def run(server: Server, clock: ManualClock, seconds: float) -> BulkReport:
    """Send edits without an end for so long, and stop."""
    stop = asyncio.Event()
    clock.call_later(seconds, stop.set)
    edits = ((f"cell_{number}", number) for number in count())
    with clock.automatic(grace=0):
        return await simulated_dataset(server, clock).update_cells(
            edits, max_concurrency=CAP, stop=stop
        )


def lognormal(median: float, sigma: float = 0.5) -> Callable[[int, float, Random], Answer]:
    """Latencies that are scattered, whatever the load."""
    return lambda _n, _t, random: Answer(median * random.lognormvariate(0, sigma))


def first_fast(_under_way: int, moment: float, _: Random) -> Answer:
    """One quick reply, then a constant latency."""
    return Answer(0.005 if moment == 0 else 0.7)


def drifting(_under_way: int, moment: float, random: Random) -> Answer:
    """A latency that goes up and down by a factor of four within two minutes."""
    middle = 0.5 * 2 ** math.sin(moment / 120 * math.tau)
    return Answer(middle * random.lognormvariate(0, 0.3))


def two_humps(_under_way: int, _moment: float, random: Random) -> Answer:
    """Most replies are quick, one in ten is fifteen times as slow."""
    return Answer(3.0 if random.random() < 0.1 else 0.2)


LOGNORMAL_MEAN = math.exp(0.5**2 / 2)
DRIFT_MEAN = 0.5 * math.exp(
    0.3**2 / 2
)  # of the rate's inverse: about 1.1 of it is the mean latency


@pytest.mark.parametrize("limit", [PREMIUM, UNLIMITED])
@pytest.mark.parametrize(
    ("answer", "mean"),
    [
        pytest.param(lognormal(0.6), 0.6 * LOGNORMAL_MEAN, id="lognormal 0.6 s"),
        pytest.param(lognormal(1.5), 1.5 * LOGNORMAL_MEAN, id="lognormal 1.5 s"),
        pytest.param(first_fast, 0.7, id="first reply fast"),
        pytest.param(two_humps, 0.48, id="two humps"),
    ],
)
async def test_latency_by_itself_slows_nothing_down(
    clock: ManualClock,
    answer: Callable[[int, float, Random], Answer],
    mean: float,
    limit: int,
) -> None:
    """Whatever the latencies, 97% of what the quota and `max_concurrency` allow is applied."""
    server = Server(clock, answer, limit)
    await run(server, clock, 360)
    possible = min(limit / 60, CAP / mean)
    assert server.rate(60, 360) >= 0.97 * possible


@pytest.mark.parametrize("limit", [PREMIUM, UNLIMITED])
async def test_drifting_latency_slows_nothing_down(clock: ManualClock, limit: int) -> None:
    """Latency that drifts by a factor of four costs no more than 3% of what is possible."""
    server = Server(clock, drifting, limit)
    await run(server, clock, 420)
    # two whole periods: the mean rate is that of the mean of 1 / latency
    moments = [number / 1000 * math.tau for number in range(1000)]
    mean_rate = sum(CAP / (DRIFT_MEAN * 2 ** math.sin(each)) for each in moments) / 1000
    assert server.rate(120, 360) >= 0.97 * min(limit / 60, mean_rate)


def congested(knee: int) -> Callable[[int, float, Random], Answer]:
    """A latency that grows with the square of the load: `knee` at once carry most."""

    def answer(under_way: int, _: float, random: Random) -> Answer:
        return Answer(0.3 * (1 + (under_way / knee) ** 2) * random.lognormvariate(0, 0.3))

    return answer


def saturated(knee: int) -> Callable[[int, float, Random], Answer]:
    """A latency that grows with the load from some number on: more carry no more."""

    def answer(under_way: int, _: float, random: Random) -> Answer:
        return Answer(0.5 * max(1.0, under_way / knee) * random.lognormvariate(0, 0.3))

    return answer


def failing(most: int) -> Callable[[int, float, Random], Answer]:
    """More than so many at once get a 503."""

    def answer(under_way: int, _: float, random: Random) -> Answer:
        if under_way > most:
            return Answer(0.05, 503)
        return Answer(0.6 * random.lognormvariate(0, 0.5))

    return answer


def throttling(most: int) -> Callable[[int, float, Random], Answer]:
    """More than so many at once get a 429 although quota remains."""

    def answer(under_way: int, _: float, random: Random) -> Answer:
        if under_way > most:
            return Answer(0.05, 429)
        return Answer(0.6 * random.lognormvariate(0, 0.5))

    return answer


@pytest.mark.parametrize(
    ("answer", "best"),
    [
        pytest.param(congested(8), 8 / 0.6, id="latency by the square, 8"),
        pytest.param(congested(16), 16 / 0.6, id="latency by the square, 16"),
        pytest.param(saturated(5), 5 / 0.5, id="latency in proportion, 5"),
        pytest.param(failing(3), 3 / 0.6 / LOGNORMAL_MEAN, id="503 above 3"),
        pytest.param(failing(15), 15 / 0.6 / LOGNORMAL_MEAN, id="503 above 15"),
        pytest.param(throttling(2), 2 / 0.6 / LOGNORMAL_MEAN, id="429 above 2"),
        pytest.param(throttling(12), 12 / 0.6 / LOGNORMAL_MEAN, id="429 above 12"),
    ],
)
async def test_overload_is_found_out(
    clock: ManualClock, answer: Callable[[int, float, Random], Answer], best: float
) -> None:
    """Under real overload the rule comes within 90% of the best constant number, and goes on."""
    server = Server(clock, answer)
    report = await run(server, clock, 600)
    spread = math.exp(0.3**2 / 2)  # the mean of a latency's factor in the first three cases
    assert report.stopped_by is None
    assert report.stop_requested
    assert server.rate(200, 600) >= 0.9 * best / spread
    assert report.unknown <= 0.01 * report.updated


async def test_overload_that_passes_is_forgotten(clock: ManualClock) -> None:
    """After ten minutes of overload the job is back at `max_concurrency` within a few minutes."""

    def answer(under_way: int, moment: float, random: Random) -> Answer:
        if moment < 300:
            return failing(4)(under_way, moment, random)
        return lognormal(0.6)(under_way, moment, random)

    server = Server(clock, answer)
    await run(server, clock, 600)
    assert server.rate(480, 600) >= 0.9 * CAP / 0.6 / LOGNORMAL_MEAN


async def test_failures_here_and_there_slow_nothing_down(clock: ManualClock) -> None:
    """One 503 in twenty, whatever the load, costs its own request and no more."""

    def answer(_under_way: int, _moment: float, random: Random) -> Answer:
        return Answer(0.6 * random.lognormvariate(0, 0.5), 503 if random.random() < 0.05 else 200)

    server = Server(clock, answer)
    await run(server, clock, 300)
    assert server.rate(60, 300) >= 0.9 * CAP * 0.95 / 0.6 / LOGNORMAL_MEAN
