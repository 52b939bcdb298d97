"""The model ``CreateDatasetRequest``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .new_dataset import NewDataset


@define
class CreateDatasetRequest:
    """The body that creates a dataset ("Datasets", section "Create a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"dataset": "dataset"}

    dataset: NewDataset
    """What a new dataset shall be ("Datasets", section "Create a dataset")."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
