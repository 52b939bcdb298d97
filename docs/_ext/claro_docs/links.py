"""Links that lead out of docs/ in the repository lead to the site's own pages on the site."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

INCLUDED = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def lead_to_pages(app: Sphinx, docname: str, source: list[str]) -> None:
    """Rewrite links to files that a page of the site includes."""
    up = "../" * docname.count("/")
    for name, page in INCLUDED.items():
        source[0] = re.sub(rf"\]\((?:\.\./)+{re.escape(name)}", f"]({up}{page}", source[0])


def lead_from_included(app: Sphinx, path: Path, docname: str, source: list[str]) -> None:
    """Rewrite the links of an included file, which begin at the root of the repository."""
    if Path(path).name not in INCLUDED:
        return
    source[0] = source[0].replace("](docs/", "](")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register both."""
    app.connect("source-read", lead_to_pages)
    app.connect("include-read", lead_from_included)
    return {}
