"""``llms.txt`` and ``llms-full.txt``: the site as text, for programs that read it.

``llms.txt`` lists all pages (https://llmstxt.org), ``llms-full.txt`` holds them. A guide is given
as the Markdown that it is written in; a page made from code or a specification, as plain text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.addnodes import toctree
from sphinx.builders.text import TextBuilder
from sphinx.writers.text import TextTranslator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

DIRECTIVE = re.compile(r"^(?:```|:::+)\{(?!code-block)", re.MULTILINE)
HIDDEN = re.compile(r"^```\{toctree\}.*?^```\n", re.MULTILINE | re.DOTALL)


def pages(env: BuildEnvironment) -> Iterator[tuple[str, list[str]]]:
    """Yield each part of the first page's table of contents: its caption and its pages in order."""
    for tree in env.get_doctree(env.config.root_doc).findall(toctree):
        yield tree["caption"] or "", [docname for _, docname in tree["entries"]]


def text_of(app: Sphinx, docname: str) -> str:
    """Return a page as Markdown, or as plain text where directives make it."""
    source = Path(app.env.doc2path(docname)).read_text("utf-8")
    if not DIRECTIVE.search(HIDDEN.sub("", source)):
        return source.strip()
    builder = TextBuilder(app, app.env)
    builder.secnumbers = app.env.toc_secnumbers.get(docname, {})
    translator = TextTranslator(app.env.get_and_resolve_doctree(docname, builder), builder)
    translator.document.walkabout(translator)
    return translator.body.strip()


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write both files into the built site."""
    if exception is not None or app.builder.format != "html":
        return
    summary = app.config.llms_summary
    index, everything = [f"# {app.config.project}\n\n> {summary}"], []
    for caption, docnames in pages(app.env):
        lines = [
            f"- [{app.env.titles[docname].astext()}]({app.builder.get_target_uri(docname)})"
            for docname in docnames
        ]
        index.append("\n".join([f"## {caption}\n", *lines]))
        everything += [text_of(app, docname) for docname in docnames]
    out = Path(app.outdir)
    (out / "llms.txt").write_text("\n\n".join(index) + "\n", "utf-8")
    (out / "llms-full.txt").write_text("\n\n---\n\n".join([index[0], *everything]) + "\n", "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the files."""
    app.add_config_value("llms_summary", "", "html", str)
    app.connect("build-finished", write)
    return {}
