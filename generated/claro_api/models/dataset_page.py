"""The model ``DatasetPage``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .cell import Cell
from .dataset_column import DatasetColumn
from .pagination import Pagination


@define
class DatasetPage:
    """One page of a dataset's rows ("Manage Dataset", section "Get Dataset Data")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "rows": "rows",
        "columns": "columns",
        "pagination": "pagination",
    }

    rows: list[list[Cell]]
    """The rows, each a list of cells in the order of the columns."""

    columns: list[DatasetColumn]
    """The columns of the page."""

    pagination: Pagination
    """Where the page stands."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
