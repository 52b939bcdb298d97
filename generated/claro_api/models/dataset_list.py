"""The model ``DatasetList``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .dataset_summary import DatasetSummary
from .pagination import Pagination


@define
class DatasetList:
    """One page of datasets ("Manage Dataset", section "List All Datasets")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "datasets": "datasets",
        "pagination": "pagination",
    }

    datasets: list[DatasetSummary]
    """The datasets of this page."""

    pagination: Pagination
    """Where the page stands."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
