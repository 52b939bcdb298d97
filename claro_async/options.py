"""Options of the public methods: keyword-only, frozen, and checked when they are made.

A method takes them as ``**options: Unpack[...]``, so that an editor completes and a type checker
checks each of them, and hands one record on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict

import attrs

from claro_async._callbacks import check_callback
from claro_async._checks import check_choice, check_int

if TYPE_CHECKING:
    import os

    from claro_async.progress import BulkProgress, ProgressCallback

OnError: TypeAlias = Literal["collect", "raise"]
SkipUnchanged: TypeAlias = Literal["auto"] | bool
Equal: TypeAlias = Callable[[Any, Any], bool]
"""Whether a present value (first) and a new one (second) are the same."""


class StopSignal(Protocol):
    """What tells a job to stop: an :class:`asyncio.Event`, or anything with its two methods."""

    def is_set(self) -> bool:
        """Whether the job shall stop."""

    async def wait(self) -> object:
        """Return once the job shall stop."""


class SendKeywords(TypedDict, total=False):
    """The keywords of whatever sends edits; see :class:`SendOptions`."""

    max_concurrency: int
    on_error: OnError
    reserve: float
    on_progress: ProgressCallback[BulkProgress] | None
    stop: StopSignal | None


class BulkKeywords(SendKeywords, total=False):
    """The keywords of a bulk update; see :class:`BulkOptions`."""

    skip_unchanged: SkipUnchanged
    equal: Equal | None
    journal: str | os.PathLike[str] | None
    journal_values: bool


@attrs.frozen(kw_only=True)
class SendOptions:
    """How edits are sent.

    Attributes:
        max_concurrency: Requests under way at once, at the most; fewer while more bring throttling
            or failures, or apply fewer edits a second.
        on_error: ``collect`` counts failures in the report; ``raise`` stops at the first and
            raises.
        reserve: The share of the quota, from 0 to below 1, that is left to other requests.
        on_progress: Called with a :class:`BulkProgress`, at most ten times a second and at the end.
            What it raises is logged, noted in the report, and ends nothing.
        stop: Once it is set, what is on its way comes to its end, nothing more is sent, and the
            report is returned.

    Raises:
        TypeError: An option of another type.
        ValueError: An option outside its limits.
    """

    max_concurrency: int = 32
    on_error: OnError = "collect"
    reserve: float = 0.0
    on_progress: ProgressCallback[BulkProgress] | None = None
    stop: StopSignal | None = None

    def __attrs_post_init__(self) -> None:
        """Check the options."""
        check_int("max_concurrency", self.max_concurrency, 1)
        check_choice("on_error", self.on_error, ("collect", "raise"))
        if not 0 <= self.reserve < 1:
            raise ValueError(
                "reserve is the share of the quota left to others, from 0 to below 1,"
                f" not {self.reserve!r}"
            )
        check_callback("on_progress", self.on_progress)
        if self.stop is not None and not (
            callable(getattr(self.stop, "is_set", None))
            and callable(getattr(self.stop, "wait", None))
        ):
            raise TypeError(f"stop must be an asyncio.Event, not {type(self.stop).__name__}")


@attrs.frozen(kw_only=True)
class BulkOptions(SendOptions):
    """How a bulk update is done.

    Attributes:
        skip_unchanged: Whether to read the present values first and leave out what would change
            nothing: True, False, or ``auto`` for where reading is expected to save requests.
        equal: Whether a present value (first) and a new one (second) are the same; None for JSON
            equality, by which 1, "1" and true differ, and 1 and 1.0 do not.
        journal: The file to keep the job in, or None.
        journal_values: Whether values stay in that file once their edits are done.

    Raises:
        TypeError: An option of another type.
        ValueError: An option outside its limits.
    """

    skip_unchanged: SkipUnchanged = "auto"
    equal: Equal | None = None
    journal: str | os.PathLike[str] | None = None
    journal_values: bool = True

    def __attrs_post_init__(self) -> None:
        """Check the options."""
        super().__attrs_post_init__()
        if self.skip_unchanged not in {"auto", True, False}:
            raise ValueError(
                f"skip_unchanged must be True, False or 'auto', not {self.skip_unchanged!r}"
            )
        check_callback("equal", self.equal)
