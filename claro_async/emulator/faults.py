"""Faults that can be switched on for an operation: what goes wrong on real networks and servers."""

from __future__ import annotations

import math
import random
import time
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Literal

from claro_async.emulator.mining.routing import MINING_OPERATION_IDS
from claro_async.emulator.routing import DOWNLOAD, OPERATION_IDS

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Mapping

    from claro_async.emulator.clock import Clock

ANY: Final = "*"

_COMMON: Final = frozenset({"match"})
DETAILS_BY_KIND: Final[Mapping[str, frozenset[str]]] = {
    "status": frozenset(
        {"status", "body", "html", "code", "message", "details", "retry_after", "apply"}
    ),
    "rate_limit": frozenset({"retry_after", "exhaust"}),
    "reset": frozenset({"apply", "after_bytes"}),
    "disconnect": frozenset({"apply", "after_bytes"}),
    "slow": frozenset({"delay", "jitter", "apply"}),
    "late": frozenset({"delay", "status"}),
    "stall": frozenset({"after_bytes", "timeout"}),
    "truncate": frozenset({"after_bytes"}),
    "invalid_json": frozenset({"status"}),
    "html": frozenset({"status", "body", "apply"}),
    "stuck_processing": frozenset(),
    "error_in_ok": frozenset({"message", "apply"}),
    "empty_page": frozenset(),
    "overlap": frozenset(),
    "repeat_token": frozenset(),
    "wrong_length": frozenset({"missing"}),
    "change_file": frozenset(),
    "ignore_range": frozenset(),
    "no_length": frozenset(),
    "bad_gzip": frozenset(),
}
"""Every kind of fault with the details it takes."""

DOWNLOAD_KINDS: Final = frozenset(
    {"wrong_length", "change_file", "ignore_range", "no_length", "bad_gzip"}
)
MINING_KINDS: Final = frozenset({"error_in_ok", "empty_page", "overlap", "repeat_token"})


class Fault:
    """A fault that is switched on.

    Attributes:
        operation: An operation id, ``"download"``, or ``"*"`` for all.
        kind: A key of `DETAILS_BY_KIND`.
        probability: The share of matching requests that it strikes.
        times: How often it strikes at most, or None.
        after: How many matching requests it lets pass first.
        seconds: For how long it strikes, or None.
        until: When it stops by itself, in epoch seconds, or None.
        details: What its kind takes.
        number: A number of its own, from 1.
        preset: The name of faults that are switched on and off together, or None.
        hits: How often it has struck.
        seen: How many requests matched it.
    """

    def __init__(  # noqa: PLR0913 - made by Faults.add only
        self,
        operation: str,
        kind: str,
        *,
        probability: float,
        times: int | None,
        after: int,
        seconds: float | None,
        details: Mapping[str, Any],
        number: int,
        faults: Faults,
    ) -> None:
        self.operation = operation
        self.kind = kind
        self.probability = probability
        self.times = times
        self.after = after
        self.seconds = seconds
        self.until: float | None = None if seconds is None else faults.clock() + seconds
        self.details: dict[str, Any] = dict(details)
        self.number = number
        self.preset: str | None = None
        self.hits = 0
        self.seen = 0
        self.waiters: set[asyncio.Future[None]] = set()
        self._faults = faults

    @property
    def apply(self) -> bool:
        """Whether the change is made before the fault strikes (a slow reply does by default)."""
        return bool(self.details.get("apply", self.kind not in _NOT_APPLIED_BY_DEFAULT))

    @property
    def state(self) -> Literal["on", "spent", "expired"]:
        """Whether it still strikes; ``spent`` after ``times``, ``expired`` after ``seconds``."""
        if self.times is not None and self.hits >= self.times:
            return "spent"
        if self.until is not None and self._faults.clock() >= self.until:
            return "expired"
        return "on"

    def choose_delay(self) -> float:
        """Choose the seconds to wait: ``delay``, and up to ``jitter`` more."""
        jitter = float(self.details.get("jitter", 0.0))
        extra = self._faults.choose(jitter) if jitter else 0.0
        return float(self.details.get("delay", 1.0)) + extra

    def remove(self) -> None:
        """Switch it off and let go of what it holds up."""
        self._faults.discard(self)
        self.release()

    def release(self) -> None:
        """Let the replies that a ``stall`` holds up go on. Safe from any thread."""
        for waiter in tuple(self.waiters):
            waiter.get_loop().call_soon_threadsafe(_resolve, waiter)

    def __repr__(self) -> str:
        return f"Fault({self.operation!r}, {self.kind!r}, hits={self.hits})"


