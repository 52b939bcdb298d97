"""The model ``Message``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .message_text import MessageText


@define
class Message:
    """A message of a comment ("Datasets", section "Export a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "body": "body",
        "from_": "from",
        "to": "to",
        "sent_at": "sent_at",
        "subject": "subject",
    }

    body: MessageText
    """The body of the message."""

    from_: str | None = None
    """Sender of the message."""

    to: list[str] | None = None
    """Recipients of the message."""

    sent_at: datetime.datetime | None = None
    """When the message was sent."""

    subject: MessageText | None = None
    """The subject of the message."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
