"""The README's Python snippets, run one after the other as a reader would."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import ClaroClient
from claro_async.emulator import Emulator, make_pdf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

README = Path(__file__).parents[2] / "README.md"
DATASET = "550e8400-e29b-41d4-a716-446655440000"


def snippets() -> dict[str, str]:
    """The Python snippets by the title of their section."""
    found = {}
    for section in README.read_text("utf-8").split("\n## ")[1:]:
        if match := re.search(r"```python\n(.*?)```", section, re.DOTALL):
            found[section.partition("\n")[0]] = match[1]
    return found


async def run(source: str, names: dict[str, Any]) -> None:
    """Run a snippet that may await at its top level."""
    code = compile(source, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)  # noqa: S307 - the project's own README
    if inspect.isawaitable(result):
        await result


@pytest.fixture
async def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    """An emulator that the environment points to, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("document.pdf").write_bytes(make_pdf(["An invoice"]))
    async with Emulator() as running:
        monkeypatch.setenv("CLARO_API_KEY", running.api_key)
        monkeypatch.setenv("CLARO_BASE_URL", running.base_url)
        monkeypatch.setenv("COMMUNICATIONS_MINING_TOKEN", running.mining_token)
        monkeypatch.setenv("COMMUNICATIONS_MINING_BASE_URL", running.mining_base_url)
        yield running


@pytest.mark.parametrize("title", [title for title in snippets() if title != "In your tests"])
async def test_snippet(emulator: Emulator, title: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each snippet does what it shows against the emulator, and prints something."""
    async with ClaroClient() as claro:
        dataset = claro.dataset(DATASET)
        await run(
            snippets()[title], {"claro": claro, "dataset": dataset, "ClaroClient": ClaroClient}
        )

    assert capsys.readouterr().out
    assert emulator.ledger.requests


async def test_the_fixture_snippet(claro_emulator: Emulator) -> None:
    """The test that the README shows passes, given a function to test."""

    async def trim_names(dataset: Any) -> None:
        edits = [(row.cell("name").cell_id, row["name"].strip()) async for row in dataset.rows()]
        await dataset.update_cells(edits)

    names: dict[str, Any] = {"ClaroClient": ClaroClient, "trim_names": trim_names}
    await run(snippets()["In your tests"], names)

    await names["test_names_are_trimmed"](claro_emulator)
