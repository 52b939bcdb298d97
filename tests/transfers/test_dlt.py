"""The examples for dlt, run as programs against the emulator."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from claro_async import ClaroClient
from claro_async.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytest.importorskip("dlt")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator on the real clock, as the programs are."""
    async with Emulator(sample_world=False) as running:
        yield running


async def run(emulator: Emulator, folder: Path, *arguments: str) -> list[str]:
    """Run an example in a folder; returns the lines that it prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLES / arguments[0]), *arguments[1:]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={
            **os.environ,
            "CLARO_API_KEY": emulator.api_key,
            "CLARO_BASE_URL": emulator.base_url,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DLT_DATA_DIR": str(folder / ".dlt"),
            "HOME": str(folder),
        },
    )
    output, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return output.decode().splitlines()


def rows(database: Path, table: str) -> list[Any]:
    """The rows of a table that dlt has loaded."""
    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.table(f"claro_datasets.{table}")
        return found.project("sku, price").order("sku").fetchall()


async def test_the_source_loads_what_changed(emulator: Emulator, tmp_path: Path) -> None:
    """Two datasets are loaded, then the one that changed, then none: by the folder's manifest."""
    columns: list[Any] = ["sku", {"name": "price", "type": "number"}]
    made = [
        emulator.add_dataset(name, columns, [[f"{name}{n}", n] for n in range(3)])
        for name in ("fruit", "tools")
    ]
    arguments = ("dlt_source.py", "files", "lake.duckdb")
    assert await run(emulator, tmp_path, *arguments) == ["loaded fruit", "loaded tools"]
    assert rows(tmp_path / "lake.duckdb", "fruit") == [(f"fruit{n}", float(n)) for n in range(3)]
    async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
        await claro.dataset(made[1]).update_cell("cell_1_2", 99)
    assert await run(emulator, tmp_path, *arguments) == ["loaded tools"]
    assert rows(tmp_path / "lake.duckdb", "tools")[0] == ("tools0", 99.0)
    assert await run(emulator, tmp_path, *arguments) == []


async def test_the_destination_writes_what_differs(emulator: Emulator, tmp_path: Path) -> None:
    """Rows of a table become edits by their key, each once, with a journal a batch."""
    columns: list[Any] = ["sku", {"name": "price", "type": "number"}]
    made = emulator.add_dataset("d", columns, [[f"s{n}", n] for n in range(5)])
    lines = ["sku,price", *(f"s{n},{n * 10}" for n in range(5))]
    (tmp_path / "prices.csv").write_text("\n".join(lines), "utf-8")
    output = await run(emulator, tmp_path, "dlt_destination.py", made, "sku", "prices.csv")
    assert output == ["4 updated, 1 unchanged, 0 failed"]
    assert [value for key, value in emulator.values(made).items() if key.endswith("_2")] == [
        n * 10 for n in range(5)
    ]
    assert emulator.ledger.count("updateCell") == 4
    assert len(list((tmp_path / ".dlt-claro").iterdir())) == 1
