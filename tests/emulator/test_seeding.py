"""Reading files: which rows and types come out of each kind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.emulator import (
    Emulator,
    MissingExtraError,
    UnreadableFileError,
    airports_csv,
    make_pdf,
)
from claro_async.emulator.seeding import CONTENT_TYPES, content_type_of, read_table

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "data", "columns", "rows"),
    [
        (
            "a.csv",
            b'id,name,ok,n\n001,"x, y",true,1\n002,,false,-2.5\n003,"a\nb",,\n',
            [("id", "string"), ("name", "string"), ("ok", "boolean"), ("n", "number")],
            [["001", "x, y", True, 1], ["002", None, False, -2.5], ["003", "a\nb", None, None]],
        ),
        ("bom.csv", b"\xef\xbb\xbfa\r\n1\r\n", [("a", "number")], [[1]]),
        ("empty.csv", b"", [], []),
        ("head.csv", b"a,b\n", [("a", "string"), ("b", "string")], []),
        (
            "names.csv",
            b"a,,a\n1,2,3\n",
            [("a", "number"), ("column_2", "number"), ("a_2", "number")],
            [[1, 2, 3]],
        ),
        ("blank.csv", b"\r\n \n\na,b\n1,x\n", [("a", "number"), ("b", "string")], [[1, "x"]]),
        (
            "breaks.csv",
            b'a,b\r\n"1\r\n2",x\r\n"3\r4",y\r\n"5\n6","""z"""\r\n',
            [("a", "string"), ("b", "string")],
            [["1\r\n2", "x"], ["3\r4", "y"], ["5\n6", '"z"']],
        ),
        (
            "semicolons.csv",
            b'"a, b";n\n"x;y";1\n"1,5";2\n',
            [("a, b", "string"), ("n", "number")],
            [["x;y", 1], ["1,5", 2]],
        ),
        ("a.tsv", b"a\tb\nx,y\t2\n", [("a", "string"), ("b", "number")], [["x,y", 2]]),
        (
            "quotes.tsv",
            b'\na\tb\r\n"x\ty"\r\n5" disk\t""\r\n',
            [("a", "string"), ("b", "string")],
            [['"x', 'y"'], ['5" disk', '""']],
        ),
        (
            "a.json",
            b'[{"a": 1, "b": {"c": []}}, {"b": null, "d": true}]',
            [("a", "number"), ("b", "object"), ("d", "boolean")],
            [[1, {"c": []}, None], [None, None, True]],
        ),
        ("b.json", b'{"rows": [{"a": "x"}]}', [("a", "string")], [["x"]]),
        ("c.json", b'{"a": "x"}', [("a", "string")], [["x"]]),
        ("d.json", b"[1, 2]", [("value", "number")], [[1], [2]]),
        (
            "a.jsonl",
            b'{"a": 1}\n\n{"a": "x"}\n',
            [("a", "string")],
            [[1], ["x"]],
        ),
        (
            "a.txt",
            "one\nzwei ü".encode(),
            [("line", "number"), ("text", "text")],
            [[1, "one"], [2, "zwei ü"]],
        ),
        (
            "ends.txt",
            "a\u2028b\x0cc\r\n\nd\r".encode(),
            [("line", "number"), ("text", "text")],
            [[1, "a\u2028b\x0cc"], [2, ""], [3, "d"]],
        ),
    ],
)
def test_each_kind_of_file_becomes_rows(
    tmp_path: Path, name: str, data: bytes, columns: Any, rows: Any
) -> None:
    """Names, types and values are as documented in docs/emulator.md."""
    path = tmp_path / name
    path.write_bytes(data)
    table = read_table(path, str(content_type_of(name)))
    assert (table.columns, table.rows) == (columns, rows)


def test_ragged_lines_are_made_to_fit(tmp_path: Path) -> None:
    """Short lines are filled, long ones cut, and both are counted as warnings."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1\n1,2,3\n1,2\n")
    table = read_table(path, "text/csv")
    assert table.rows == [[1, None], [1, 2], [1, 2]]
    assert table.warnings == 2


