"""Options of the public methods: keyword-only, frozen, and checked when they are made.

A method takes them as ``**options: Unpack[...]``, so that an editor completes and a type checker
checks each of them, and hands one record on.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict

import attrs

from claro_async._callbacks import check_callback
from claro_async._checks import (
    check_bool,
    check_choice,
    check_int,
    check_path,
    check_real,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from claro_async.progress import BulkProgress, ProgressCallback

OnError: TypeAlias = Literal["collect", "raise"]
"""What a job of many parts does about a part that fails."""
SkipUnchanged: TypeAlias = Literal["auto"] | bool
Equal: TypeAlias = Callable[[Any, Any], bool]
"""Whether a present value (first) and a new one (second) are the same."""
OnTypeError: TypeAlias = Literal["raise", "null", "string"]
"""What becomes of a value that does not fit its column's type."""
Blanks: TypeAlias = Literal["null", "text"]
"""What an empty text means in a column of text: null, or the empty text."""

StatusName: TypeAlias = Literal["processing", "completed", "failed"]
"""A status of a dataset or of a data source."""
DatasetTypeName: TypeAlias = Literal["extraction", "analysis", "classification"]
"""A kind of dataset."""
TaskTypeName: TypeAlias = Literal[
    "raw", "doc_extraction", "web_enrich", "classification", "ai_enrich", "places_count"
]
"""How a column gets its values."""
SortOrderName: TypeAlias = Literal["asc", "desc"]
"""Upwards or downwards."""
ServerFormatName: TypeAlias = Literal["csv", "json", "xlsx"]
"""A file format that the server makes."""
FileFormatName: TypeAlias = Literal["csv", "json", "xlsx", "jsonl", "parquet", "arrow"]
"""A file format of exports."""
TableFormatName: TypeAlias = Literal["csv", "json", "jsonl", "parquet", "arrow"]
"""A file format that rows are read from."""


class StopSignal(Protocol):
    """What tells a job to stop: an :class:`asyncio.Event`, or anything with its two methods."""

    def is_set(self) -> bool:
        """Whether the job shall stop."""

    async def wait(self) -> object:
        """Return once the job shall stop."""


class _RunKeywords(TypedDict, total=False):
    max_concurrency: int
    reserve: float
    stop: StopSignal | None


class _JournalKeywords(TypedDict, total=False):
    journal: str | os.PathLike[str] | None
    journal_values: bool


class _JobKeywords(_JournalKeywords, total=False):
    skip_unchanged: SkipUnchanged
    equal: Equal | None
    resume: bool


class SendKeywords(_RunKeywords, total=False):
    """The keywords of whatever sends edits; see :class:`SendOptions`."""

    on_error: OnError
    on_progress: ProgressCallback[BulkProgress] | None


class BulkKeywords(SendKeywords, _JobKeywords, total=False):
    """The keywords of a bulk update; see :class:`BulkOptions`."""


class OutcomesKeywords(_RunKeywords, _JobKeywords, total=False):
    """The keywords of a bulk update whose outcomes are taken as they come."""


class SyncKeywords(SendKeywords, _JournalKeywords, total=False):
    """The keywords of an update from a table; see :class:`BulkOptions`."""

    equal: Equal | None


class ApplyKeywords(SendKeywords, _JournalKeywords, total=False):
    """The keywords with which a plan is applied; see :class:`BulkOptions`."""


class ResumeKeywords(SendKeywords, total=False):
    """The keywords with which a job is gone on with; see :class:`BulkOptions`."""

    equal: Equal | None


def check_keywords(method: str, given: Mapping[str, object], known: type[Any]) -> None:
    """Refuse a keyword that a method does not have, as Python does.

    Args:
        method: The method's name.
        given: The keywords of the call.
        known: The TypedDict of those that there are.

    Raises:
        TypeError: There is no such keyword.
    """
    for name in given:
        if name not in known.__annotations__:
            raise TypeError(f"{method}() got an unexpected keyword argument {name!r}")


def check_stop(stop: object) -> None:
    """Refuse what is neither None nor a signal, or one whose ``wait`` would hold the loop up.

    Raises:
        TypeError: It is.
    """
    if stop is None:
        return
    wait = getattr(stop, "wait", None)
    is_signal = not isinstance(stop, type) and callable(getattr(stop, "is_set", None))
    if is_signal and callable(wait):
        if inspect.iscoroutinefunction(wait) or "timeout" not in inspect.signature(wait).parameters:
            return
        raise TypeError(
            f"stop must be an asyncio.Event, not one of {type(stop).__module__}, whose wait()"
            " blocks: set an asyncio.Event by loop.call_soon_threadsafe(event.set)"
        )
    raise TypeError(f"stop must be an asyncio.Event, not {type(stop).__name__}")


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
        check_real("reserve", self.reserve)
        if not 0 <= self.reserve < 1:
            raise ValueError(
                "reserve is the share of the quota left to others, from 0 to below 1,"
                f" not {self.reserve!r}"
            )
        check_callback("on_progress", self.on_progress)
        check_stop(self.stop)


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
        resume: Whether to go on with the job in that file if it has this very input.

    Raises:
        TypeError: An option of another type.
        ValueError: An option outside its limits.
    """

    skip_unchanged: SkipUnchanged = "auto"
    equal: Equal | None = None
    journal: str | os.PathLike[str] | None = None
    journal_values: bool = True
    resume: bool = False

    def __attrs_post_init__(self) -> None:
        """Check the options."""
        super().__attrs_post_init__()
        is_auto = isinstance(self.skip_unchanged, str) and self.skip_unchanged == "auto"
        if not is_auto and not isinstance(self.skip_unchanged, bool):
            raise ValueError(
                f"skip_unchanged must be True, False or 'auto', not {self.skip_unchanged!r}"
            )
        check_callback("equal", self.equal)
        check_bool("journal_values", self.journal_values)
        check_bool("resume", self.resume)
        if self.journal is not None:
            check_path("journal", self.journal)
        elif self.resume:
            raise ValueError("resume=True goes on with the job in a journal: pass journal= as well")


@attrs.frozen(kw_only=True)
class CoerceOptions:
    """How values of a table become those of the dataset; the rules stand in ``docs/bulk.md``.

    Attributes:
        coerce: ``column`` converts by the dataset's column types; None leaves values as they are.
        blanks: What an empty text means in a column of text: ``null`` or ``text``. In any other
            column it is null.
        on_type_error: What becomes of a value that does not fit: ``raise``, ``null``, or
            ``string`` (it stays as it is).

    Raises:
        ValueError: An option that is none of the choices.
    """

    coerce: Literal["column"] | None = None
    blanks: Blanks = "null"
    on_type_error: OnTypeError = "raise"

    def __attrs_post_init__(self) -> None:
        """Check the options."""
        if self.coerce is not None:
            check_choice("coerce", self.coerce, ("column",))
        check_choice("blanks", self.blanks, ("null", "text"))
        check_choice("on_type_error", self.on_type_error, ("raise", "null", "string"))