_NOT_APPLIED_BY_DEFAULT: Final = frozenset(
    {"status", "rate_limit", "reset", "disconnect", "html", "error_in_ok", "late"}
)


def _resolve(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Faults:
    """The faults that are on; the first that strikes a request is the one it gets.

    Args:
        random_seed: Seeds the choice by probability, so that a run can be repeated.
        clock: The time, by which faults switch themselves off.
    """

    def __init__(self, random_seed: int = 0, clock: Clock = time.time) -> None:
        self.clock: Clock = clock
        self._random = random.Random(random_seed)  # noqa: S311 - repeatable
        self._faults: tuple[Fault, ...] = ()
        self._numbers = count(1)

    def __iter__(self) -> Iterator[Fault]:
        """Go over the faults in the order in which they were added, with those that are spent."""
        return iter(self._faults)

    def add(  # noqa: PLR0913 - what a fault is
        self,
        operation: str = ANY,
        kind: str = "status",
        *,
        probability: float = 1.0,
        times: int | None = None,
        after: int = 0,
        seconds: float | None = None,
        **details: Any,
    ) -> Fault:
        """Switch a fault on.

        Args:
            operation: An operation id, ``"download"`` for signed URLs, or ``"*"`` for all.
            kind: What goes wrong; see `DETAILS_BY_KIND` and ``docs/emulator.md``.
            probability: The share of matching requests that are struck, from 0 to 1.
            times: Strike at most this often, or None for no end.
            after: Let this many matching requests pass first.
            seconds: Strike for this long by the emulator's clock, or None for no end.
            **details: What the kind takes; ``match`` (any kind) narrows to raw paths holding it.

        Returns:
            A handle with ``hits``, ``release()`` and ``remove()``.

        Raises:
            ValueError: For an unknown operation, kind or detail, and numbers out of range.
        """
        _check(operation, kind, details)
        _check_numbers(probability, times, after, seconds)
        fault = Fault(
            operation,
            kind,
            probability=probability,
            times=times,
            after=after,
            seconds=seconds,
            details=details,
            number=next(self._numbers),
            faults=self,
        )
        self._faults = (*self._faults, fault)
        return fault

    def clear(self) -> None:
        """Switch all faults off and let go of what they hold up."""
        faults, self._faults = self._faults, ()
        for fault in faults:
            fault.release()

    def pick(self, operation: str | None, raw_path: str) -> Fault | None:
        """Find the fault that strikes this request, and count it.

        Args:
            operation: The request's operation.
            raw_path: The request's path as sent.

        Returns:
            The fault, or None.
        """
        for fault in self._faults:
            if fault.operation not in (ANY, operation):
                continue
            if fault.kind in DOWNLOAD_KINDS and operation != DOWNLOAD:
                continue
            if fault.kind in MINING_KINDS and operation not in MINING_OPERATION_IDS:
                continue
            if fault.details.get("match", "") not in raw_path:
                continue
            fault.seen += 1
            if fault.seen <= fault.after or fault.state != "on":
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            fault.hits += 1
            return fault
        return None

    def choose(self, most: float) -> float:
        """Draw a number from 0 to a largest one; the seed decides which."""
        return self._random.uniform(0, most)

    def discard(self, fault: Fault) -> None:
        """Take a fault off the list; `Fault.remove` also lets go of what it holds up."""
        self._faults = tuple(other for other in self._faults if other is not fault)


def _check(operation: str, kind: str, details: Mapping[str, Any]) -> None:
    known_operations = {ANY, DOWNLOAD} | OPERATION_IDS | MINING_OPERATION_IDS
    if operation not in known_operations:
        raise ValueError(f"unknown operation {operation!r}")
    known = DETAILS_BY_KIND.get(kind)
    if known is None:
        raise ValueError(f"unknown kind of fault {kind!r}; one of {sorted(DETAILS_BY_KIND)}")
    unknown = sorted(set(details) - known - _COMMON)
    if unknown:
        raise ValueError(f"a {kind!r} fault takes no {unknown}; it takes {sorted(known | _COMMON)}")


def _check_numbers(
    probability: float, times: int | None, after: int, seconds: float | None
) -> None:
    if not 0 <= probability <= 1:
        raise ValueError("probability must be from 0 to 1")
    if times is not None and times < 0:
        raise ValueError("times must not be negative")
    if after < 0:
        raise ValueError("after must not be negative")
    if seconds is not None and not (seconds > 0 and math.isfinite(seconds)):
        raise ValueError("seconds must be positive")
