"""The model ``ExportPage``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .annotated_comment import AnnotatedComment
from .reply_status import ReplyStatus


@define
class ExportPage:
    """One page of an export ("Datasets", section "Export a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "comments": "comments",
        "status": "status",
        "continuation": "continuation",
    }

    comments: list[AnnotatedComment]
    """The comments of this page."""

    status: ReplyStatus
    """Whether the request succeeded."""

    continuation: str | None = None
    """Token for the next page; missing when there are no further comments."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
