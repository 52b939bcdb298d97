"""The demo, `examples/airports.py`, whose last line and exit status have to be believed."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from claro_async import Dataset
from tests.packaging.conftest import ROOT


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The demo as a module, with a quota that does not make it wait."""
    spec = importlib.util.spec_from_file_location("airports", ROOT / "examples" / "airports.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "QUOTA", 100_000)
    return module


def test_demo_finds_no_mismatch(demo: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo corrects over 3,000 cells, ends with `mismatches: 0` and exits with status 0."""
    assert demo.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "mismatches: 0"
    (corrected,) = (line for line in lines if line.startswith("corrected cells: "))
    assert int(corrected.split()[2]) >= 3000


def test_demo_reports_what_differs(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One wrong cell is found in the rows, in the export and in the ledger: exit status 1."""
    upload_report = demo.upload_report

    async def spoil_a_cell(dataset: Dataset, report: Path) -> Any:
        page = await dataset.rows()
        await dataset.update_cell(page.rows[5].cell("name").cell_id, "Wrong")
        return await upload_report(dataset, report)

    monkeypatch.setattr(demo, "upload_report", spoil_a_cell)
    assert demo.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == "mismatches: 3"
