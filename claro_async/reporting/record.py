"""What a page is made from: the figures of a run as plain attributes, whoever kept them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence


class Moment(Protocol):
    """What happened in one stretch of time."""

    @property
    def edits(self) -> int:
        """Edits applied."""

    @property
    def concurrency(self) -> int:
        """The most requests under way."""

    @property
    def throttled(self) -> int:
        """Replies with 429."""

    @property
    def errors(self) -> int:
        """Replies with 5xx, and attempts without a usable reply."""


class Course(Protocol):
    """The course of a run in stretches of equal length."""

    @property
    def width(self) -> float:
        """Seconds a stretch."""

    @property
    def bins(self) -> Sequence[Moment]:
        """The stretches from the start."""


class Latencies(Protocol):
    """How long requests took."""

    @property
    def total(self) -> int:
        """How many were measured."""

    def percentile(self, share: float) -> float | None:
        """The latency in seconds below which this share (0 to 1) lies; None without any."""


class Edit(Protocol):
    """An edit."""

    @property
    def cell_id(self) -> str:
        """Its cell; empty where it names none."""


class Outcome(Protocol):
    """What became of one edit."""

    @property
    def index(self) -> int:
        """Its place in the input."""

    @property
    def edit(self) -> Edit:
        """The edit."""

    @property
    def status(self) -> str:
        """What became of it."""

    @property
    def error(self) -> Exception | None:
        """Why."""

    @property
    def attempts(self) -> int:
        """Requests sent for it."""


class Skipped(Protocol):
    """A cell that was not set back."""

    @property
    def cell_id(self) -> str:
        """The cell."""

    @property
    def reason(self) -> str:
        """Why, in words."""


class Run(Protocol):
    """What became of a bulk update, and its figures."""

    @property
    def total(self) -> int:
        """All edits."""

    @property
    def updated(self) -> int:
        """Edits that were applied."""

    @property
    def failures(self) -> Sequence[Outcome]:
        """Edits that failed, are unknown or were not sent for a reason."""

    @property
    def conflicts(self) -> Sequence[Outcome]:
        """Edits that overwrote another change."""

    @property
    def stopped_by(self) -> Exception | None:
        """The error that ended it early."""

    @property
    def stop_requested(self) -> bool:
        """Whether its caller ended it early."""

    @property
    def notes(self) -> Sequence[str]:
        """What went wrong beside the edits."""

    @property
    def requests(self) -> int:
        """Requests sent for edits."""

    @property
    def retries(self) -> int:
        """Those of them that were repeats."""

    @property
    def pages_read(self) -> int:
        """Requests sent to read pages."""

    @property
    def throttled(self) -> int:
        """Replies with 429."""

    @property
    def seconds(self) -> float:
        """From start to end."""

    @property
    def seconds_waited(self) -> float:
        """Time that requests waited for the quota, summed over all that waited."""

    @property
    def latency(self) -> Latencies:
        """How long requests took."""

    @property
    def timeline(self) -> Course:
        """The course of the run."""


@runtime_checkable
class RevertRun(Run, Protocol):
    """What became of a revert."""

    @property
    def skipped(self) -> Sequence[Skipped]:
        """Cells that were not set back."""

    @property
    def skipped_count(self) -> int:
        """How many those are in all."""
