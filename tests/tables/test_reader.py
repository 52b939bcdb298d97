"""Files of rows: what is read from them, and what is said of those that are no table."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import subprocess
import sys
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import TableFileError, TableReader, read_rows
from claro_async.tables.lines import MAX_CHARS
from tests.files.samples import SAMPLES, Sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = [{"a": "1", "b": "x, y"}, {"a": "", "b": 'say "hi"\r\nthen'}]


def read(folder: Path, name: str, content: bytes, **options: Any) -> list[dict[str, Any]]:
    """The rows of a file with this content."""
    path = folder / name
    path.write_bytes(content)
    return list(read_rows(path, **options))


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("t.csv", 'a,b\n1,"x, y"\n,"say ""hi""\r\nthen"\n', {}),
        ("t.csv", '"a","b"\r\n"1","x, y"\r\n"","say ""hi""\r\nthen"', {}),
        ("t.csv", 'a;b\r1;x, y\r\r;"say ""hi""\r\nthen"\r', {}),
        ("t.tsv", 'a\tb\n1\tx, y\n\t"say ""hi""\r\nthen"\n', {}),
        ("t.csv", 'a|b\n1|x, y\n|"say ""hi""\r\nthen"\n', {}),
        ("t.csv", 'sep=^\na^b\n1^x, y\n^"say ""hi""\r\nthen"\n', {}),
        ("t.dat", 'a#b\n1#x, y\n#"say ""hi""\r\nthen"\n', {"format": "csv", "delimiter": "#"}),
        ("t.jsonl", '{"a": "1", "b": "x, y"}\n\n{"a": "", "b": "say \\"hi\\"\\r\\nthen"}', {}),
        ("t.json", '[{"a": "1", "b": "x, y"},\n {"a": "", "b": "say \\"hi\\"\\r\\nthen"}]\n', {}),
    ],
)
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le-marked", "cp1252"]
)
def test_the_same_rows_in_many_forms(
    tmp_path: Path, name: str, content: str, options: dict[str, Any], encoding: str
) -> None:
    """Delimiters, quoting, line ends, encodings and their marks make no difference to the rows."""
    data = content.replace("x, y", "x, ÿ")
    raw = ("\ufeff" + data).encode("utf-16-le") if "marked" in encoding else data.encode(encoding)
    if encoding == "cp1252":
        options = {**options, "encoding": encoding}
    rows = [{"a": "1", "b": "x, ÿ"}, ROWS[1]]
    assert read(tmp_path, name, raw, **options) == rows


def test_quotation_marks_that_count_for_nothing(tmp_path: Path) -> None:
    """With quoting off, and inside a value without quotes, a mark is a character like any other."""
    assert read(tmp_path, "t.tsv", b'a\tb\n"x\ty"\n', quoting=False) == [{"a": '"x', "b": 'y"'}]
    assert read(tmp_path, "t.csv", b'a,b\n5" disk,"z"\n') == [{"a": '5" disk', "b": "z"}]


def test_columns_whose_texts_are_json(tmp_path: Path) -> None:
    """Texts of a column are taken as JSON where that is said, and an empty one is null."""
    content = b'id,value,note\na,5,5\nb,"""5""",\nc,,x\nd,"{""a"": [1]}",x\n'
    rows = read(tmp_path, "t.csv", content, json_columns=["value"])
    assert [row["value"] for row in rows] == [5, "5", None, {"a": [1]}]
    assert [row["note"] for row in rows] == ["5", "", "x", "x"]
    with pytest.raises(TableFileError, match=r"line 2: the column 'id' holds JSON, and 'a'"):
        read(tmp_path, "t.csv", content, json_columns=["id"])
    with pytest.raises(TypeError, match="json_columns must be a list"):
        read_rows("t.csv", json_columns="value")


def test_a_value_of_any_length_that_memory_holds(tmp_path: Path) -> None:
    """A value longer than the standard library's parser takes is read whole."""
    long = "x" * 200_000
    assert read(tmp_path, "t.csv", f'a,b\n"{long}\n{long}",1\n{long},2\n'.encode()) == [
        {"a": f"{long}\n{long}", "b": "1"},
        {"a": long, "b": "2"},
    ]


