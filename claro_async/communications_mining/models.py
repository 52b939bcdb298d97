"""The values that the Communications Mining API takes and gives, under names that stay.

All but the last two are generated from the specification. A field that a reply leaves out reads as
None, and fields that the documents do not name are kept in ``additional_properties``.
"""

from __future__ import annotations

from typing import Any

import attrs

from claro_async._generated.communications_mining_api.models import (
    AnnotatedComment,
    Annotations,
    AssignedLabel,
    Comment,
    CommentOrder,
    LabelProperty,
    Message,
    MessageText,
    ModelTag,
    PredictedLabel,
    Predictions,
)
from claro_async._generated.communications_mining_api.models import Dataset as DatasetDetails
from claro_async._plain import plain_record

__all__ = [
    "AnnotatedComment",
    "Annotations",
    "AssignedLabel",
    "Comment",
    "CommentOrder",
    "CreatedDataset",
    "DatasetDeletion",
    "DatasetDetails",
    "LabelProperty",
    "Message",
    "MessageText",
    "ModelTag",
    "PredictedLabel",
    "Predictions",
]


@attrs.define
class CreatedDataset(DatasetDetails):
    """A dataset that was just made.

    Communications Mining API v1, "Datasets", section "Create a dataset".

    Attributes:
        confirmed_by_read: Whether the reply was lost, and reading the dataset showed it as wanted.
    """

    confirmed_by_read: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The dataset as plain JSON values, by the names of the API, with `confirmed_by_read`."""
        return {**super().to_dict(), "confirmed_by_read": self.confirmed_by_read}


@attrs.frozen
class DatasetDeletion:
    """A dataset that is gone.

    Communications Mining API v1, "Datasets", section "Delete a dataset".

    Attributes:
        project: Name of the project.
        name: Name of the dataset.
        confirmed_by_absence: Whether the reply was lost, and a second request found nothing.
    """

    project: str
    name: str
    confirmed_by_absence: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON values, by attribute name."""
        return plain_record(self)
