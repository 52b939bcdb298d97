"""The model ``LinkDatasource``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class LinkDatasource:
    """The data source to link ("Manage Dataset", section "Link Existing Datasource")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"datasource_id": "datasourceId"}

    datasource_id: str
    """Id of the data source."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
