"""The page's files as they stand in the package."""

from __future__ import annotations

import re
from importlib.resources import as_file, files

import pytest

MOST_VENDORED = 120_000  # bytes
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.apache.org/licenses/"}


def sources() -> dict[str, str]:
    """All files of the page, by path."""
    with as_file(files("claro_async.emulator.console").joinpath("static")) as folder:
        return {
            path.relative_to(folder).as_posix(): path.read_text("utf-8")
            for path in folder.rglob("*")
            if path.is_file()
        }


def test_the_libraries_of_others_are_small_and_come_with_their_licences() -> None:
    """What is vendored stays under 120 kB in all, and each library's licence stands beside it."""
    vendored = {name: text for name, text in sources().items() if name.startswith("vendor/")}
    assert sum(len(text.encode()) for text in vendored.values()) < MOST_VENDORED
    assert "Apache License" in vendored["vendor/htm.LICENSE.txt"]
    assert "MIT License" in vendored["vendor/preact.LICENSE.txt"]
    assert "MIT License" in vendored["vendor/uPlot.LICENSE.txt"]


def test_a_policy_without_inline_code_suffices() -> None:
    """The page has neither inline scripts nor inline styles, and writes no markup from text."""
    own = {name: text for name, text in sources().items() if not name.startswith("vendor/")}
    assert not re.search(r"<script(?![^>]*\bsrc=)", own["index.html"])
    assert not re.search(r"<style|\sstyle=|\son\w+=", own["index.html"])
    scripts = "\n".join(text for name, text in own.items() if name.endswith(".js"))
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(", scripts)


@pytest.mark.parametrize("kind", ["index.html", ".js", ".css", ".svg"])
def test_nothing_comes_from_elsewhere(kind: str) -> None:
    """No file of the page refers to another host."""
    for name, text in sources().items():
        if name.endswith(kind) and not name.startswith("vendor/"):
            assert not set(re.findall(r"https?://[^\s\"'`<>)]+", text)) - NAMESPACES, name
