"""The code blocks of README, CONTRIBUTING, the pages of docs/ and the docstrings."""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^( *)(`{3,}|:{3,})(.*)$")
CODE_BLOCK = re.compile(r"^( *)(?:\.\. code-block:: (\w+)|.*(::)|(>>>) .*)$")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A code block.

    Attributes:
        page: The file that it stands in, from the root of the repository.
        line: The number of its first line.
        language: What stands behind the fence; ``{name}`` for a directive of the site.
        text: Its lines.
    """

    page: str
    line: int
    language: str
    text: str


def page_files() -> list[Path]:
    """Return the Markdown files that users read."""
    pages = (path for path in (ROOT / "docs").rglob("*.md") if "build" not in path.parts)
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(pages)]


def blocks_of(path: Path) -> Iterator[Block]:
    """Find the fenced blocks of a page; a fence of colons holds text, so it is looked into."""
    page = path.relative_to(ROOT).as_posix()
    fence, began, language, lines = "", 0, "", list[str]()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        found = FENCE.match(line)
        if not fence:
            if found and found[2].startswith("`"):
                fence, began, language, lines = found[2], number + 1, found[3].strip(), []
        elif found and found[2].startswith(fence) and not found[3]:
            text = textwrap.dedent("\n".join(lines)) + "\n"
            yield Block(page=page, line=began, language=language, text=text)
            fence = ""
        else:
            lines.append(line)


def docstrings(path: Path) -> Iterator[str]:
    """Find the docstrings of a module, of its classes, functions and attributes."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield textwrap.dedent("    " + text)


def docstring_blocks() -> Iterator[Block]:
    """Find the code blocks of all docstrings; ``::`` and ``>>>`` count as languages."""
    for path in sorted((ROOT / "claro_async").rglob("*.py")):
        page = path.relative_to(ROOT).as_posix()
        if "_generated" in path.parts:
            continue
        for docstring in docstrings(path):
            lines = docstring.splitlines()
            for number, line in enumerate(lines):
                if found := CODE_BLOCK.match(line):
                    language = found[2] or found[3] or found[4]
                    text = _indented(lines[number + 1 :], len(found[1]))
                    yield Block(page=page, line=number + 1, language=language, text=text)


def _indented(lines: list[str], indent: int) -> str:
    taken = []
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        taken.append(line)
    return textwrap.dedent("\n".join(taken)).strip("\n") + "\n"


def all_blocks() -> list[Block]:
    """Return the blocks of all pages."""
    return [block for path in page_files() for block in blocks_of(path)]


def by_page(blocks: list[Block], language: str) -> dict[str, list[Block]]:
    """Group the blocks of one language by their page, in order."""
    found: dict[str, list[Block]] = {}
    for block in blocks:
        if block.language == language:
            found.setdefault(block.page, []).append(block)
    return found
