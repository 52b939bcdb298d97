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
    check_columns,
    check_int,
    check_on_error,
    check_path,
    check_real,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping
    from types import EllipsisType

    from claro_async.progress import BulkProgress, FilesProgress, Progress, ProgressCallback

OnError: TypeAlias = Literal["collect", "raise"]
"""What a job of many parts does about a part that fails."""
SkipUnchanged: TypeAlias = Literal["auto"] | bool
Equal: TypeAlias = Callable[[Any, Any], bool]
"""Whether a present value (first) and a new one (second) are the same."""
OnChange: TypeAlias = Literal["raise", "restart", "ignore"]
"""What an export does about a dataset that changes meanwhile."""
OnTypeError: TypeAlias = Literal["raise", "null", "string"]
"""What becomes of a value that does not fit its column's type."""
Blanks: TypeAlias = Literal["null", "text"]
"""What an empty text means in a column of text: null, or the empty text."""
OnUnknown: TypeAlias = Literal["raise", "resend"]
"""What an upload does about a lost reply, where nothing shows what became of it."""

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

MAX_FILE_SIZE = 100_000_000
"""Bytes; Claro API v2, uploads: 100 MB a file."""

_WAITS: dict[OnUnknown, float] = {"raise": 5.0, "resend": 60.0}  # seconds


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


def _check_stop(stop: object) -> None:
    """Refuse what is no signal, or one whose ``wait`` would hold the event loop up."""
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
        if self.stop is not None:
            _check_stop(self.stop)


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


class UploadKeywords(TypedDict, total=False):
    """Options of an upload; see :class:`UploadOptions`."""

    filename: str | None
    content_type: str | None
    max_size: int
    on_unknown: OnUnknown
    wait: float | None
    linked_before: str | None
    on_progress: Callable[[Progress], object] | None


@attrs.frozen(kw_only=True)
class UploadOptions:
    """How a file is uploaded.

    Attributes:
        filename: As the API is to call the file; needed where the source has no name.
        content_type: Guessed from the name for None.
        max_size: Bytes above which nothing is sent; more than the documented 100 MB only for
            accounts that are allowed more.
        on_unknown: After a lost reply, when no new link shows on the cell: ``raise``, or ``resend``
            (which may make a second data source) where the source can be read again.
        wait: Seconds for which the cell is read, again and again, after a lost reply: for as long
            as the server may still be working on it. 5 when left out, 60 for ``resend``.
        linked_before: The data source that the cell is linked to now, or None for none, where the
            caller knows it (``cell.linked_datasource``). Left out, it is read.
        on_progress: Called with a :class:`~claro_async.progress.Progress` of bytes.
    """

    filename: str | None = None
    content_type: str | None = None
    max_size: int = MAX_FILE_SIZE
    on_unknown: OnUnknown = "raise"
    wait: float | None = None
    linked_before: str | EllipsisType | None = ...
    on_progress: Callable[[Progress], object] | None = None

    def __attrs_post_init__(self) -> None:
        check_int("max_size", self.max_size, 1)
        check_choice("on_unknown", self.on_unknown, ("raise", "resend"))
        check_callback("on_progress", self.on_progress)
        if self.wait is not None and not 0 <= self.wait < float("inf"):
            raise ValueError(f"wait must be 0 seconds or more, not {self.wait!r}")

    @property
    def seconds_to_wait(self) -> float:
        """Seconds for which the cell is read after a lost reply."""
        return _WAITS[self.on_unknown] if self.wait is None else self.wait


class TransferKeywords(TypedDict, total=False):
    """Options of many transfers; see :class:`TransferOptions`."""

    max_concurrency: int
    on_error: OnError
    on_progress: Callable[[FilesProgress], object] | None


@attrs.frozen(kw_only=True)
class TransferOptions:
    """How many transfers, or links, are made.

    Attributes:
        max_concurrency: How many are under way at once.
        on_error: ``collect`` counts failures in the report; ``raise`` begins no further one after
            the first failure, and raises when those under way have ended.
        on_progress: Called with a :class:`~claro_async.progress.FilesProgress` after each. What it
            raises ends nothing, and is raised when all are done.
    """

    max_concurrency: int = 4
    on_error: OnError = "collect"
    on_progress: Callable[[FilesProgress], object] | None = None

    def __attrs_post_init__(self) -> None:
        check_int("max_concurrency", self.max_concurrency, 1)
        check_on_error(self.on_error)
        check_callback("on_progress", self.on_progress)


class ContentKeywords(TypedDict, total=False):
    """What an export holds; see :class:`ExportOptions`."""

    include_metadata: bool
    on_change: OnChange
    on_type_error: OnTypeError


class ExportKeywords(ContentKeywords, total=False):
    """Options of an export; see :class:`ExportOptions`."""

    columns: Iterable[str] | None
    max_concurrency: int
    on_progress: Callable[[Progress], object] | None


def _as_columns(ids: Iterable[str] | None) -> list[str] | None:
    return None if ids is None else check_columns("columns", ids)


@attrs.frozen(kw_only=True)
class ExportOptions:
    """How a dataset is exported.

    Attributes:
        columns: Ids of the columns to write; all for None.
        include_metadata: Whether to write the cells' metadata, as further columns.
        max_concurrency: Exports or pages under way at once.
        on_change: What to do when the dataset changes while several requests read it, so that its
            parts would not fit together: ``raise``, ``restart`` (up to 3 tries) or ``ignore``.
        on_type_error: For Parquet and Arrow, what becomes of a value that does not fit its column's
            type: ``raise``, ``null``, or ``string`` (the column becomes text).
        on_progress: Called with a :class:`~claro_async.progress.Progress` of rows.
    """

    columns: list[str] | None = attrs.field(default=None, converter=_as_columns)
    include_metadata: bool = False
    max_concurrency: int = 4
    on_change: OnChange = "raise"
    on_type_error: OnTypeError = "raise"
    on_progress: Callable[[Progress], object] | None = None

    def __attrs_post_init__(self) -> None:
        check_int("max_concurrency", self.max_concurrency, 1)
        check_choice("on_change", self.on_change, ("raise", "restart", "ignore"))
        check_choice("on_type_error", self.on_type_error, ("raise", "null", "string"))
        check_callback("on_progress", self.on_progress)


class ExportAllKeywords(ContentKeywords, TransferKeywords, total=False):
    """Options of an export of every dataset: of each file, and of the whole."""


def split_export_all(options: ExportAllKeywords) -> tuple[ExportOptions, TransferOptions]:
    """What is for each export, and what is for the whole.

    Raises:
        TypeError: There is no such option.
        ValueError: One outside its limits.
    """
    whole = {name: options[name] for name in TransferKeywords.__annotations__ if name in options}  # type: ignore[literal-required]
    each = {name: value for name, value in options.items() if name not in whole}
    return ExportOptions(**each), TransferOptions(**{"max_concurrency": 2, **whole})  # type: ignore[arg-type]
