"""The model ``AnnotatedComment``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .annotations import Annotations
from .comment import Comment
from .predictions import Predictions


@define
class AnnotatedComment:
    """A comment with its assigned and predicted labels ("Datasets", section "Export a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "comment": "comment",
        "annotations": "annotations",
        "predictions": "predictions",
    }

    comment: Comment
    """A comment, which is one message or a chain of them ("Datasets", section "Export a dataset")."""

    annotations: Annotations | None = None
    """What people said about the comment."""

    predictions: Predictions | None = None
    """What the model says about the comment."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
