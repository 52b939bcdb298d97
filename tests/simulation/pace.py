"""How fast a bulk update is, by the latency of the server: the table of ``docs/guarantees.md``.

``python -m tests.simulation.pace`` measures it anew and prints it.
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from tests.simulation.clock import EPOCH
from tests.simulation.latency import (
    Constant,
    Drifting,
    FastFirst,
    LoadDependent,
    LogNormal,
    TwoHumps,
)
from tests.simulation.loop import MOST_STEPS
from tests.simulation.network import Fate, NetworkPlan
from tests.simulation.scenario import Action, JobPlan, Scenario
from tests.simulation.server import QuotaPlan, ServerPlan
from tests.simulation.world import World, simulated_machine

if TYPE_CHECKING:
    from tests.simulation.latency import Latency

_WARM_UP = 0.25  # the share of the edits before the rate is measured
_BEFORE_THE_END = 0.98  # then fewer and fewer are under way
_MINUTE = 60.0


@attrs.frozen(kw_only=True)
class Course:
    """One row of the table.

    Attributes:
        name: What the server is like.
        latency: How long it takes.
        best: Edits a second that are possible, by Little's law and by the quota.
        edits: How many are sent.
        concurrency: ``max_concurrency``.
        limit: Requests a minute; None for no quota.
        at_once: How many requests the server works on; more get a 429
            with quota left.
        errors: The share of attempts that get a 5xx.
    """

    name: str
    latency: Latency
    best: float
    edits: int = 4000
    concurrency: int = 32
    limit: int | None = 500
    at_once: int | None = None
    errors: float = 0.0

    @property
    def is_noise(self) -> bool:
        """Whether nothing but latency that does not depend on the load bounds the rate."""
        return self.limit is None and not isinstance(self.latency, LoadDependent)


_QUOTA = 500 / 60
COURSES = (
    Course(name="constant 0.7 s", latency=Constant(0.7), best=_QUOTA),
    Course(name="lognormal, median 0.6 s, sigma 0.5", latency=LogNormal(0.6, 0.5), best=_QUOTA),
    Course(name="lognormal, median 1.5 s, sigma 0.5", latency=LogNormal(1.5, 0.5), best=_QUOTA),
    Course(name="one reply in 0.03 s, then 0.7 s", latency=FastFirst(0.03, 0.7), best=_QUOTA),
    Course(name="two humps: 0.3 s, a fifth 3 s", latency=TwoHumps(0.3, 3.0, 0.2), best=_QUOTA),
    Course(name="drifting, 0.5 to 2 s in 10 min", latency=Drifting(0.5, 2.0, 600), best=_QUOTA),
    Course(
        name="lognormal, median 1 s, sigma 0.5, no quota",
        latency=LogNormal(1.0, 0.5),
        best=32 / LogNormal(1.0, 0.5).mean,
        limit=None,
    ),
    Course(
        name="8 at once, more wait for each other, no quota",
        latency=LoadDependent(0.5, 8),
        best=8 / 0.5,
        limit=None,
    ),
    Course(
        name="429 to more than 8 at once, while quota is left",
        latency=Constant(0.5),
        best=8 / 0.5,
        limit=10**6,
        at_once=8,
    ),
    Course(
        name="5xx to one request in 50, at random",
        latency=Constant(0.7),
        best=_QUOTA,
        errors=0.02,
    ),
)


@attrs.frozen(kw_only=True)
class Pace:
    """What was measured.

    Attributes:
        rate: Edits a second, between the first and the last ones.
        best: Edits a second that were possible.
        share: The rate as a share of what is possible.
        throttled: Requests that were answered with 429.
        applied: Edits that were applied.
    """

    rate: float
    best: float
    share: float
    throttled: int
    applied: int


def measure(course: Course, seed: int = 0) -> Pace:
    """Run a course and measure it."""
    edits = tuple((f"row-{place}/col0", f"new {place}") for place in range(course.edits))
    fates = {Fate.ERROR_BEFORE: course.errors} if course.errors else {}
    scenario = Scenario(
        seed=seed,
        family="stream",
        server=ServerPlan(
            rows=course.edits,
            quota=QuotaPlan(limit=course.limit),
            requests_at_once=course.at_once,
        ),
        network=NetworkPlan(latency=course.latency, fates=fates, travels=False),
        job=JobPlan(
            edits=edits,
            form="iterator",
            journal=False,
            skip_unchanged=False,
            max_concurrency=course.concurrency,
        ),
        actions=(Action(kind="update"),),
    )
    with tempfile.TemporaryDirectory() as folder, simulated_machine():
        world = World(scenario, Path(folder), most_steps=20 * MOST_STEPS)
        world.run()
        applied = sorted(each.applied for each in world.network.sent if each.applied is not None)
        seconds = [each.ended - each.began for each in world.network.sent if each.ended]
        throttled = sum(each.status == 429 for each in world.network.sent)
        world.forget()
    begins, ends = _span(course, applied)
    rate = sum(begins <= each < ends for each in applied) / (ends - begins)
    best = course.best
    if course.is_noise:  # what was drawn has a mean of its own
        best = course.concurrency * len(seconds) / sum(seconds)
    return Pace(rate=rate, best=best, share=rate / best, throttled=throttled, applied=len(applied))


def _span(course: Course, applied: list[float]) -> tuple[float, float]:
    """When the rate is measured: in whole periods of the quota, where there is one."""
    count = len(applied)
    begins, ends = applied[int(count * _WARM_UP)], applied[int(count * _BEFORE_THE_END)]
    if course.best != _QUOTA:
        return begins, ends
    offset = _MINUTE - EPOCH % _MINUTE
    begins = math.ceil((begins - offset) / _MINUTE) * _MINUTE + offset
    return begins, math.floor((ends - offset) / _MINUTE) * _MINUTE + offset


def table() -> str:
    """All courses, as a table in Markdown."""
    lines = [
        "| the server's latency | possible, edits/s | reached | share | 429 |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for course in COURSES:
        pace = measure(course)
        lines.append(
            f"| {course.name} | {pace.best:.2f} | {pace.rate:.2f} | {pace.share:.0%}"
            f" | {pace.throttled} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
