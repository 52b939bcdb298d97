"""Large datasets become files in few requests and in memory that does not grow with them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import pytest
from pyarrow import compute, parquet

from tests.transfers.export_server import ExportServer

SCRIPT = Path(__file__).with_name("memory_of_an_export.py")
COLUMNS = [("text", "string"), ("number", "number"), ("other", "json")]
MIB = 1 << 20


class Numbered(Sequence[list[Any]]):
    """So many rows, each made when it is asked for."""

    def __init__(self, numbers: range) -> None:
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> list[Any]: ...
    @overload
    def __getitem__(self, at: slice) -> Numbered: ...
    def __getitem__(self, at: int | slice) -> list[Any] | Numbered:
        if isinstance(at, slice):
            return Numbered(self._numbers[at])
        number = self._numbers[at]
        return [f"text of row {number}", number / 4, {"n": number, "tags": ["a", "},{"]}]


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read as Linux has it")
@pytest.mark.parametrize("rows", [120_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
async def test_parquet_of_many_rows(rows: int, tmp_path: Path) -> None:
    """At most 25 requests and downloads, and 100 MiB of memory, for a million rows to Parquet."""
    path = tmp_path / "out.parquet"
    async with ExportServer(COLUMNS, Numbered(range(rows))) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", str(SCRIPT), server.base_url, str(path)),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        large = [each for each in server.requests if "/small" not in each.target]
    assert len(large) - 1 <= 25  # one download was of the small one
    assert len(large) - 1 == 2 + 1 + 2 * -(-rows // 100_000)
    assert int(output) < 100 * MIB
    table = parquet.read_table(path)
    assert table.num_rows == rows
    assert compute.sum(table.column("number")).as_py() == sum(n / 4 for n in range(rows))
    assert table.column("text")[rows - 1].as_py() == f"text of row {rows - 1}"
    assert table.column("other")[7].as_py() == '{"n":7,"tags":["a","},{"]}'
