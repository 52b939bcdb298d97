"""The examples of bulk edits, run against the emulator."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name: str) -> Any:
    """An example as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
async def emulator(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    """An emulator that the environment points to."""
    async with Emulator(sample_world=False) as running:
        monkeypatch.setenv("CLARO_API_KEY", running.api_key)
        monkeypatch.setenv("CLARO_BASE_URL", running.base_url)
        yield running


async def test_resumable_job(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job applies a file of edits; started again with the same file it finds nothing to do."""
    dataset_id = emulator.add_dataset("table", ["name"], [[" a "], ["b"], ["c "]])
    example, journal = load("resumable_job"), str(tmp_path / "run.claro")
    edits = tmp_path / "edits.csv"
    edits.write_text("cell_id,value\ncell_1_1,a\ncell_3_1,c\n")

    await example.main(dataset_id, str(edits), journal)
    await example.main(dataset_id, str(edits), journal)

    assert sorted(emulator.values(dataset_id).values()) == ["a", "b", "c"]
    assert len(emulator.ledger.edits) == 2
    assert capsys.readouterr().out.count("2 updated, 0 failed") == 2


async def test_frame_sync(
    emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table's differing cells are brought over, matched by its key."""
    rows = [["A1", "Widget", 3], ["B2", "Gadget", 4]]
    columns: list[Any] = ["sku", "name", {"name": "stock", "type": "number"}]
    dataset_id = emulator.add_dataset("table", columns, rows)
    table = tmp_path / "products.csv"
    table.write_text("sku,name,stock\nB2,Gadget,5\nA1,Widget,3\nC3,Gizmo,1\n")

    await load("frame_sync").main(dataset_id, str(table), "sku")

    assert [edit.value for edit in emulator.ledger.edits] == [5]
    out = capsys.readouterr().out
    assert "1 cells updated, 3 had the value already" in out
    assert out.count("no row with sku") == 2
