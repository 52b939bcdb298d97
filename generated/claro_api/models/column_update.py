"""The model ``ColumnUpdate``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .json_object import JsonObject


@define
class ColumnUpdate:
    """What to change of a column ("Manage Dataset", section "Update Column Metadata")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"name": "name", "metadata": "metadata"}

    name: str | None = None
    """The new name."""

    metadata: JsonObject | None = None
    """The new metadata, such as `extractionPrompt`."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
