"""Files of rows and of edits as the input of bulk updates."""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from claro_async import ClaroClient, Dataset, TableFileError, read_rows
from claro_async.emulator import Emulator
from tests.files.samples import SAMPLES, Sample

if TYPE_CHECKING:
    from pathlib import Path

Make: TypeAlias = Callable[..., Dataset]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator without datasets."""
    async with Emulator(sample_world=False) as running:
        yield running


@pytest.fixture
async def make(emulator: Emulator) -> AsyncIterator[Make]:
    """Makes a dataset of columns and rows."""
    async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
        yield lambda columns, rows: claro.dataset(emulator.add_dataset("table", columns, rows))


def products(make: Make, rows: int = 3) -> Dataset:
    """A dataset with a number as key, a name and a price."""
    columns = [{"name": "sku", "type": "number"}, "name", {"name": "price", "type": "number"}]
    return make(columns, [[row, f"name {row}", row + 0.5] for row in range(rows)])


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_what_is_exported_and_read_again_changes_nothing(
    tmp_path: Path, emulator: Emulator, sample: Sample
) -> None:
    """A dataset of any file, exported in each format and compared with that, sends no edit."""
    path = tmp_path / sample.name
    path.write_bytes(sample.content)
    async with (
        Emulator(seed=[path], sample_world=False) as seeded,
        ClaroClient(seeded.api_key, seeded.base_url) as claro,
    ):
        details = await claro.dataset(seeded.dataset_ids()[0]).get()
    columns = [{"name": column.name, "type": column.type} for column in details.columns]
    rows = [[f"key {number}", *row] for number, row in enumerate(sample.rows)]
    async with ClaroClient(emulator.api_key, emulator.base_url) as claro:
        dataset = claro.dataset(emulator.add_dataset("t", ["the key", *columns], rows))
        for suffix in ("csv", "json", "jsonl", "parquet", "arrow"):
            file = tmp_path / f"out.{suffix}"
            await dataset.export(file, on_type_error="string")
            with await dataset.plan_from(file, key="the key", coerce="column") as plan:
                assert (list(plan), plan.unknown_keys, plan.extra_rows) == ([], [], 0), suffix
                assert plan.unchanged == len(rows) * len(columns)
    assert emulator.ledger.edits == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("e.csv", "cell_id,value\ncell_1_2,one\ncell_2_2,two\n"),
        ("e.csv", "row_id,column,value\nrow_1,name,one\nrow_2,col_2,two\n"),
        (
            "e.jsonl",
            '{"cell_id":"cell_1_2","value":"one"}\n{"row_id":"row_2","column":"name","value":"two"}',
        ),
        (
            "e.json",
            '[{"value": "one", "cell_id": "cell_1_2"},\n {"cell_id": "cell_2_2", "value": "two"}]',
        ),
    ],
)
async def test_a_file_of_edits(
    tmp_path: Path, emulator: Emulator, make: Make, name: str, content: str
) -> None:
    """Each method that takes edits takes the path of a file, or a reader of it."""
    path = tmp_path / name
    path.write_text(content)
    dataset = products(make)
    with await dataset.plan_updates(path, skip_unchanged=True) as plan:
        assert [(change.value, change.previous_value) for change in plan] == [
            ("one", "name 0"),
            ("two", "name 1"),
        ]
    report = await dataset.update_cells(str(path))
    assert (report.updated, report.total) == (2, 2)
    again = await dataset.update_cells(read_rows(path), skip_unchanged=True)
    assert (again.unchanged, again.total) == (2, 2)
    async with dataset.iter_updates(path) as outcomes:
        assert len([outcome async for outcome in outcomes]) == 2
    values = emulator.values(dataset.dataset_id)
    assert (values["cell_1_2"], values["cell_2_2"]) == ("one", "two")


async def test_a_file_of_edits_with_a_journal(
    tmp_path: Path, emulator: Emulator, make: Make
) -> None:
    """A job is gone on with by the same file, whose rows are compared, and by no other one."""
    path, journal = tmp_path / "e.csv", tmp_path / "run.claro"
    path.write_text("cell_id,value\n" + "".join(f"cell_{n}_2,new {n}\n" for n in range(1, 31)))
    dataset = products(make, 30)
    first = await dataset.update_cells(path, journal=journal)
    again = await dataset.update_cells(path, journal=journal, resume=True)
    assert (first.updated, again.updated, again.requests) == (30, 30, 0)
    assert len(emulator.ledger.edits) == 30
    path.write_text("cell_id,value\ncell_1_2,x\n")
    with pytest.raises(Exception, match="other edits"):
        await dataset.update_cells(path, journal=journal, resume=True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("cell_id,value\ncell_1_2,x\n,y\n", "e.csv, line 3: cell_id"),
        ("cell_id,value\ncell_1_2,x\n..,y\n", "e.csv, line 3: cell_id"),
        ("cell_id,value,note\ncell_1_2,x,\n", "e.csv, line 2: an edit has the columns"),
        ("sku,name\n1,x\n", "update_from"),
        ("row_id,column,value\nrow_1,,x\n", "e.csv, line 2: column must"),
        ("cell_id,value\ncell_1_2,x\ncell_2_2\n", "e.csv, line 3: 1 value"),
    ],
)
@pytest.mark.parametrize("journal", [None, "run.claro"])
async def test_a_file_that_holds_no_edits_sends_nothing(  # noqa: PLR0913, PLR0917 - a table
    tmp_path: Path, emulator: Emulator, make: Make, content: str, says: str, journal: str | None
) -> None:
    """The whole file is checked before anything is sent, and no journal stays behind."""
    path = tmp_path / "e.csv"
    path.write_text(content)
    dataset = products(make)
    options: dict[str, Any] = {} if journal is None else {"journal": tmp_path / journal}
    with pytest.raises(TableFileError, match=says):
        await dataset.update_cells(path, **options)
    assert emulator.ledger.requests == []
    assert os.listdir(tmp_path) == ["e.csv"]  # noqa: PTH208 - pathlib's would have to be awaited


async def test_rows_of_a_file_are_named_by_their_lines(
    tmp_path: Path, emulator: Emulator, make: Make
) -> None:
    """Unknown keys, double ones, empty ones and values that do not fit are found by their lines."""
    path = tmp_path / "t.csv"
    dataset = products(make)
    path.write_text('sku,name,price\n0,"two\nlines",0.5\n77,x,1\n1,name 1,cheap\n')
    how: dict[str, Any] = {"key": "sku", "coerce": "column"}
    report = await dataset.update_from(path, **how, on_type_error="null")
    assert (report.updated, report.unchanged, report.failed) == (2, 2, 2)
    assert "t.csv, line 4: the dataset has no row with sku = 77" in str(report.failures[0].error)
    assert report.misfits[0].place == "t.csv, line 5"
    cases = {
        "sku,price\n1,cheap\n": "t.csv, line 2, column 'price' is 'cheap'",
        "sku,price\n1,1\n1.0,2\n": "t.csv, line 3: the key 1 comes twice",
        "sku,price\n1,1\n,2\n": "t.csv, line 3: the key 'sku' is empty",
        "sku,price\n1,1\nx,2\n": "t.csv, line 3, column 'sku' is 'x'",
        "id,price\n1,1\n": "t.csv, line 2 has no 'sku'",
        "sku,price\n1,1\n2\n": "t.csv, line 3: 1 value",
    }
    sent = len(emulator.ledger.edits)
    for content, says in cases.items():
        path.write_text(content)
        with pytest.raises(ValueError, match=says):
            await dataset.update_from(path, **how)
    assert len(emulator.ledger.edits) == sent


async def test_a_text_that_no_request_can_carry_is_named(
    tmp_path: Path, emulator: Emulator, make: Make
) -> None:
    """Half of a surrogate pair, as JSON files can hold it, is refused by its row and column."""
    path = tmp_path / "t.jsonl"
    dataset = products(make)
    path.write_text('{"sku": 0, "name": "\\ud800"}\n')
    with pytest.raises(ValueError, match=r"t\.jsonl, line 1, column 'name' holds a lone surrogate"):
        await dataset.update_from(path, key="sku")
    path.write_text('{"cell_id": "cell_1_2", "value": "\\ud800"}\n')
    with pytest.raises(TableFileError, match=r"t\.jsonl, line 1: value holds a lone surrogate"):
        await dataset.update_cells(path)
    assert emulator.ledger.edits == []


async def test_files_are_read_beside_the_event_loop(tmp_path: Path) -> None:
    """Rows are made by another thread than that of the event loop."""
    path = tmp_path / "t.csv"
    path.write_text("n\n1\n2\n")
    threads = [
        each
        async for chunk in read_rows(path).chunks(lambda *_: threading.get_ident(), size=1)
        for each in chunk
    ]
    assert len(threads) == 2
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, suffix: str) -> None:
    """A file of 6 MB is read in less than 1 MB."""
    path = tmp_path / f"t.{suffix}"
    lines = (f'{{"n": {number}, "t": "{"x" * 80}"}}' for number in range(60_000))
    if suffix == "csv":
        path.write_text("n,t\n" + "".join(f"{number},{'x' * 90}\n" for number in range(60_000)))
    else:
        ends = ("[", ",\n", "]") if suffix == "json" else ("", "\n", "")
        path.write_text(ends[0] + ends[1].join(lines) + ends[2])
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_rows(path)) == 60_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
