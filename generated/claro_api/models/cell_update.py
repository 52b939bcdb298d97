"""The model ``CellUpdate``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class CellUpdate:
    """The new value of a cell ("Manage Dataset", section "Update Cell Value")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"value": "value"}

    value: Any
    """Any JSON value; null empties the cell."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
