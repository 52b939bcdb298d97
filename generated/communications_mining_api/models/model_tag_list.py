"""The model ``ModelTagList``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .model_tag import ModelTag
from .reply_status import ReplyStatus


@define
class ModelTagList:
    """The tags of a dataset's model ("Datasets", section "Get model tags for a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"model_tags": "model_tags", "status": "status"}

    model_tags: list[ModelTag]
    """The tags."""

    status: ReplyStatus
    """Whether the request succeeded."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
