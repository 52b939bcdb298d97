"""Options of the methods that move files: keyword-only, frozen, and checked when they are made."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict, get_args

import attrs

from claro_async._callbacks import check_callback
from claro_async._checks import (
    check_bool,
    check_choice,
    check_columns,
    check_int,
    check_on_error,
    check_text,
)
from claro_async.options import DatasetTypeName, StatusName, check_stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import EllipsisType

    from claro_async.options import OnError, OnTypeError, StopSignal
    from claro_async.progress import FilesProgress, Progress

OnChange: TypeAlias = Literal["raise", "restart", "ignore"]
"""What an export does about a dataset that changes meanwhile."""
Via: TypeAlias = Literal["auto", "export", "rows"]
"""How rows are read that become a file here: by the server's exports, or page by page."""
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
    stop: StopSignal | None


@attrs.frozen(kw_only=True)
class TransferOptions:
    """How many transfers, or links, are made.

    Attributes:
        max_concurrency: How many are under way at once.
        on_error: ``collect`` counts failures in the report; ``raise`` begins no further one after
            the first failure, and raises when those under way have ended.
        on_progress: Called with a :class:`~claro_async.progress.FilesProgress` after each. What it
            raises ends nothing, and is raised when all are done.
        stop: An :class:`asyncio.Event`: once it is set, what is on its way comes to its end, no
            further one begins, and the report is returned.
    """

    max_concurrency: int = 4
    on_error: OnError = "collect"
    on_progress: Callable[[FilesProgress], object] | None = None
    stop: StopSignal | None = None

    def __attrs_post_init__(self) -> None:
        check_int("max_concurrency", self.max_concurrency, 1)
        check_on_error(self.on_error)
        check_callback("on_progress", self.on_progress)
        check_stop(self.stop)


class ContentKeywords(TypedDict, total=False):
    """What an export holds; see :class:`ExportOptions`."""

    include_metadata: bool
    cell_ids: bool
    via: Via
    on_change: OnChange
    on_type_error: OnTypeError


class ExportKeywords(ContentKeywords, total=False):
    """Options of an export; see :class:`ExportOptions`."""

    columns: Iterable[str] | None
    max_concurrency: int
    on_progress: Callable[[Progress], object] | None


class ReaderKeywords(TypedDict, total=False):
    """Options of a reader; see :class:`ExportOptions`."""

    columns: Iterable[str] | None
    include_metadata: bool
    cell_ids: bool
    via: Via
    max_concurrency: int
    on_change: Literal["raise", "ignore"]
    on_type_error: Literal["raise", "null"]


def _as_columns(ids: Iterable[str] | None) -> list[str] | None:
    return None if ids is None else check_columns("columns", ids)


@attrs.frozen(kw_only=True)
class ExportOptions:
    """How a dataset is exported.

    Attributes:
        columns: Ids of the columns to write; all for None.
        include_metadata: Whether to write the cells' metadata, as further columns.
        cell_ids: For Parquet, Arrow and JSON lines, whether to write the ids of rows and cells, as
            further columns.
        via: For Parquet, Arrow and JSON lines, how the rows are read: by the server's JSON exports
            (``export``, 100,000 rows a request), page by page (``rows``, 1,000 rows a request), or
            by what takes fewer requests (``auto``). The documents do not say how an export is laid
            out, so ``auto`` compares the first rows of it with a page; where they differ the rows
            are read instead, and an event says why. Ids and metadata are on pages alone.
        max_concurrency: Exports or pages under way at once.
        on_change: What to do when the dataset changes while several requests read it, so that its
            parts would not fit together: ``raise``, ``restart`` (up to 3 tries) or ``ignore``.
        on_type_error: For Parquet and Arrow, what becomes of a value that does not fit its column's
            type: ``raise``, ``null``, or ``string`` (the column becomes text).
        on_progress: Called with a :class:`~claro_async.progress.Progress` of rows.
    """

    columns: list[str] | None = attrs.field(default=None, converter=_as_columns)
    include_metadata: bool = False
    cell_ids: bool = False
    via: Via = "auto"
    max_concurrency: int = 4
    on_change: OnChange = "raise"
    on_type_error: OnTypeError = "raise"
    on_progress: Callable[[Progress], object] | None = None

    def __attrs_post_init__(self) -> None:
        check_int("max_concurrency", self.max_concurrency, 1)
        check_bool("cell_ids", self.cell_ids)
        check_choice("via", self.via, ("auto", "export", "rows"))
        if self.via == "export" and self.needs_pages:
            raise ValueError(
                "via='export' has neither ids nor the metadata of cells: choose 'auto' or 'rows'"
            )
        check_choice("on_change", self.on_change, ("raise", "restart", "ignore"))
        check_choice("on_type_error", self.on_type_error, ("raise", "null", "string"))
        check_callback("on_progress", self.on_progress)

    @property
    def needs_pages(self) -> bool:
        """Whether something is wanted that no export of the server's holds."""
        return self.include_metadata or self.cell_ids

    def check_format(self, name: str, *, by_server: bool) -> None:
        """Refuse what the server does not write.

        Raises:
            ValueError: Ids, or rows, for a format that the server writes.
        """
        if not by_server:
            return
        if self.cell_ids:
            raise ValueError(f"cell_ids is for parquet, arrow and jsonl, not for {name}")
        if self.via == "rows":
            raise ValueError(f"via='rows' is for parquet, arrow and jsonl, not for {name}")


