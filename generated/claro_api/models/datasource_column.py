"""The model ``DatasourceColumn``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class DatasourceColumn:
    """A column of a data source ("Manage Data Source", sections "Get Data Source Details" and "Get
    Data Source Data")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "name": "name",
        "type": "type",
        "sample_values": "sampleValues",
    }

    name: str
    """Name of the column."""

    type: str
    """Type of its values, such as `string` or `number`; the set is not documented."""

    sample_values: list[Any] | None = None
    """Some of its values. Only in the data source's details."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
