"""Models as plain JSON values, for ``json.dumps`` and web frameworks."""

from datetime import datetime
from enum import Enum
from typing import Any


def plain_model(model: Any) -> dict[str, Any]:
    """A model as plain JSON values by wire name, with what the model does not name.

    A value that did not fit its field, and is kept beside it, stands in the field's place.
    """
    named = {wire: _plain(getattr(model, name)) for name, wire in model.__wire_names__.items()}
    return {**named, **model.additional_properties}


def _plain(value: Any) -> Any:
    """Return a field's value as a plain JSON value."""
    if hasattr(value, "__wire_names__"):
        return plain_model(value)
    if isinstance(value, datetime):
        text = value.isoformat()
        return f"{text[:-6]}Z" if text.endswith("+00:00") else text
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