REFUSED = {sample.name for sample in SAMPLES} & {
    "ragged.csv",
    "names_twice.csv",
    "envelope.json",
    "text.txt",
}
"""Samples that the server takes in its own way, and that are no certain table."""


@pytest.mark.parametrize(
    "sample",
    [each for each in SAMPLES if each.name not in REFUSED],
    ids=lambda sample: sample.name,
)
def test_files_of_the_shapes_that_people_have(sample: Sample, tmp_path: Path) -> None:
    """Each sample is read as what stands in it: texts of CSV files, values of JSON files."""
    options = {"quoting": False} if sample.name == "quotes.tsv" else {}
    rows = read(tmp_path, sample.name, sample.content, **options)
    wanted = [dict(zip(sample.columns, row, strict=True)) for row in sample.rows]
    if sample.name.endswith((".csv", ".tsv")):
        texts = [[as_text(value) for value in row.values()] for row in wanted]
        assert [[as_text(json_of(text)) for text in row.values()] for row in rows] == texts
        assert not rows or list(rows[0]) == sample.columns
    else:
        present = [{k: v for k, v in row.items() if v is not None} for row in wanted]
        assert [{k: v for k, v in row.items() if v is not None} for row in rows] == present


def as_text(value: Any) -> str:
    """A value as text, numbers in one form."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def json_of(text: str) -> Any:
    """What a text is as JSON, if it is that, and no text of its own."""
    try:
        return text if text.startswith('"') else json.loads(text)
    except ValueError:
        return text


@pytest.mark.parametrize(
    ("name", "content", "line", "column", "says"),
    [
        ("t.csv", b"", None, None, "the file is empty"),
        ("t.csv", b"\n \n", None, None, "the file is empty"),
        ("t.csv", b"a,a\n", 1, None, "two columns are named 'a'"),
        ("t.csv", b"\na,,c\n1,2,3\n", 2, None, "column 2 has no name"),
        ("t.csv", b"a,b\n1,2\n\n1\n", 4, None, "1 value, and the header has 2"),
        ("t.csv", b'a,b\n"1\n2",3\n1,2,3\n', 4, None, "3 values, and the header has 2"),
        ("t.csv", b'a,b\n1,2\n3,"4\n5\n', 3, 3, "no closing quotation mark"),
        ("t.csv", b'a,b\n1,"2"x\n', 2, 6, "text after a closing quotation mark"),
        ("t.csv", b"a,b\n1,x\x00y\n", 2, 4, "a NUL character"),
        ("t.csv", "a,b\n1,2\n".encode("utf-16-le"), 1, 2, "utf-16-le"),
        ("t.csv", b"a,b\n1,2\n3,caf\xe9\n", 3, 6, "the byte 0xe9 is not utf-8"),
        ("t.csv", b"\xff\xfea\x00,\x00b\x00\n\x00\x00", 2, None, "not utf-16, or cut off"),
        ("t.jsonl", b'{"a": 1}\n  {"a": }\n', 2, 9, "one JSON object"),
        ("t.jsonl", b'{"a": 1}\n{"a": "x', 2, 7, "cut off"),
        ("t.jsonl", b"[1]\n", 1, None, "a row is a JSON object"),
        ("t.jsonl", b'{"a": 1, "b": {"c": 1, "c": 2}}\n', 1, None, "'c' twice"),
        ("t.jsonl", b'{"a": NaN}\n', 1, None, "NaN is no JSON"),
        ("t.jsonl", b'{"a": ' + b"[" * 100_000 + b"\n", 1, None, "nested too deep"),
        ("t.jsonl", b'{"a": ' + b"1" * 5000 + b"}\n", 1, None, "digits"),
        ("t.json", b"", 1, 1, "rows are an array"),
        ("t.json", b'{"rows": []}', 1, 2, "rows are an array"),
        ("t.json", b'[\n{"a": 1},\n{"a": 2},\n{"a"', 4, None, "cut off"),
        ("t.json", b'[{"a": 1}\n', 2, None, "not closed"),
        ("t.json", b'[{"a": 1},\n3]', 2, None, "a row is a JSON object"),
        ("t.json", b'[{"a": 1}]\n[]', 2, None, "something follows"),
        ("t.json", b'[{"a": 1},\n{"a": 1, "a": 2}]', 2, None, "'a' twice"),
        ("t.json", b'[{"a": "\xe9"}]', 1, 9, "0xe9"),
        ("t.json", b'[\n{"a": "\x00"}]', 2, 8, "NUL"),
    ],
)
def test_what_is_no_table_is_refused_by_line(  # noqa: PLR0913, PLR0917 - a table of cases
    tmp_path: Path, name: str, content: bytes, line: int | None, column: int | None, says: str
) -> None:
    """A damaged file is an error that names the file, the line, the character and the way out."""
    with pytest.raises(TableFileError) as caught:
        read(tmp_path, name, content)
    error = caught.value
    assert says in str(error)
    assert str(error).startswith(name)
    assert error.line == line
    if column is not None:
        assert error.column == column
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(copy), copy.line, copy.path) == (str(error), line, str(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b'a,b\n1,"' + b"x\n" * (MAX_CHARS // 2 + 10)),
        ("t.csv", b"a,b\n1," + b"x" * (MAX_CHARS + 10)),
        ("t.jsonl", b'{"a": "' + b"x" * (MAX_CHARS + 10)),
        ("t.json", b'[{"a": "' + b"x" * (2 * MAX_CHARS)),
    ],
)
def test_a_value_without_end_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """A missing quotation mark does not fill the memory with the rest of the file."""
    with pytest.raises(TableFileError, match="16,777,216 characters"):
        read(tmp_path, name, content)


def test_a_json_array_is_read_in_pieces(tmp_path: Path) -> None:
    """Objects that cross the pieces in which a file is read come whole, with their lines."""
    rows = [{"n": number, "t": "é" * (number % 700)} for number in range(900)]
    path = tmp_path / "t.json"
    path.write_text("[" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "]")
    found = list(read_rows(path).numbered())
    assert [row for _, row in found] == rows
    assert [number for number, _ in found] == list(range(1, 901))
    assert read(tmp_path, "e.json", b" [ ] ") == []


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream"])
def test_columnar_files(tmp_path: Path, kind: str) -> None:
    """Parquet files, Arrow files and Arrow streams give Python's values, in batches."""
    pa = pytest.importorskip("pyarrow")
    columns = {
        "n": list(range(2500)),
        "d": [date(2024, 3, 1)] * 2500,
        "m": [Decimal("1.50")] * 2500,
        "t": ["x", None] * 1250,
    }
    path = write_arrow(tmp_path, kind, pa.table(columns))
    found = list(read_rows(path).numbered())
    assert [number for number, _ in found] == list(range(1, 2501))
    assert found[1][1] == {"n": 1, "d": date(2024, 3, 1), "m": Decimal("1.50"), "t": None}


