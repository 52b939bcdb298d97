"""The model ``DatasourceDeletion``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define


@define
class DatasourceDeletion:
    """Confirms that a data source was deleted ("Manage Data Source", section "Delete Data
    Source")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "message": "message",
        "datasource_id": "datasourceId",
        "deleted_at": "deletedAt",
    }

    message: str
    """The confirmation in words."""

    datasource_id: str
    """Id of the deleted data source."""

    deleted_at: datetime.datetime
    """When it was deleted."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""
