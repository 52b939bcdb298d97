"""Options of the methods that move files: keyword-only, frozen, and checked when they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

import attrs

from claro_async._callbacks import check_callback
from claro_async._checks import (
    check_choice,
    check_columns,
    check_int,
    check_on_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import EllipsisType

    from claro_async.options import OnError, OnTypeError
    from claro_async.progress import FilesProgress, Progress

OnChange: TypeAlias = Literal["raise", "restart", "ignore"]
"""What an export does about a dataset that changes meanwhile."""
OnUnknown: TypeAlias = Literal["raise", "resend"]
"""What an upload does about a lost reply, where nothing shows what became of it."""

MAX_FILE_SIZE = 100_000_000
"""Bytes; Claro API v2, uploads: 100 MB a file."""


_WAITS: dict[OnUnknown, float] = {"raise": 5.0, "resend": 60.0}  # seconds


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
