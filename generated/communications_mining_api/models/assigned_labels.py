"""The model ``AssignedLabels``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .assigned_label import AssignedLabel


@define
class AssignedLabels:
    """The labels of a comment's annotations ("Datasets", section "Export a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"assigned": "assigned"}

    assigned: list[AssignedLabel] | None = None
    """The labels that were assigned; predictions are not among them."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
