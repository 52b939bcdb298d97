"""The model ``DatasourceDeletion``."""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class DatasourceDeletion:
    """Confirms that a data source was deleted ("Manage Data Source", section "Delete Data
    Source")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "datasource_id": "datasourceId",
        "message": "message",
        "deleted_at": "deletedAt",
    }

    datasource_id: str
    """Id of the deleted data source."""

    message: str | None = None
    """The confirmation in words."""

    deleted_at: datetime.datetime | None = None
    """When it was deleted."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
