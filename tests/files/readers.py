"""Each format read back with somebody else's code: values by row, as the format can hold them."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import openpyxl
import pyarrow.feather
import pyarrow.parquet
from openpyxl.utils.escape import unescape

if TYPE_CHECKING:
    from pathlib import Path

XLSX_TEXT = 32_767
"""Characters that a cell of a workbook holds."""


def as_text(value: Any) -> str | None:
    """A value in a column of text: text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def in_csv(value: Any) -> str:
    """A value as it stands in a CSV file."""
    return as_text(value) or ""


def in_workbook(value: Any) -> Any:
    """A value as a workbook holds it: integers of 16 digits are text, long text is cut."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float) and abs(value) < 10**15:
        return value
    return (as_text(value) or "")[:XLSX_TEXT]


def read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    """Names and rows of a CSV file."""
    names, *rows = csv.reader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True)
    return names, rows


def read_workbook(path: Path) -> tuple[list[Any], list[list[Any]]]:
    """Names and rows of the first sheet."""
    sheet = openpyxl.load_workbook(path).worksheets[0]
    # control characters stand there as _x0001_, ISO/IEC 29500-1, 22.9.2.19
    names, *rows = (
        [unescape(cell.value) if isinstance(cell.value, str) else cell.value for cell in row]
        for row in sheet.iter_rows()
    )
    return names, rows


def read_records(path: Path, *, lines: bool) -> list[dict[str, Any]]:
    """The objects of a JSON file, or of a file of JSON lines."""
    text = path.read_bytes().decode()
    if lines:
        return [json.loads(line) for line in text.split("\n") if line]
    records: list[dict[str, Any]] = json.loads(text)
    return records


def read_arrow(path: Path) -> tuple[list[str], list[list[Any]]]:
    """Names and rows of a Parquet or an Arrow file."""
    parquet = path.suffix == ".parquet"
    table = pyarrow.parquet.read_table(path) if parquet else pyarrow.feather.read_table(path)
    return table.column_names, [list(row.values()) for row in table.to_pylist()]
