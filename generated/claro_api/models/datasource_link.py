"""The model ``DatasourceLink``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define


@define
class DatasourceLink:
    """A link between a cell and a data source ("Manage Dataset", section "Link Existing
    Datasource")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "cell_id": "cellId",
        "datasource_id": "datasourceId",
        "linked_at": "linkedAt",
        "previous_datasource": "previousDatasource",
    }

    cell_id: str
    """Id of the cell."""

    datasource_id: str
    """Id of the data source that is linked now."""

    linked_at: datetime.datetime
    """When it was linked."""

    previous_datasource: str | None
    """Id of the data source that was linked before, if any."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""
