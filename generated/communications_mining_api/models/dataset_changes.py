"""The model ``DatasetChanges``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class DatasetChanges:
    """What to change of a dataset ("Datasets", section "Update a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "title": "title",
        "description": "description",
        "source_ids": "source_ids",
    }

    title: str | None = None
    """One-line title of the dataset, for people."""

    description: str | None = None
    """A longer description of the dataset."""

    source_ids: list[str] | None = None
    """Ids of all the sources to include."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
