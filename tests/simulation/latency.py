"""How long a simulated server takes for a request, in seconds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import attrs

if TYPE_CHECKING:
    from random import Random


@attrs.frozen(kw_only=True)
class Load:
    """What a server has to do when a request arrives.

    Attributes:
        now: The true time.
        under_way: Requests that it works on, this one included.
        served: Requests that it has worked on before.
    """

    now: float
    under_way: int
    served: int


class Latency(Protocol):
    """A distribution of latencies."""

    def draw(self, random: Random, load: Load) -> float:
        """Seconds for a request that arrives now."""

    @property
    def mean(self) -> float:
        """The mean without load, in seconds."""


@attrs.frozen
class Constant:
    """Always the same."""

    seconds: float

    def draw(self, random: Random, load: Load) -> float:  # noqa: ARG002
        return self.seconds

    @property
    def mean(self) -> float:
        return self.seconds


@attrs.frozen
class LogNormal:
    """Noise as networks have it: a median, and a long tail."""

    median: float
    sigma: float

    def draw(self, random: Random, load: Load) -> float:  # noqa: ARG002
        return random.lognormvariate(math.log(self.median), self.sigma)

    @property
    def mean(self) -> float:
        return self.median * math.exp(self.sigma**2 / 2)


@attrs.frozen
class TwoHumps:
    """Mostly fast, from a cache, and slow for the rest."""

    fast: float
    slow: float
    share_slow: float

    def draw(self, random: Random, load: Load) -> float:  # noqa: ARG002
        around = self.slow if random.random() < self.share_slow else self.fast
        return around * random.uniform(0.8, 1.2)

    @property
    def mean(self) -> float:
        return self.slow * self.share_slow + self.fast * (1 - self.share_slow)


@attrs.frozen
class Drifting:
    """Slower and faster again, as the load by others goes up and down over the day."""

    low: float
    high: float
    period: float

    def draw(self, random: Random, load: Load) -> float:
        swing = (1 - math.cos(2 * math.pi * load.now / self.period)) / 2
        return (self.low + (self.high - self.low) * swing) * random.uniform(0.9, 1.1)

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2


@attrs.frozen
class FastFirst:
    """One fast reply, then always the same."""

    first: float
    then: float

    def draw(self, random: Random, load: Load) -> float:  # noqa: ARG002
        return self.then if load.served else self.first

    @property
    def mean(self) -> float:
        return self.then


@attrs.frozen
class LoadDependent:
    """A server that works on so many requests at once: more of them wait for each other."""

    seconds: float
    capacity: int

    def draw(self, random: Random, load: Load) -> float:
        queued = max(1.0, load.under_way / self.capacity)
        return self.seconds * queued * random.uniform(0.9, 1.1)

    @property
    def mean(self) -> float:
        return self.seconds


def draw_latency(random: Random) -> Latency:
    """Any of the distributions."""
    scale = random.choice((0.005, 0.05, 0.3, 1.5))
    kind = random.randrange(6)
    if kind == 0:
        return Constant(scale)
    if kind == 1:
        return LogNormal(scale, random.choice((0.2, 0.5, 1.0)))
    if kind == 2:
        return TwoHumps(scale, scale * 8, 0.2)
    if kind == 3:
        return Drifting(scale, scale * 4, random.choice((5.0, 60.0, 600.0)))
    if kind == 4:
        return FastFirst(scale / 20, scale)
    return LoadDependent(scale, random.choice((1, 2, 8)))
