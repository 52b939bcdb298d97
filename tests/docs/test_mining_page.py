"""The Python snippets of the page on Communications Mining, run in order against the emulator."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claro_async import CommunicationsMiningClient
from claro_async.emulator import Emulator

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[2] / "docs" / "communications-mining.md"


async def run(code: str, names: dict[str, Any]) -> None:
    """Run a snippet that awaits at its top level."""
    compiled = compile(code, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(compiled, names)  # noqa: S307 - the page's own code
    if result is not None:
        await result


async def test_snippets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each snippet runs as it stands, and does what the page says."""
    monkeypatch.chdir(tmp_path)
    first, saving, to_file, seeding = re.findall(
        r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    async with Emulator(sample_world=False) as emulator:
        emulator.mining.add_dataset("project", "name", 300, title="A title")
        monkeypatch.setenv("COMMUNICATIONS_MINING_TOKEN", emulator.mining_token)
        monkeypatch.setenv("COMMUNICATIONS_MINING_BASE_URL", emulator.mining_base_url)
        await run(first, {})
        out = capsys.readouterr().out.splitlines()
        assert out[0] == "project name A title"
        assert len(out) == 301
        async with CommunicationsMiningClient() as mining:
            handled: list[Any] = []
            saved: list[str | None] = []

            async def handle(comment: Any) -> None:
                handled.append(comment)

            async def save(text: str | None) -> None:
                saved.append(text)

            names = {
                "dataset": mining.dataset("project", "name"),
                "since": datetime(2020, 1, 1, tzinfo=UTC),
                "handle": handle,
                "save": save,
            }
            await run(saving, names)
            assert len(handled) == len(saved) == 300
            await run(to_file, names)
            assert names["file"].comments == 300  # type: ignore[attr-defined]
    names = {"Emulator": Emulator, "CommunicationsMiningClient": CommunicationsMiningClient}
    await run(seeding, names)
    assert "reader" in names["emulator"].mining.grants  # type: ignore[attr-defined]
