"""The model ``LinkDatasource``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define


@define
class LinkDatasource:
    """The data source to link ("Manage Dataset", section "Link Existing Datasource")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {"datasource_id": "datasourceId"}

    datasource_id: str
    """Id of the data source."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""
