"""The model ``ExportRequest``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .comment_order import CommentOrder


@define
class ExportRequest:
    """Which comments to export, and how many a page ("Datasets", section "Export a dataset"). No
    other filter goes with `comment_uids`."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "comment_uids": "comment_uids",
        "source_ids": "source_ids",
        "order_by": "order_by",
        "from_": "from",
        "to": "to",
        "continuation": "continuation",
        "limit": "limit",
    }

    comment_uids: list[str] | None = None
    """Only these comments, by uid (`source_id.comment_id`); at most 256."""

    source_ids: list[str] | None = None
    """Only comments of these sources; at most 1024."""

    order_by: CommentOrder | None = None
    """Which time sorts and filters. The server's default is `timestamp`."""

    from_: datetime.datetime | None = None
    """Only comments from this time onwards."""

    to: datetime.datetime | None = None
    """Only comments until this time, itself included."""

    continuation: str | None = None
    """Token of the previous page, to get the next one."""

    limit: int | None = None
    """Comments a page, at most 256. The server's default is 64."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
