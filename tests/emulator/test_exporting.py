"""Claro API v2, "Manage Dataset", section "Export Dataset": real files, read back."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import Any

import openpyxl
import pytest

FIRST = "550e8400-e29b-41d4-a716-446655440000"

COLUMNS = ["text", "number", "any"]
ROWS: list[list[Any]] = [
    ['comma, "quote"\r\nline', 1, True],
    ["=SUM(A1)", -2.5, False],
    ["http://example.com", 10**16 + 1, {"a": [1, None]}],
    ["007", 0.1, []],
    ["", None, None],
    ["é\u2028😀", 1e300, "x"],
]


async def _export(api: Any, dataset: str, **body: Any) -> tuple[dict[str, Any], bytes]:
    answer = await api("POST", f"/datasets/{dataset}/export", json={"rowCount": 1000, **body})
    assert answer.status == 200, answer
    link = answer.json
    assert set(link) == {"downloadUrl", "fileName", "format", "expiresAt", "fileSize"}
    assert link["format"] == body["format"]
    file = await api.fetch("GET", link["downloadUrl"])
    assert file.status == 200
    assert len(file.body) == link["fileSize"]
    return link, file.body


async def test_csv_is_read_back(api: Any) -> None:
    """Text comes back as it was; null is empty, objects are JSON."""
    dataset = api.emulator.add_dataset("My Data: 2024!", COLUMNS, ROWS)
    link, data = await _export(api, dataset, format="csv")
    assert link["fileName"] == "my_data_2024.csv"
    lines = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert lines[0] == COLUMNS
    for line, row in zip(lines[1:], ROWS, strict=True):
        assert line[0] == row[0]
        assert line[1] == ("" if row[1] is None else json.dumps(row[1]))
    assert [line[2] for line in lines[1:]] == ["true", "false", '{"a":[1,null]}', "[]", "", "x"]


async def test_json_is_read_back(api: Any) -> None:
    """Every value comes back exactly."""
    dataset = api.emulator.add_dataset("d", COLUMNS, ROWS)
    _link, data = await _export(api, dataset, format="json")
    assert json.loads(data) == [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]


async def test_xlsx_is_read_back(api: Any) -> None:
    """Text stays text, whatever it looks like; numbers and booleans are typed."""
    dataset = api.emulator.add_dataset("d", COLUMNS, ROWS)
    _link, data = await _export(api, dataset, format="xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(data))["Data"]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0] == tuple(COLUMNS)
    assert [row[1] for row in rows[1:]] == [1, -2.5, "10000000000000001", 0.1, None, "1e+300"]
    assert [row[2] for row in rows[1:]] == [True, False, '{"a":[1,null]}', "[]", None, "x"]
    assert [row[0] for row in rows[2:5]] == ["=SUM(A1)", "http://example.com", "007"]
    assert sheet["A3"].data_type == "s"


@pytest.mark.parametrize("number", [0.1 + 0.2, 123456.78900000002, 5e-324, -1e-07, 99999999.125])
async def test_a_number_in_a_workbook_keeps_all_of_its_digits(api: Any, number: float) -> None:
    """A number of 17 digits is read back from XLSX as the same number."""
    dataset = api.emulator.add_dataset("d", ["n"], [[number]])
    _link, data = await _export(api, dataset, format="xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(data))["Data"]
    assert sheet["A2"].value == number


async def test_metadata_is_exported_when_asked_for(api: Any) -> None:
    """Each format has a place for each cell's metadata."""
    options = {"includeMetadata": True, "columnIds": ["col_3", "col_1"], "rowCount": 1}
    _link, data = await _export(api, FIRST, format="csv", **options)
    lines = list(csv.reader(io.StringIO(data.decode(), newline="")))
    names = ["price", "price.metadata", "product_name", "product_name.metadata"]
    assert lines[0] == names
    assert json.loads(lines[1][1]) == {"confidence": 0.92}
    _link, data = await _export(api, FIRST, format="json", **options)
    (row,) = json.loads(data)
    assert row["price"] == {"value": 29.99, "metadata": {"confidence": 0.92}}
    _link, data = await _export(api, FIRST, format="xlsx", **options)
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert sheet is not None
    assert [cell.value for cell in sheet[1]] == names


