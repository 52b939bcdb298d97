"""What the build adds to the metadata: the README as people read it on a package index.

There its links to files of the repository would lead nowhere. With a `Source` among the project's
URLs they lead there, to the files of this version; without one they become the names of the files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"\[([^\]]+)\]\((?!https?://|#)([^)]+)\)")
NOTE = "\nFiles named here come with the source distribution.\n"


def description(readme: str, version: str, source: str | None) -> str:
    """The README with links that work anywhere.

    Args:
        readme: The README as it stands in the repository.
        version: The version that is built, whose tag is `v` and this.
        source: Where the repository can be read, if anywhere.
    """
    if source:
        return LINK.sub(rf"[\1]({source.rstrip('/')}/blob/v{version}/\2)", readme)
    return LINK.sub(r"\1 (`\2`)", readme) + NOTE


class ReadmeHook(MetadataHookInterface):
    """Makes the field `readme`, which pyproject.toml declares as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the field."""
        text = Path(self.root, "README.md").read_text("utf-8")
        source = metadata.get("urls", {}).get("Source")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": description(text, metadata["version"], source),
        }
