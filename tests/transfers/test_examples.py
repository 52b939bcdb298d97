"""The examples, run as programs against the emulator."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from pyarrow import parquet

from claro_async.emulator import Emulator, airports_csv, make_pdf

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Ended(NamedTuple):
    """A program that has ended."""

    status: int | None
    output: str
    complaints: str


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator on the real clock, as the programs are."""
    async with Emulator(sample_world=False) as running:
        yield running


async def run(emulator: Emulator, *arguments: str | Path) -> Ended:
    """Run an example with the emulator as its API."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error"),
        str(EXAMPLES / arguments[0]),
        *map(str, arguments[1:]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ,
            "CLARO_API_KEY": emulator.api_key,
            "CLARO_BASE_URL": emulator.base_url,
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )
    output, complaints = await process.communicate()
    return Ended(process.returncode, output.decode(), complaints.decode())


async def test_nightly_export(emulator: Emulator, tmp_path: Path) -> None:
    """Every dataset is there as Parquet, and what is there is not fetched a second time."""
    ids = [emulator.add_dataset(f"set {n}", ["a"], [[f"{n}"]] * (n + 1)) for n in range(3)]
    ended = await run(emulator, "nightly_export.py", tmp_path)
    assert (ended.status, ended.complaints) == (0, "")
    (folder,) = os.scandir(tmp_path)
    tables = [
        parquet.read_table(f"{folder.path}/set {n}.{key}.parquet") for n, key in enumerate(ids)
    ]
    assert [table.num_rows for table in tables] == [1, 2, 3]
    before = len(emulator.ledger.requests)
    again = await run(emulator, "nightly_export.py", tmp_path)
    assert sorted(again.output.splitlines()) == sorted(ended.output.splitlines())
    assert len(emulator.ledger.requests) == before + 1


async def test_upload_folder(emulator: Emulator, tmp_path: Path) -> None:
    """Each PDF is linked to the cell of its row; what has no partner is named."""
    columns = [{"name": "file_name"}, {"name": "document", "taskType": "raw"}]
    names = ["first.pdf", "second", "third.pdf"]
    made = emulator.add_dataset("invoices", columns, [[name, None] for name in names])
    for name in ("first.pdf", "second.pdf", "stray.pdf"):
        (tmp_path / name).write_bytes(make_pdf([name]))
    ended = await run(emulator, "upload_folder.py", made, tmp_path, "file_name", "document")
    assert (ended.status, ended.complaints) == (0, "")
    assert ended.output.splitlines() == [
        "2 uploaded, 0 were there before",
        "no row names stray.pdf",
        "no file is called third.pdf",
    ]
    uploaded = {upload.cell_id: upload.file_name for upload in emulator.ledger.uploads}
    assert uploaded == {"cell_1_2": "first.pdf", "cell_2_2": "second.pdf"}
    again = await run(emulator, "upload_folder.py", made, tmp_path, "file_name", "document")
    assert again.output.startswith("0 uploaded, 2 were there before")


async def test_into_polars(emulator: Emulator) -> None:
    """The frame has the dataset's columns with their types."""
    lines = [
        line.split(",") for line in airports_csv().decode().splitlines()[1:] if '"' not in line
    ]
    rows = [[line[0], float(line[-2]), float(line[-1])] for line in lines]
    columns: list[str | dict[str, str]] = [
        "iata",
        {"name": "latitude", "type": "number"},
        {"name": "longitude", "type": "number"},
    ]
    made = emulator.add_dataset("airports", columns, rows)
    ended = await run(emulator, "into_polars.py", made)
    assert (ended.status, ended.complaints) == (0, "")
    # the names with their types; Pythons differ in what they put around and between
    kinds = re.findall(r"'(\w+)'\W+(String|Float64)", ended.output)
    assert kinds == [("iata", "String"), ("latitude", "Float64"), ("longitude", "Float64")]
