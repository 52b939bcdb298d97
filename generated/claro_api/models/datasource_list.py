"""The model ``DatasourceList``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .datasource_summary import DatasourceSummary
from .pagination import Pagination


@define
class DatasourceList:
    """One page of data sources ("Manage Data Source", section "List All Data Sources")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "data_sources": "dataSources",
        "pagination": "pagination",
    }

    data_sources: list[DatasourceSummary]
    """The data sources of this page."""

    pagination: Pagination
    """Where the page stands."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
