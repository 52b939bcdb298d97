"""An object whose names and values the pages leave open."""

from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
