"""The model ``NewDataset``."""

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import Factory, define

from ..plain import plain_model


@define
class NewDataset:
    """What a new dataset shall be ("Datasets", section "Create a dataset")."""

    __wire_names__: ClassVar[Mapping[str, str]] = {
        "title": "title",
        "description": "description",
        "source_ids": "source_ids",
        "model_family": "model_family",
        "has_sentiment": "has_sentiment",
    }

    title: str | None = None
    """One-line title of the dataset, for people."""

    description: str | None = None
    """A longer description of the dataset."""

    source_ids: list[str] | None = None
    """Ids of the sources to include."""

    model_family: str | None = None
    """English or Multilingual, by default English. The text capitalises both, the samples send
    `english`; any string is let through."""

    has_sentiment: bool | None = None
    """Whether labels are applied with sentiment. The server's default is true."""

    additional_properties: dict[str, Any] = Factory(dict)
    """What the object holds beyond the names above, by wire name."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as plain JSON values, by wire name."""
        return plain_model(self)
