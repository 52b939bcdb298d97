"""Which comments an export is to give, and how that is cut into runs of pages.

Communications Mining API v1, "Datasets", section "Export a dataset", table "Request Format".
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import attrs
import msgspec

from claro_async._checks import check_int, to_enum
from claro_async._generated.communications_mining_api.models import ExportRequest
from claro_async.communications_mining.models import CommentOrder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_PAGE = 256
MAX_UIDS = 256
MAX_SOURCES = 1024
MAX_TIME_RANGES = 64


class TimeRangeKeywords(TypedDict, total=False):
    """The keywords with which comments of a time are selected; see :meth:`Dataset.export`."""

    order_by: CommentOrder | Literal["created_at", "timestamp"] | None
    from_: datetime | None
    to: datetime | None
    source_ids: Iterable[str] | None


class SelectionKeywords(TimeRangeKeywords, total=False):
    """The keywords with which comments are selected; see :meth:`Dataset.export`."""

    comment_uids: Iterable[str] | None
    limit: int
    windows: int


def check_ids(name: str, ids: Iterable[str]) -> tuple[str, ...]:
    """Ids, each once, in the order of the input.

    Raises:
        TypeError: One str, or something that holds no str.
        ValueError: An id that is empty.
    """
    if isinstance(ids, str):
        raise TypeError(f"{name} must be a list of ids, not one str")
    found = tuple(dict.fromkeys(ids))
    for each in found:
        if not isinstance(each, str):
            raise TypeError(f"{name} must hold str, not {type(each).__name__}")
        if not each:
            raise ValueError(f"{name} holds an empty id")
    return found


def _to_utc(name: str, moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise TypeError(f"{name} must be a datetime, not {type(moment).__name__}")
    if moment.utcoffset() is None:
        raise ValueError(
            f"{name} must be an aware datetime: give it a tzinfo, such as datetime.UTC"
        )
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{name} is outside of the calendar in UTC: leave it out") from None


def _to_from(moment: datetime | None) -> datetime | None:
    return _to_utc("from_", moment)


def _to_to(moment: datetime | None) -> datetime | None:
    return _to_utc("to", moment)


def _to_order(value: CommentOrder | str | None) -> CommentOrder | None:
    return None if value is None else to_enum("order_by", value, CommentOrder)


def _to_source_ids(ids: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if ids is None else check_ids("source_ids", ids)


def _to_comment_uids(ids: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if ids is None else check_ids("comment_uids", ids)


@attrs.frozen(kw_only=True)
class Selection:
    """The filters of an export, which check themselves.

    Attributes:
        order_by: Which time sorts and filters.
        from_: The first time that counts.
        to: The last time that counts, itself included.
        source_ids: Only comments of these sources.
        comment_uids: Only these comments, each once.
        limit: Comments a request.
        windows: Time ranges that are read side by side.

    Raises:
        TypeError: An argument of another type.
        ValueError: An argument outside its limits, or `comment_uids` beside another filter.
    """

    order_by: CommentOrder | None = attrs.field(default=None, converter=_to_order)
    from_: datetime | None = attrs.field(default=None, converter=_to_from)
    to: datetime | None = attrs.field(default=None, converter=_to_to)
    source_ids: tuple[str, ...] | None = attrs.field(default=None, converter=_to_source_ids)
    comment_uids: tuple[str, ...] | None = attrs.field(default=None, converter=_to_comment_uids)
    limit: int = MAX_PAGE
    windows: int = 1

    def __attrs_post_init__(self) -> None:
        check_int("limit", self.limit, 1, MAX_PAGE)
        check_int("windows", self.windows, 1, MAX_TIME_RANGES)
        start, end, sources = self.from_, self.to, self.source_ids
        if start is not None and end is not None and start > end:
            raise ValueError(f"from_ ({start.isoformat()}) is later than to ({end.isoformat()})")
        if sources is not None and not 1 <= len(sources) <= MAX_SOURCES:
            raise ValueError(
                f"source_ids must hold from 1 to {MAX_SOURCES} ids, not {len(sources)};"
                " leave it out for all sources, or export several times"
            )
        if self.comment_uids is None:
            return
        if any(each is not None for each in (self.order_by, start, end, sources)):
            raise ValueError(
                "comment_uids goes with no other filter: leave out order_by, from_, to and"
                " source_ids"
            )
        if self.windows > 1:
            raise ValueError("comment_uids goes with no time ranges: leave out windows")

    def to_json(self) -> dict[str, Any]:
        """All filters as JSON, with a digest in the place of the uids, which may be many."""
        return {
            "order_by": None if self.order_by is None else self.order_by.value,
            "from": None if self.from_ is None else self.from_.isoformat(),
            "to": None if self.to is None else self.to.isoformat(),
            "source_ids": None if self.source_ids is None else list(self.source_ids),
            "comment_uids": None if self.comment_uids is None else _digest(self.comment_uids),
        }

    def ranges(self, bounds: Sequence[datetime]) -> list[tuple[datetime | None, datetime | None]]:
        """The time ranges that meet at these moments, as pairs of `from_` and `to`."""
        return list(pairwise([self.from_, *bounds, self.to]))

    def requests(self, bounds: Sequence[datetime]) -> list[ExportRequest]:
        """The first request of each run of pages, to be made one after the other, or side by side.

        Args:
            bounds: Where time ranges meet; none for a single run.
        """
        if self.comment_uids is not None:
            uids = self.comment_uids
            groups = (uids[at : at + MAX_UIDS] for at in range(0, len(uids), MAX_UIDS))
            return [ExportRequest(list(group), limit=self.limit) for group in groups]
        return [
            ExportRequest(
                source_ids=None if self.source_ids is None else list(self.source_ids),
                order_by=self.order_by,
                from_=start,
                to=end,
                limit=self.limit,
            )
            for start, end in self.ranges(bounds)
        ]


def _digest(uids: Sequence[str]) -> str:
    return hashlib.blake2b(msgspec.json.encode(uids), digest_size=16).hexdigest()
