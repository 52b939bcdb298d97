"""The model ``Annotations``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .assigned_labels import AssignedLabels


@define
class Annotations:
    """What people said about a comment ("Datasets", section "Export a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"labels": "labels"}

    labels: AssignedLabels | None = None
    """The labels."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
