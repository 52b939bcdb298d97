"""The model ``Comment``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .json_object import JsonObject
from .message import Message


@define
class Comment:
    """A comment, which is one message or a chain of them ("Datasets", section "Export a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "id": "id",
        "uid": "uid",
        "source_id": "source_id",
        "timestamp": "timestamp",
        "created_at": "created_at",
        "last_modified": "last_modified",
        "messages": "messages",
        "text_format": "text_format",
        "user_properties": "user_properties",
        "thread_id": "thread_id",
        "context": "context",
        "has_annotations": "has_annotations",
    }

    id: str
    """Id of the comment within its source."""

    uid: str
    """Id of the comment among all (`source_id.comment_id`)."""

    source_id: str
    """Id of the source."""

    timestamp: datetime.datetime
    """The comment's time, as given by whoever uploaded it."""

    created_at: datetime.datetime
    """When the comment was created in the API."""

    last_modified: datetime.datetime
    """When the comment was last changed."""

    messages: list[Message]
    """The messages, in order."""

    text_format: str | None = None
    """Format of the texts, such as `plain`."""

    user_properties: JsonObject | None = None
    """Properties by name, which begins with their type, as in `string:Sender Domain`."""

    thread_id: str | None = None
    """Id of the thread that the comment belongs to."""

    context: str | None = None
    """A mark of the upload, opaque."""

    has_annotations: bool | None = None
    """Whether anyone annotated the comment."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