def write_arrow(folder: Path, kind: str, table: Any) -> Path:
    """A file of a kind with a table."""
    pa = pytest.importorskip("pyarrow")
    if kind == "parquet":
        pytest.importorskip("pyarrow.parquet").write_table(table, folder / "t.parquet")
        return folder / "t.parquet"
    path = folder / "t.arrow"
    make = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
    with path.open("wb") as file, make(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=1700)
    return path


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream"])
def test_columnar_files_that_are_cut_off(tmp_path: Path, kind: str) -> None:
    """A columnar file that is cut off, empty or something else is an error that names it."""
    pa = pytest.importorskip("pyarrow")
    path = write_arrow(tmp_path, kind, pa.table({"n": list(range(5000))}))
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"a,b\n1,2\n"):
        path.write_bytes(content)
        with pytest.raises(TableFileError, match=r"^t\.(parquet|arrow).*: not a whole"):
            list(read_rows(path))


def test_a_columnar_file_with_one_name_twice(tmp_path: Path) -> None:
    """Of two columns with one name none is silently taken."""
    pa = pytest.importorskip("pyarrow")
    path = write_arrow(tmp_path, "arrow", pa.table([[1], [2]], names=["a", "a"]))
    with pytest.raises(TableFileError, match=r"^t\.arrow: two columns are named 'a'"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        (("t.xlsx",), {}, "xlsx files are not read: save the table as CSV"),
        (("t.dat",), {}, "format is needed"),
        (("-",), {}, "format is needed"),
        (("t.csv", "xml"), {}, "format must be one of csv, json, jsonl, parquet, arrow"),
        (("t.csv", "xlsx"), {}, "format must be one of"),
        (("t.csv",), {"delimiter": ",,"}, "delimiter must be one character"),
        (("t.csv",), {"delimiter": '"'}, "delimiter must be one character"),
        (("t.csv",), {"encoding": "utf-9"}, "encoding must be one that Python knows"),
    ],
)
def test_arguments_that_cannot_work(
    arguments: tuple[Any, ...], options: dict[str, Any], says: str
) -> None:
    """What cannot be read is refused when the reader is made, and the error names the choices."""
    with pytest.raises(ValueError, match=says):
        read_rows(*arguments, **options)


