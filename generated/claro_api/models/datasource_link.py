"""The model ``DatasourceLink``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class DatasourceLink:
    """A link between a cell and a data source ("Manage Dataset", section "Link Existing
    Datasource")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "cell_id": "cellId",
        "datasource_id": "datasourceId",
        "previous_datasource": "previousDatasource",
        "linked_at": "linkedAt",
    }

    cell_id: str
    """Id of the cell."""

    datasource_id: str
    """Id of the data source that is linked now."""

    previous_datasource: str | None
    """Id of the data source that was linked before, if any."""

    linked_at: datetime.datetime | None = None
    """When it was linked."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
