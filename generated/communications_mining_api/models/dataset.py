"""The model ``Dataset``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class Dataset:
    """A dataset ("Datasets", section "Get all datasets")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "created": "created",
        "has_sentiment": "has_sentiment",
        "id": "id",
        "last_modified": "last_modified",
        "model_family": "model_family",
        "name": "name",
        "owner": "owner",
        "source_ids": "source_ids",
        "description": "description",
        "title": "title",
    }

    created: datetime.datetime
    """When the dataset was created."""

    has_sentiment: bool
    """Whether labels in the dataset are applied with sentiment."""

    id: str
    """Id of the dataset."""

    last_modified: datetime.datetime
    """When the dataset was last changed."""

    model_family: str
    """Family of the dataset's model, such as `english`."""

    name: str
    """Name of the dataset within its project."""

    owner: str
    """Name of the project."""

    source_ids: list[str]
    """Ids of the sources in the dataset."""

    description: str | None = None
    """A longer description of the dataset."""

    title: str | None = None
    """One-line title of the dataset, for people."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
