"""An object whose names and values the page leaves open."""

from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