def test_a_pdf_file_has_a_row_a_page(tmp_path: Path) -> None:
    """The text of each page of a real PDF file is read."""
    path = tmp_path / "a.pdf"
    path.write_bytes(make_pdf(["First (page) \\ é", "Second"]))
    table = read_table(path, "application/pdf")
    assert table.columns == [("page", "number"), ("text", "text")]
    assert [[number, text.strip()] for number, text in table.rows] == [
        [1, "First (page) \\ é"],
        [2, "Second"],
    ]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b"\xff\xfe"),
        ("a.csv", b'a\n"open\n'),
        ("a.json", b"{"),
        ("a.json", b"[NaN]"),
        ("a.json", b"[" * 100_000),
        ("a.jsonl", b"{}\n{"),
        ("a.pdf", b"not a pdf"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    """Broken files raise one kind of error, which names the file."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UnreadableFileError, match=f"^{name}: "):
        read_table(path, str(content_type_of(name)))


def test_a_pdf_file_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra to install."""
    monkeypatch.setitem(sys.modules, "pypdf", None)
    path = tmp_path / "a.pdf"
    path.write_bytes(make_pdf(["x"]))
    with pytest.raises(MissingExtraError, match=r"claro-async\[emulator\]"):
        read_table(path, "application/pdf")


async def test_a_pdf_source_without_the_extra_has_no_rows(
    api: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The server goes on without pypdf: a warning is counted and logged."""
    monkeypatch.setitem(sys.modules, "pypdf", None)
    details = (await api("GET", "/datasources/datasource-1")).json
    assert (details["status"], details["rowCount"]) == ("completed", 0)
    assert details["processingStats"]["warnings"] == 1
    assert "claro-async[emulator]" in caplog.text


def test_names_tell_kinds() -> None:
    """The ending of a name decides, then the declared type; other kinds are not taken."""
    assert {content_type_of(f"x{ending.upper()}") for ending in CONTENT_TYPES} == set(
        CONTENT_TYPES.values()
    )
    assert content_type_of("x", "text/csv; charset=utf-8") == "text/csv"
    assert content_type_of("x.csv", "application/octet-stream") == "text/csv"
    assert content_type_of("x.png", "image/png") is None
    assert content_type_of("x") is None


async def test_a_seed_file_becomes_a_dataset_and_a_source(tmp_path: Path, api_of: Any) -> None:
    """The airports table is there whole, as a data source and as a dataset of raw columns."""
    path = tmp_path / "airports.csv"
    path.write_bytes(airports_csv())
    async with Emulator(seed=[path], sample_world=False) as emulator:
        api = api_of(emulator)
        (dataset,) = (await api("GET", "/datasets")).json["datasets"]
        assert (dataset["name"], dataset["type"], dataset["rowCount"], dataset["columnCount"]) == (
            "airports",
            "extraction",
            3376,
            7,
        )
        assert dataset["linkedDatasources"] == emulator.datasource_ids()
        details = (await api("GET", f"/datasets/{dataset['datasetId']}")).json
        assert all(column["isRawData"] for column in details["columns"])
        assert [column["type"] for column in details["columns"]] == ["string"] * 5 + ["number"] * 2
        values = emulator.values(dataset["datasetId"])
        assert len(values) == 3376 * 7
        assert values["cell_1_6"] == 31.95376472
        source = (await api("GET", f"/datasources/{emulator.datasource_ids()[0]}")).json
        assert source["rowCount"] == 3376


async def test_each_kind_of_file_can_be_a_seed(tmp_path: Path) -> None:
    """CSV, TSV, JSON, JSONL, PDF and text all make datasets."""
    files = {
        "a.csv": b"a\n1\n",
        "b.tsv": b"a\n1\n",
        "c.json": b"[1]",
        "d.jsonl": b"1\n",
        "e.pdf": make_pdf(["x"]),
        "f.txt": b"x",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    seeds = [tmp_path / name for name in files]
    async with Emulator(seed=seeds, sample_world=False) as emulator:
        assert len(emulator.dataset_ids()) == len(emulator.datasource_ids()) == 6
        assert all(len(emulator.values(dataset)) >= 1 for dataset in emulator.dataset_ids())


async def test_a_bad_seed_stops_the_start(tmp_path: Path) -> None:
    """A seed file that cannot be read, or of an unknown kind, is an error at once."""
    (tmp_path / "a.json").write_bytes(b"{")
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(UnreadableFileError, match=r"a\.json"):
        await Emulator(seed=[tmp_path / "a.json"]).__aenter__()
    with pytest.raises(ValueError, match=r"a\.png"):
        await Emulator(seed=[tmp_path / "a.png"]).__aenter__()
