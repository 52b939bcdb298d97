"""Files of the shapes that people have go in, and come out of every export cell by cell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import ClaroClient
from claro_async.emulator import Emulator
from tests.files.readers import (
    as_text,
    in_csv,
    in_workbook,
    read_arrow,
    read_csv,
    read_records,
    read_workbook,
)
from tests.files.samples import SAMPLES, Sample

if TYPE_CHECKING:
    from pathlib import Path

SIX = ("csv", "json", "xlsx", "jsonl", "parquet", "arrow")


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
async def test_a_file_goes_in_and_out_cell_by_cell(sample: Sample, tmp_path: Path) -> None:
    """What is read row by row, and from each of the six formats, is what stands in the file."""
    path = tmp_path / sample.name
    path.write_bytes(sample.content)
    async with (
        Emulator(seed=[path], sample_world=False) as emulator,
        ClaroClient(emulator.api_key, emulator.base_url) as claro,
    ):
        dataset = claro.dataset(emulator.dataset_ids()[0])
        rows = [row.to_dict() async for row in dataset.rows()]
        assert [list(row.values()) for row in rows] == sample.rows
        for name in SIX:
            options: dict[str, Any] = {"on_type_error": "string"}
            result = await dataset.export(tmp_path / f"out.{name}", **options)
            assert result.rows == len(sample.rows), name
    check_files(sample, tmp_path)


def check_files(sample: Sample, folder: Path) -> None:
    """Compare the six files with the sample."""
    columns, rows = sample.columns, sample.rows
    assert read_csv(folder / "out.csv") == (columns, [list(map(in_csv, row)) for row in rows])
    assert read_workbook(folder / "out.xlsx") == (
        columns,
        [list(map(in_workbook, row)) for row in rows],
    )
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    for name in ("json", "jsonl"):
        found = read_records(folder / f"out.{name}", lines=name == "jsonl")
        assert json.dumps(found) == json.dumps(records), name
    for name in ("parquet", "arrow"):
        names, found_rows = read_arrow(folder / f"out.{name}")
        assert names == columns
        assert found_rows == [
            [as_text(value) if isinstance(found, str) else value for value, found in pairs]
            for pairs in (
                zip(row, got, strict=True) for row, got in zip(rows, found_rows, strict=True)
            )
        ], name
