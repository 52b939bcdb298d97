"""The model ``ModelTag``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class ModelTag:
    """A tag on a version of a dataset's model ("Datasets", section "Get model tags for a
    dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "name": "name",
        "updated_at": "updated_at",
        "version": "version",
    }

    name: str
    """Name of the tag, such as `prod`."""

    updated_at: datetime.datetime
    """When the tag was put on this version."""

    version: int
    """Version of the model."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