def test_a_format_whose_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow, the error names the extra that brings it."""
    monkeypatch.setattr("claro_async.formats.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"claro-async\[arrow\]"):
        read_rows("t.parquet")


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    """A missing file and a folder are what Python says of them."""
    with pytest.raises(FileNotFoundError):
        list(read_rows(tmp_path / "none.csv"))
    tmp_path.joinpath("folder.csv").mkdir()
    with pytest.raises(IsADirectoryError):
        list(read_rows(tmp_path / "folder.csv"))


async def test_rows_are_read_in_a_thread(tmp_path: Path) -> None:
    """An async loop gets the same rows, and another loop over the file gets them again."""
    path = tmp_path / "t.csv"
    path.write_text("n\n" + "".join(f"{number}\n" for number in range(2500)))
    reader = read_rows(path)
    assert isinstance(reader, TableReader)
    assert repr(reader) == "TableReader('t.csv', format='csv')"
    for _ in range(2):
        assert [int(row["n"]) async for row in reader] == list(range(2500))
    async for row in reader:
        assert row == {"n": "0"}
        break


async def test_a_pipe_that_nobody_writes_to_holds_nothing_up(tmp_path: Path) -> None:
    """A loop over a named pipe can be cancelled while it waits."""
    path = tmp_path / "t.csv"
    os.mkfifo(path)

    async def first() -> Any:
        return await anext(aiter(read_rows(path)))

    waiting = asyncio.create_task(first())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))  # lets the thread go


SCRIPT = """
import asyncio, sys
from claro_async import TableFileError, read_rows
reader = read_rows("-", sys.argv[1])
async def main():
    return [row async for row in reader]
print(asyncio.run(main()))
try:
    list(reader)
except TableFileError as error:
    print(error)
"""


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_standard_input(tmp_path: Path, form: str, run_script: Callable[..., str]) -> None:
    """Rows come from a pipe, also of a format that has to be read from its end; once only."""
    content = b"n\n1\n"
    if form == "parquet":
        pa = pytest.importorskip("pyarrow")
        content = write_arrow(tmp_path, form, pa.table({"n": ["1"]})).read_bytes()
    out = run_script(form, content)
    assert out.splitlines()[0] == "[{'n': '1'}]"
    assert "standard input was read before" in out


@pytest.fixture
def run_script() -> Callable[..., str]:
    """Runs the script with a format and what comes on its standard input."""

    def run(form: str, content: bytes) -> str:
        done = subprocess.run(  # noqa: S603 - our own script
            [sys.executable, "-c", SCRIPT, form],
            input=content,
            capture_output=True,
            check=True,
            timeout=60,
        )
        return done.stdout.decode()

    return run
