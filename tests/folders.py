"""What is in folders that tests write to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    """The names of what is in a folder, sorted."""
    return sorted(each.name for each in folder.iterdir())
