"""The model ``PredictedLabel``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class PredictedLabel:
    """A label that the model predicts for a comment ("Datasets", section "Export a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "name": "name",
        "probability": "probability",
        "sentiment": "sentiment",
    }

    name: str
    """Name of the label, with ` > ` between parent and child."""

    probability: float
    """Probability of the label, from 0 to 1."""

    sentiment: float | None = None
    """Sentiment of the label, from -1 to 1. Only in datasets with sentiment."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
