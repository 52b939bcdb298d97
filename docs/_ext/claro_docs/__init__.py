"""What the site needs beyond Sphinx: pages made from code and specifications, and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claro_docs import apis, docstrings, errors, events, links, llms, loaded, names

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Register all parts."""
    for part in (docstrings, names, errors, events, apis, links, llms, loaded):
        part.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
