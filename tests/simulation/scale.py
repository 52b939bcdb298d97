"""A thousand members under one quota: the table of ``docs/scale.md``.

``python -m tests.simulation.run --scale`` measures it anew and prints it. The gates of the members,
the fair share and the store are the real ones; the server, Redis, the network and all clocks are
simulated. A request is what passes a gate: nothing above it is simulated.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
from contextlib import suppress
from email.utils import formatdate
from random import Random
from typing import TYPE_CHECKING
from unittest.mock import patch

import attrs
from multidict import CIMultiDict

from claro_async.transport.quota.shared_gate import SharedGate
from tests.simulation.clock import EPOCH, SimulatedClock
from tests.simulation.loop import MOST_STEPS, SimulatedLoop, run
from tests.simulation.redis_scripts import ScriptedRedis, ScriptedStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PERIOD = 60.0
_PERIODS = 3
_MEASURED = range(1, _PERIODS)  # of those; in the first one everybody joins


@attrs.frozen(kw_only=True)
class Course:
    """One row of the table.

    Attributes:
        name: What happens.
        members: How many share the quota.
        limit: Requests a minute.
        late: How many of them join only in the middle of the second period.
        killed: How many are killed in the second period, while they hold permits.
        off: Whether every clock is wrong: by up to a day, and by 50 millionths of its rate.
        modest: How many have a request every ten seconds, rather than work without end.
        distance: Seconds to Redis, one way.
    """

    name: str
    members: int = 1000
    limit: int = 100_000
    late: int = 0
    killed: int = 0
    off: bool = False
    modest: int = 0
    distance: float = 0.0005

    def scaled(self, by: float) -> Course:
        """The same with fewer members and a lower limit."""
        counts = {name: round(getattr(self, name) * by) for name in _COUNTS}
        return attrs.evolve(self, **counts)


_COUNTS = ("members", "limit", "late", "killed", "modest")
COURSES = (
    Course(name="steady"),
    Course(name="200 of them join later", late=200),
    Course(name="100 of them are killed", killed=100),
    Course(name="all clocks are wrong", off=True),
    Course(name="900 of them have little to do", modest=900),
    Course(name="Redis is 10 ms away", distance=0.005),
)


@attrs.frozen(kw_only=True)
class Outcome:
    """What was measured, in all periods but the first.

    Attributes:
        used: The share of the quota that was used.
        unfair: By how much the member with the least differs from the one with the most, as a share
            of the most; of those who had work all the time.
        calls: Calls of Redis for a request.
        calls_at_first: The same, in the first period.
        most_calls: Calls of Redis in the second that had the most.
        call_bytes: Bytes of a call.
        overshoot: Requests beyond the limit, in any period.
        joined: Seconds until nine tenths of those that joined had sent a request; of all members
            where none joined later.
    """

    used: float
    unfair: float
    calls: float
    calls_at_first: float
    most_calls: int
    call_bytes: float
    overshoot: int
    joined: float


class Server:
    """Counts requests in periods that follow its own clock; a request beyond the limit gets a 429.

    Args:
        clock: Its clock.
        limit: Requests a period.
    """

    def __init__(self, clock: SimulatedClock, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self.counts: dict[int, int] = {}
        self.beyond = 0
        self._first = int(clock.time() // PERIOD)

    def count(self) -> tuple[int, dict[str, str]]:
        """Take a request; the status and the headers of its reply."""
        now = self._clock.time()
        number = int(now // PERIOD)
        counted = self.counts.get(number - self._first, 0)
        status = 200 if counted < self._limit else 429
        if status == 200:
            counted += 1
            self.counts[number - self._first] = counted
        else:
            self.beyond += 1
        headers = {
            "Date": formatdate(math.floor(now), usegmt=True),
            "X-RateLimit-Limit": str(self._limit),
            "X-RateLimit-Remaining": str(self._limit - counted),
            "X-RateLimit-Reset": str(math.ceil((number + 1) * PERIOD)),
        }
        return status, headers


class Member:
    """One client: its gate, and as many tasks as it has requests at once.

    Args:
        fleet: What it belongs to.
        number: Its number.
    """

    def __init__(self, fleet: Fleet, number: int) -> None:
        course, random = fleet.course, fleet.random
        self._fleet = fleet
        self._latency = random.uniform(0.05, 0.5)
        self._at_once = 32 if course.modest else random.choice((4, 8, 16, 32))
        self.is_modest = number < course.modest
        self.begins = random.uniform(90.0, 95.0) if number >= course.members - course.late else 0.0
        self.begins += random.uniform(0.0, 2.0)
        self.clock = fleet.new_clock()
        thinking = 2e-6 * course.members  # as measured, for a record of so many
        store = ScriptedStore(fleet.redis, Random(f"store {number}"), thinking)
        self._gate = SharedGate(store, "quota", self.clock)
        self.sent_in: dict[int, int] = {}
        self.first_at = math.inf
        self._tasks: list[asyncio.Task[None]] = []

    async def work(self) -> None:
        """Begin when it is to begin, and send until the end."""
        loop = self._fleet.loop
        await asyncio.sleep(self.begins)
        tasks = 1 if self.is_modest else self._at_once
        self._tasks = [loop.create_task(self._send_on()) for _ in range(tasks)]
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks)

    def kill(self) -> None:
        """End at once, with whatever it holds; what was sent arrives."""
        reporting = self._gate._reporting
        for task in (*self._tasks, *(() if reporting is None else (reporting,))):
            task.cancel()

    async def _send_on(self) -> None:
        fleet, gate, clock = self._fleet, self._gate, self.clock
        while True:
            if self.is_modest:
                await asyncio.sleep(fleet.random.uniform(5.0, 15.0))
            if not gate.try_acquire():
                await gate.acquire()
            sent = clock.monotonic()
            latency = self._latency * fleet.random.uniform(0.5, 1.5)
            await asyncio.sleep(latency / 2)
            status, headers = fleet.server.count()
            self._count(status)
            await asyncio.sleep(latency / 2)
            gate.observe(status, CIMultiDict(headers), sent)

    def _count(self, status: int) -> None:
        now = self._fleet.loop.time()
        self.first_at = min(self.first_at, now)
        period = self._fleet.period
        self.sent_in[period] = self.sent_in.get(period, 0) + (status == 200)


class Fleet:
    """All members of a course, with the server and Redis.

    Args:
        course: The course.
    """

    def __init__(self, course: Course) -> None:
        self.course = course
        self.random = Random(course.name)
        self.loop = SimulatedLoop(most_steps=1000 * MOST_STEPS)
        self.redis = ScriptedRedis(self.loop, self.random, course.distance)
        ahead = 3600.0 if course.off else 0.0
        # a period begins with the run
        begin = math.ceil(EPOCH / PERIOD) * PERIOD - EPOCH + 0.4
        self.server = Server(SimulatedClock(loop=self.loop, offset=begin + ahead), course.limit)
        self.members = [Member(self, number) for number in range(course.members)]
        self._calls: list[int] = []

    @property
    def period(self) -> int:
        """The number of the present period."""
        return int((self.loop.time() + 0.4) // PERIOD)

    def new_clock(self) -> SimulatedClock:
        """The clock of one more member."""
        if not self.course.off:
            return SimulatedClock(loop=self.loop)
        off = self.random.uniform(-86_400.0, 86_400.0)
        rate = self.random.uniform(0.99995, 1.00005)
        return SimulatedClock(loop=self.loop, offset=off, rate=rate)

    def measure(self) -> Outcome:
        """Run the course."""
        names = Random("names")
        log = logging.getLogger("claro_async")
        with (
            patch.object(secrets, "token_hex", lambda size: names.randbytes(size).hex()),
            patch.object(log, "disabled", new=True),
        ):
            run(self.loop, self._run())
        return self._outcome()

    async def _run(self) -> None:
        tasks = [self.loop.create_task(member.work()) for member in self.members]
        for number in range(self.course.killed):
            self.loop.call_at(PERIOD + self.random.uniform(0.0, 20.0), self.members[number].kill)
        for period in range(1, _PERIODS + 1):
            await asyncio.sleep(period * PERIOD - 0.4 - self.loop.time())
            self._calls.append(self.redis.calls)
        for member in self.members:
            member.kill()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _outcome(self) -> Outcome:
        course, counts = self.course, self.server.counts
        sent = sum(counts[period] for period in _MEASURED)
        busy = [
            sum(member.sent_in.get(period, 0) for period in _MEASURED)
            for member in self.members[course.killed :]
            if not member.is_modest and member.begins < PERIOD
        ]
        joined = [member for member in self.members if member.begins >= PERIOD] or self.members
        return Outcome(
            used=sent / (course.limit * len(_MEASURED)),
            unfair=1 - min(busy) / max(busy),
            calls=(self._calls[-1] - self._calls[0]) / sent,
            calls_at_first=self._calls[0] / counts[0],
            most_calls=max(self.redis.each_second.values()),
            call_bytes=self.redis.bytes_moved / self.redis.calls,
            overshoot=self.server.beyond,
            joined=_at_share(0.9, (each.first_at - each.begins for each in joined)),
        )


def _at_share(share: float, numbers: Iterable[float]) -> float:
    """The number that so large a share does not exceed."""
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def lines() -> Iterator[str]:
    """All courses, as the lines of a table in Markdown."""
    yield (
        "| 1,000 members | quota used | unfairness | calls a request | in the first minute"
        " | most calls a second | bytes a call | overshoot | until the first request |"
    )
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for course in COURSES:
        yield line(course)


def line(course: Course) -> str:
    """The line of one course."""
    found = Fleet(course).measure()
    return (
        f"| {course.name} | {found.used:.1%} | {found.unfair:.1%} | {found.calls:.3f}"
        f" | {found.calls_at_first:.3f} | {found.most_calls:,} | {found.call_bytes:,.0f}"
        f" | {found.overshoot} | {found.joined:.1f} s |"
    )
