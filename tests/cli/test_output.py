"""The forms of data, each by itself."""

from __future__ import annotations

import io
import json

import pytest

from claro_async.cli.output import (
    CsvTable,
    JsonArray,
    TerminalTable,
    TextTable,
    as_text,
    choose_format,
    records,
    write_record,
)


@pytest.mark.parametrize(
    ("wanted", "terminal", "agent", "chosen"),
    [
        (None, True, False, "table"),
        (None, False, False, "jsonl"),
        ("auto", True, False, "table"),
        ("auto", False, False, "jsonl"),
        (None, True, True, "jsonl"),
        ("agent", True, False, "jsonl"),
        ("csv", True, True, "csv"),
        ("table", False, True, "table"),
    ],
)
def test_the_form_goes_by_who_reads(
    *, wanted: str | None, terminal: bool, agent: bool, chosen: str
) -> None:
    """A table for a person at a terminal, JSON lines for everybody else, unless one is named."""
    assert choose_format(wanted, terminal=terminal, agent=agent) == chosen


def test_nothing_in_a_value_orders_a_terminal_about() -> None:
    """Control characters are written as escapes; letters of all languages are kept."""
    assert as_text("a\x1b[31mb\nc\u202e") == "a\\x1b[31mb\\nc\\u202e"
    assert as_text("Zürich 東京") == "Zürich 東京"
    assert as_text(None) == ""
    assert as_text({"a": [1, None]}) == '{"a": [1, null]}'


def test_csv_keeps_what_is_nested_as_json() -> None:
    """Lists, objects and booleans are JSON text in CSV; a field that a record lacks is empty."""
    out = io.StringIO()
    with CsvTable(out) as table:
        table.add({"a": 1.5, "b": [1, "x"], "c": True})
        table.add({"a": "x,y", "b": None})
    assert out.getvalue() == 'a,b,c\n1.5,"[1, ""x""]",true\n"x,y",,\n'


def test_csv_of_nothing_still_has_its_header() -> None:
    """Without a record, CSV is the header of what would be shown."""
    out = io.StringIO()
    with CsvTable(out, ("a", "b")):
        pass
    assert out.getvalue() == "a,b\n"


def test_an_array_that_broke_off_stays_open() -> None:
    """After a failure the array is not closed, so that no program takes it for the whole."""
    out = io.StringIO()
    with pytest.raises(OSError, match="gone"), JsonArray(out) as array:  # noqa: PT012 - what follows is inside
        array.add({"a": 1})
        raise OSError("gone")
    with pytest.raises(json.JSONDecodeError):
        json.loads(out.getvalue())


def test_a_long_table_is_written_in_parts() -> None:
    """A table of many rows takes no more memory than a thousand of them."""
    out = io.StringIO()
    with TextTable(out) as table:
        for number in range(2500):
            table.add({"n": number})
    lines = out.getvalue().split()
    assert lines.count("n") == 3
    assert len(lines) == 2503


def test_a_terminal_table_keeps_ids_whole() -> None:
    """However narrow, an id is not broken, since people copy it; other texts are wrapped."""
    identifier = "550e8400-e29b-41d4-a716-446655440000"
    out = io.StringIO()
    with TerminalTable(out) as table:
        table.add({"datasetId": identifier, "name": "a name of many words " * 5})
    assert identifier in out.getvalue()
    assert max(map(len, out.getvalue().splitlines())) <= 80


def test_many_columns_are_written_upright() -> None:
    """Columns that have no room beside each other stand below each other."""
    out = io.StringIO()
    with TerminalTable(out) as table:
        table.add({f"column {number}": number for number in range(20)})
    assert "column 19  19\n" in out.getvalue()


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("json", '{\n  "a": 1,\n  "b": null\n}\n'),
        ("jsonl", '{"a": 1, "b": null}\n'),
        ("csv", "a,b\n1,\n"),
        ("table", "field  value\na      1\nb\n"),
    ],
)
def test_a_single_record_has_a_form_of_its_own(form: str, text: str) -> None:
    """One record is an object in JSON, and a line a field in a table."""
    out = io.StringIO()
    write_record(form, out, {"a": 1, "b": None}, terminal=False)
    assert out.getvalue() == text


def test_a_closed_stdout_is_an_error() -> None:
    """Without a stdout nothing can be written, which is said rather than passed over."""
    with pytest.raises(OSError, match="Bad file descriptor"):
        records("jsonl", None, None, terminal=False)
