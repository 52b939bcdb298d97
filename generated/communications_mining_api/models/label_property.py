"""The model ``LabelProperty``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class LabelProperty:
    """A property such as tone or quality of service, predicted for a comment ("Datasets", section
    "Export a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "property_id": "property_id",
        "property_name": "property_name",
        "value": "value",
    }

    property_id: str
    """Id of the property."""

    property_name: str
    """Name of the property, such as `tone`."""

    value: float
    """The predicted value."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
