"""The model ``Predictions``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model
from .label_property import LabelProperty
from .predicted_label import PredictedLabel


@define
class Predictions:
    """What the model says about a comment ("Datasets", section "Export a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "labels": "labels",
        "label_properties": "label_properties",
    }

    labels: list[PredictedLabel] | None = None
    """The predicted labels."""

    label_properties: list[LabelProperty] | None = None
    """The predicted properties; only when the dataset has them enabled and predictions exist."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
