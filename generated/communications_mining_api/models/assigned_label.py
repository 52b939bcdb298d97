"""The model ``AssignedLabel``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class AssignedLabel:
    """A label that was assigned to a comment ("Datasets", section "Export a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"name": "name", "sentiment": "sentiment"}

    name: str
    """Name of the label, with ` > ` between parent and child."""

    sentiment: str | None = None
    """Sentiment of the label, such as `positive`. Only in datasets with sentiment."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
