"""Every code block of the documentation is run; a new one as well, since none is listed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from claro_async import ClaroClient
from claro_async.emulator import Emulator
from tests.docs.pages import ROOT, Block, all_blocks, by_page, docstring_blocks
from tests.docs.world import point_environment_to, run_all, world, write_files

if TYPE_CHECKING:
    from collections.abc import Iterator

ON_A_CLUSTER = ("docs/spark.md", "claro_async/connectors/spark/")
"""Pages whose Python is run by `tests/spark`."""
BLOCKS = all_blocks()
DOCSTRING_BLOCKS = list(docstring_blocks())
RUN = {"python", "console", "toml"}
DRAWN = {"text"}
"""Diagrams, and what a program prints."""
DIRECTIVES = {
    *("{toctree}", "{include}", "{names}", "{eval-rst}", "{openapi}", "{error-tree}"),
    *("{event-table}", "{image}"),
}
HERE = [each for each in BLOCKS if not each.page.startswith(ON_A_CLUSTER)]
PYTHON = by_page(HERE, "python")
DOCSTRINGS = by_page(
    [each for each in DOCSTRING_BLOCKS if not each.page.startswith(ON_A_CLUSTER)], "python"
)
CONSOLE = by_page(BLOCKS, "console")
SETTINGS = by_page(BLOCKS + DOCSTRING_BLOCKS, "toml")
LEFT_OUT = re.compile(r"(pip install|python3 noxfile\.py|git clone|cd |claro emulator)\b")
"""What needs a network, is a session of nox itself, or stays in the foreground."""
TOUR = "docs/getting-started.md"
"""Its commands are run as one session in a terminal: `test_tour.py`."""


def test_each_block_is_of_a_kind_that_is_run() -> None:
    """A block is Python, a console or settings, which run; or text; or a known directive."""
    unknown = [
        f"{block.page}:{block.line} {block.language!r}"
        for block in BLOCKS + DOCSTRING_BLOCKS
        if block.language.partition(" ")[0] not in RUN | DRAWN | DIRECTIVES
    ]
    assert not unknown


def test_no_text_is_code() -> None:
    """What is marked as text is not Python that would then not be run."""
    for block in BLOCKS + DOCSTRING_BLOCKS:
        if block.language in DRAWN:
            assert not re.search(
                r"^\s*(await|import|from \w+ import|\$ )", block.text, re.MULTILINE
            )


@pytest.mark.parametrize("page", PYTHON)
async def test_python_of_a_page(page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The Python blocks of a page run as they stand, one after the other."""
    async with world(page, monkeypatch, tmp_path) as names:
        await run_all(PYTHON[page], names)


def test_the_documents_own_snippets() -> None:
    """What a page shows of `requests` is the documents' own, which runs against the emulator."""
    published = {
        path.read_text("utf-8").strip()
        for path in (ROOT / "tests" / "emulator" / "snippets").glob("*.python")
    }
    shown = {block.text.strip() for block in BLOCKS if block.text.startswith("import requests")}
    assert shown == published


@pytest.mark.parametrize("page", DOCSTRINGS)
async def test_python_of_docstrings(
    page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The Python blocks of a module's docstrings run as they stand."""
    async with world(page, monkeypatch, tmp_path) as names:
        await run_all(DOCSTRINGS[page], names)


@pytest.mark.parametrize("page", SETTINGS)
async def test_settings_of_a_page(
    page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The settings that a page shows can be used, but for files that are not on this machine."""
    for block in SETTINGS[page]:
        text = re.sub(r"(?m)^ssl = .*$", "", block.text).replace("…", "key")
        settings = tomllib.loads(text)
        if settings == {"tool": {"pytest": {"ini_options": {"asyncio_mode": "auto"}}}}:
            continue  # what these tests themselves run with
        if "profiles" not in settings:
            (tmp_path / "emulator.toml").write_text(text, "utf-8")
            Emulator.from_file(tmp_path / "emulator.toml")
            continue
        folder = tmp_path / "claro"
        folder.mkdir(exist_ok=True)
        (folder / "config.toml").write_text(text, "utf-8")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        for name in settings["profiles"]:
            async with ClaroClient(profile=name, api_key="key"):
                pass


def commands(block: Block) -> Iterator[str]:
    """Yield the commands of a console block, without what they print."""
    going_on = False
    for line in block.text.splitlines():
        if line.startswith("$ ") or going_on:
            yield line.removeprefix("$ ")
            going_on = line.endswith("\\")


@pytest.mark.parametrize("page", [page for page in CONSOLE if page != TOUR])
def test_commands_of_a_page(page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The commands of a page run in a shell, one after the other, and each ends with status 0."""
    lines = [line for block in CONSOLE[page] for line in commands(block)]
    script = [line for line in lines if not LEFT_OUT.match(line)]
    if not script:
        return
    write_files(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    with Emulator() as emulator:
        point_environment_to(emulator, monkeypatch)
        done = subprocess.run(
            ["/bin/bash", "-e"],
            input="\n".join(script),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    assert done.returncode == 0, done.stderr
