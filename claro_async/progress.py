"""How far a piece of work is: one record for edits, rows, bytes and files.

Every ``on_progress`` is called with a :class:`Progress` or a subclass of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias, TypeVar

import attrs

Unit: TypeAlias = Literal["edits", "rows", "bytes", "files"]
P = TypeVar("P", bound="Progress")


@attrs.frozen(kw_only=True)
class Progress:
    """How far a piece of work is.

    Attributes:
        unit: What is counted: ``edits``, ``rows``, ``bytes`` or ``files``.
        done: How many are done.
        total: How many there are in all, or None while that is not known.
        seconds: Since the start.
    """

    unit: Unit
    done: int
    total: int | None
    seconds: float

    @property
    def fraction(self) -> float | None:
        """The part that is done, from 0 to 1, or None while the total is not known."""
        if self.total is None:
            return None
        return min(1.0, self.done / self.total) if self.total else 1.0

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return {**attrs.asdict(self), "fraction": self.fraction}


ProgressCallback: TypeAlias = Callable[[P], object]
"""A plain function that takes the record; what it returns is ignored."""


@attrs.frozen(kw_only=True)
class BulkProgress(Progress):
    """How far a bulk update is.

    Attributes:
        unit: ``edits``.
        updated: Edits that were applied.
        failed: Edits that failed or whose outcome is unknown.
        requests: Requests sent for edits.
    """

    unit: Unit = "edits"
    updated: int
    failed: int
    requests: int


@attrs.frozen(kw_only=True)
class FilesProgress(Progress):
    """How far a batch of transfers or links is.

    Attributes:
        unit: ``files``.
        succeeded: Items that are done.
        failed: Items that failed.
        unknown: Items of which it is not known whether they were applied.
    """

    unit: Unit = "files"
    succeeded: int
    failed: int
    unknown: int


class ProgressMeter:
    """Tells a callback how far one transfer is; its clock starts when it is made.

    Args:
        callback: The callback, or None for nobody.
        unit: What is counted.
        monotonic: A clock in seconds.
    """

    def __init__(
        self,
        callback: ProgressCallback[Progress] | None,
        unit: Unit,
        monotonic: Callable[[], float],
    ) -> None:
        self._callback = callback
        self._unit = unit
        self._monotonic = monotonic
        self._started = monotonic()

    def __call__(self, done: int, total: int | None) -> None:
        """Call the callback; what it raises is raised as it is."""
        if self._callback is not None:
            seconds = self._monotonic() - self._started
            self._callback(Progress(unit=self._unit, done=done, total=total, seconds=seconds))
