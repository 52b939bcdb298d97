"""The model ``UpdateDatasetRequest``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .dataset_changes import DatasetChanges


@define
class UpdateDatasetRequest:
    """The body that changes a dataset ("Datasets", section "Update a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"dataset": "dataset"}

    dataset: DatasetChanges
    """What to change of a dataset ("Datasets", section "Update a dataset")."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
