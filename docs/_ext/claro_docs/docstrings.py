"""Docstrings in Google's style, by napoleon, with two differences.

A colon in the description of an attribute or a property is part of a sentence; napoleon would take
what stands before it for a type. Single backticks, as the generated models have them, mark code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from sphinx.domains.python._object import PyObject
from sphinx.ext.napoleon import Config
from sphinx.ext.napoleon.docstring import GoogleDocstring

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config as SphinxConfig

STYLE = Config(napoleon_use_ivar=True, napoleon_use_rtype=False)
MARKUP = re.compile(r"``.+?``|:[\w:]+:`[^`]+`|`([^`]+)`(?!_)", re.DOTALL)


def as_code(found: re.Match[str]) -> str:
    """Double single backticks; leave roles and what is doubled already."""
    return f"``{found[1]}``" if found[1] else found[0]


def convert(
    app: Sphinx, what: str, name: str, value: object, options: Any, lines: list[str]
) -> None:
    """Replace a docstring by the same in reStructuredText."""
    source = MARKUP.sub(as_code, "\n".join(lines))
    lines[:] = GoogleDocstring(
        source, cast("SphinxConfig", STYLE), app, "object", name, value, options
    ).lines()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the conversion, and call attributes attributes."""
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("autodoc-process-docstring", convert)
    return {}
