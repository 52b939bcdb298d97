"""How the site is built: ``nox -s docs``. Nothing is fetched while it is built or read."""

from __future__ import annotations

import sys
from pathlib import Path

from claro_async import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "claro-async"
author = "The claro-async authors"
copyright = author  # noqa: A001 - the name that Sphinx reads
version = release = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "claro_docs",
]
exclude_patterns = ["_ext", "_static"]
suppress_warnings = ["ref.python"]  # both clients have a class Datasets; annotations name it alone
nitpicky = False  # docstrings name types of the standard library, whose site is not asked

myst_enable_extensions = ["colon_fence", "attrs_inline"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = f"claro-async {release}"
html_static_path = ["_static"]
html_css_files = ["claro.css"]
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
llms_summary = (
    "An async-first Python client for the Claro datasets API and the datasets of UiPath "
    "Communications Mining: reading, editing cells in bulk, files and exports, shared quota."
)
