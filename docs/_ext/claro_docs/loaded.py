"""A check of the built pages: a browser that shows them asks no other host for anything."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.util import logging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

LOGGER = logging.getLogger(__name__)
LOADED_BY = {"href": ("link",), "src": ("script", "img", "iframe", "source", "video", "audio")}
FOREIGN = re.compile(r"(?:https?:)?//")
IN_STYLES = re.compile(r"""(?:url\(|@import)\s*['"]?((?:https?:)?//[^'")\s]+)""")


class Loads(HTMLParser):
    """Collects the addresses that a page makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what this element loads; a link to another page loads nothing."""
        values = dict(attrs)
        if tag == "link" and values.get("rel") in {"canonical", "next", "prev"}:
            return
        for attribute, tags in LOADED_BY.items():
            if tag in tags and (address := values.get(attribute)):
                self.addresses.append(address)


def foreign_addresses(path: Path) -> Iterator[str]:
    """Find what a page, a style sheet or a picture loads from elsewhere."""
    text = path.read_text("utf-8")
    if path.suffix == ".html":
        page = Loads()
        page.feed(text)
        yield from filter(FOREIGN.match, page.addresses)
    yield from IN_STYLES.findall(text)


def check(app: Sphinx, exception: Exception | None) -> None:
    """Warn of each foreign address in the built site."""
    if exception is not None or app.builder.format != "html":
        return
    for path in sorted(Path(app.outdir).rglob("*")):
        if path.suffix in {".html", ".css", ".svg"}:
            for address in foreign_addresses(path):
                LOGGER.warning("%s loads %s", path.relative_to(app.outdir), address)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the check."""
    app.connect("build-finished", check)
    return {}
