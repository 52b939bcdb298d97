"""The model ``Cell``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .json_object import JsonObject


@define
class Cell:
    """One cell of a row ("Manage Dataset", section "Get Dataset Data")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "cell_id": "cellId",
        "row_id": "rowId",
        "column_id": "columnId",
        "value": "value",
        "linked_datasource": "linkedDatasource",
        "metadata": "metadata",
    }

    cell_id: str
    """Id of the cell, to be used as it is."""

    row_id: str
    """Id of the row."""

    column_id: str
    """Id of the column."""

    value: Any
    """Any JSON value; null stands for an empty cell."""

    linked_datasource: str | None = None
    """Id of the data source linked to the cell."""

    metadata: JsonObject | None = None
    """Where the value comes from, such as `confidence` or `sourceDocument`."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
