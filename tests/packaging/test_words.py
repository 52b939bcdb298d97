"""The words of docs/glossary.md are kept: those that it replaced do not come back."""

from __future__ import annotations

import re

from tests.packaging.conftest import ROOT

# Each had several meanings, or none that a reader could look up. The emulator speaks the words of
# the documents, and is left out.
GONE = (
    "told",
    "doubtful",
    "hopeless",
    "thorough",
    "patient",
    "spares",
    "prospect",
    "settles",
    "settled",
    "refusals",
    "converges",
    "damages",
)
WORDS = re.compile(rf"\b_?({'|'.join(GONE)})\b", re.IGNORECASE)


def test_words_that_went_do_not_come_back() -> None:
    """Neither the library nor its documentation uses a word that the glossary replaced."""
    pages = (
        *(ROOT / "claro_async").rglob("*.py"),
        *(ROOT / "docs").glob("*.md"),
        ROOT / "README.md",
    )
    found = [
        f"{page.relative_to(ROOT)}:{number}: {line.strip()}"
        for page in pages
        if "emulator" not in str(page)
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1)
        if WORDS.search(line)
    ]
    assert not found