class ExportAllKeywords(ContentKeywords, TransferKeywords, total=False):
    """Options of an export of every dataset: of each file, and of the whole."""

    type: DatasetTypeName | None
    status: StatusName | None
    name: str | Iterable[str] | None


class DownloadAllKeywords(TransferKeywords, total=False):
    """Options of a download of every data source."""

    status: StatusName | None
    content_type: str | None
    name: str | Iterable[str] | None


class _Dataset(Protocol):
    """What a filter looks at of a dataset."""

    @property
    def type(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def name(self) -> str: ...


class _Datasource(Protocol):
    """What a filter looks at of a data source."""

    @property
    def status(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def file_name(self) -> str: ...


def _as_patterns(name: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if name is None:
        return None
    patterns = (name,) if isinstance(name, str) else tuple(name)
    for each in patterns:
        check_text("name", each)
    if not patterns:
        raise ValueError("name is empty; leave it out for every name")
    return patterns


def _is_named(name: str | None, patterns: tuple[str, ...] | None) -> bool:
    return patterns is None or any(fnmatchcase(name or "", each) for each in patterns)


@attrs.frozen(kw_only=True)
class DatasetFilter:
    """Which datasets are exported; the filters are applied here, to the whole listing.

    Attributes:
        type: Only of this type.
        status: Only of this status.
        name: Only of a name that one of these patterns matches (``*``, ``?``, ``[…]``).
    """

    type: str | None = None
    status: str | None = None
    name: tuple[str, ...] | None = attrs.field(default=None, converter=_as_patterns)

    def __attrs_post_init__(self) -> None:
        if self.type is not None:
            check_choice("type", self.type, get_args(DatasetTypeName))
        if self.status is not None:
            check_choice("status", self.status, get_args(StatusName))

    def matches(self, summary: _Dataset) -> bool:
        """Whether a dataset is one of those."""
        return (
            self.type in (None, summary.type)
            and self.status in (None, summary.status)
            and _is_named(summary.name, self.name)
        )


@attrs.frozen(kw_only=True)
class DatasourceFilter:
    """Which data sources are downloaded; the filters are applied here, to the whole listing.

    Attributes:
        status: Only of this status.
        content_type: Only of this content type, such as ``text/csv``.
        name: Only of a file name that one of these patterns matches (``*``, ``?``, ``[…]``).
    """

    status: str | None = None
    content_type: str | None = None
    name: tuple[str, ...] | None = attrs.field(default=None, converter=_as_patterns)

    def __attrs_post_init__(self) -> None:
        if self.status is not None:
            check_choice("status", self.status, get_args(StatusName))
        if self.content_type is not None:
            check_text("content_type", self.content_type)

    def matches(self, summary: _Datasource) -> bool:
        """Whether a data source is one of those."""
        return (
            self.status in (None, summary.status)
            and self.content_type in (None, summary.content_type)
            and _is_named(summary.file_name, self.name)
        )


def reader_options(options: ReaderKeywords) -> ExportOptions:
    """The options of a reader, which hands out what it cannot take back.

    Raises:
        TypeError: There is no such option.
        ValueError: One outside its limits.
    """
    for name in options.keys() - ReaderKeywords.__annotations__.keys():
        raise TypeError(f"open_reader() got an unexpected keyword argument {name!r}")
    chosen = ExportOptions(**options)
    check_choice("on_change", chosen.on_change, ("raise", "ignore"))
    check_choice("on_type_error", chosen.on_type_error, ("raise", "null"))
    return chosen


_CONTENT = ContentKeywords.__annotations__
_WHOLE = TransferKeywords.__annotations__


def split_export_all(
    options: ExportAllKeywords,
) -> tuple[ExportOptions, DatasetFilter, TransferOptions]:
    """What is for each export, which datasets there are to be, and what is for the whole.

    Raises:
        TypeError: There is no such option.
        ValueError: One outside its limits.
    """
    each, rest = _taken(options, _CONTENT)
    whole, only = _taken(rest, _WHOLE)
    return (
        ExportOptions(**each),
        DatasetFilter(**only),
        TransferOptions(**{"max_concurrency": 2, **whole}),
    )


def split_download_all(options: DownloadAllKeywords) -> tuple[DatasourceFilter, TransferOptions]:
    """Which data sources there are to be, and what is for the whole.

    Raises:
        TypeError: There is no such option.
        ValueError: One outside its limits.
    """
    whole, only = _taken(options, _WHOLE)
    return DatasourceFilter(**only), TransferOptions(**whole)


def _taken(
    options: Mapping[str, object], names: Mapping[str, object]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of these names, and the others."""
    taken = {name: value for name, value in options.items() if name in names}
    return taken, {name: value for name, value in options.items() if name not in names}
