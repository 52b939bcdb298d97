"""The model ``DeletionReply``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .reply_status import ReplyStatus


@define
class DeletionReply:
    """Confirms a deletion ("Datasets", section "Delete a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"status": "status"}

    status: ReplyStatus
    """Whether the request succeeded."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
