"""The model ``DatasourcePage``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .datasource_column import DatasourceColumn
from .json_object import JsonObject
from .pagination import Pagination


@define
class DatasourcePage:
    """One page of a data source's records ("Manage Data Source", section "Get Data Source Data")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "data": "data",
        "pagination": "pagination",
        "columns": "columns",
    }

    data: list[JsonObject]
    """The records, each an object by column name."""

    pagination: Pagination
    """Where the page stands."""

    columns: list[DatasourceColumn]
    """The columns of the page."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