@pytest.mark.parametrize(
    ("skip", "count", "rows"),
    [(0, 1, [0]), (148, 10, [148, 149]), (150, 5, []), (10**12, 5, []), (3, 2, [3, 4])],
)
@pytest.mark.parametrize("form", ["csv", "json", "xlsx"])
async def test_rows_are_skipped_and_counted(
    api: Any, skip: int, count: int, rows: list[int], form: str
) -> None:
    """`skip` and `rowCount` pick a window of the rows; beyond the end there is nothing."""
    body = {"format": form, "skip": skip, "rowCount": count, "columnIds": ["col_3"]}
    _link, data = await _export(api, FIRST, **body)
    prices: list[Any]
    if form == "csv":
        prices = [float(line) for line in data.decode().split()[1:]]
    elif form == "json":
        prices = [row["price"] for row in json.loads(data)]
    else:
        sheet = openpyxl.load_workbook(io.BytesIO(data))["Data"]
        prices = [row[0] for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert prices == [round(29.99 + 10 * row, 2) for row in rows]
    assert api.emulator.ledger.applied[-1].rows == len(rows)


async def test_names_that_occur_twice_are_told_apart(api: Any) -> None:
    """No column is lost when two have the same name."""
    dataset = api.emulator.add_dataset("d", ["a", "a", "b"], [[1, 2, 3]])
    _link, data = await _export(api, dataset, format="json")
    assert json.loads(data) == [{"a (col_1)": 1, "a (col_2)": 2, "b": 3}]


async def test_many_rows_are_exported(api: Any) -> None:
    """A window larger than one read of the store is complete and in order."""
    dataset = api.emulator.add_dataset("d", ["n"], [[number] for number in range(2500)])
    _link, data = await _export(api, dataset, format="csv", rowCount=100_000)
    assert [int(line) for line in data.split()[1:]] == list(range(2500))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"format": "pdf"}, "INVALID_PARAMETERS"),
        ({"format": "CSV"}, "INVALID_PARAMETERS"),
        ({"format": None}, "INVALID_PARAMETERS"),
        ({"format": ...}, "INVALID_PARAMETERS"),
        ({"rowCount": ...}, "INVALID_PARAMETERS"),
        ({"rowCount": 0}, "INVALID_PARAMETERS"),
        ({"rowCount": 100_001}, "INVALID_PARAMETERS"),
        ({"rowCount": "10"}, "INVALID_PARAMETERS"),
        ({"rowCount": True}, "INVALID_PARAMETERS"),
        ({"rowCount": 1.5}, "INVALID_PARAMETERS"),
        ({"skip": -1}, "INVALID_PARAMETERS"),
        ({"skip": None}, "INVALID_PARAMETERS"),
        ({"includeMetadata": "true"}, "INVALID_PARAMETERS"),
        ({"includeMetadata": None}, "INVALID_PARAMETERS"),
        ({"columnIds": []}, "INVALID_PARAMETERS"),
        ({"columnIds": "col_1"}, "INVALID_PARAMETERS"),
        ({"columnIds": [1]}, "INVALID_PARAMETERS"),
        ({"columnIds": None}, "INVALID_PARAMETERS"),
        ({"columnIds": ["col_1", "col_1"]}, "INVALID_PARAMETERS"),
        ({"columnIds": ["col_99"]}, "COLUMN_NOT_FOUND"),
        ({"columns": ["col_1"]}, "INVALID_PARAMETERS"),
    ],
)
async def test_a_bad_export_is_refused(api: Any, change: dict[str, Any], code: str) -> None:
    """Each field of "Export Dataset" is held to its rules."""
    body = {"format": "csv", "rowCount": 10, **change}
    sent = {name: value for name, value in body.items() if value is not ...}
    answer = await api("POST", f"/datasets/{FIRST}/export", json=sent)
    assert answer.code == code
    assert api.emulator.ledger.applied == []


async def test_without_the_extra_only_xlsx_is_refused(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without xlsxwriter the answer names the extra; CSV works."""
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    body = {"format": "xlsx", "rowCount": 1}
    answer = await api("POST", f"/datasets/{FIRST}/export", json=body)
    assert answer.status == 400
    assert "claro-async[emulator]" in answer.json["details"]["message"]
    await _export(api, FIRST, format="csv")


async def test_an_export_goes_with_its_dataset(api: Any) -> None:
    """The file of a deleted dataset cannot be fetched any more."""
    body = {"format": "csv", "rowCount": 1}
    link = (await api("POST", f"/datasets/{FIRST}/export", json=body)).json
    await api("DELETE", f"/datasets/{FIRST}")
    assert (await api.fetch("GET", link["downloadUrl"])).code == "NOT_FOUND"
