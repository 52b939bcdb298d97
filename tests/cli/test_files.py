"""Commands that move files: export, upload, download, link."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done, World

    Claro = Callable[..., Done]

DATASET = "your-dataset-id"


@pytest.mark.parametrize("suffix", ["csv", "json", "xlsx", "jsonl", "parquet", "arrow"])
def test_a_dataset_is_exported_in_every_format(claro: Claro, tmp_path: Path, suffix: str) -> None:
    """The format is what the suffix says; the record says what was written."""
    done = claro("export", DATASET, "-o", f"x.{suffix}").record
    assert (done["format"], done["rows"]) == (suffix, 40)
    assert (tmp_path / f"x.{suffix}").stat().st_size == done["size"]


def test_an_export_can_go_to_a_pipe(program: Claro) -> None:
    """``-o -`` writes the file to stdout, and nothing beside it."""
    done = program("export", DATASET, "-o", "-", "--format", "jsonl", "--columns", "col_1")
    assert len(done.records) == 40
    assert set(done.records[0]) == {"product_name"}


def test_every_dataset_is_exported_and_only_changes_again(claro: Claro, tmp_path: Path) -> None:
    """``--all`` fills a folder with a manifest; a second run fetches nothing that is there."""
    first = claro("export", "--all", "-o", "all", "--format", "jsonl")
    assert {record["outcome"] for record in first.records} == {"done"}
    assert len(json.loads((tmp_path / "all" / "manifest.json").read_text())["datasets"]) == 5
    second = claro("export", "--all", "-o", "all", "--format", "jsonl", "--since-last")
    assert second.status == 0
    assert "5 exported before" in second.err or "done" in second.err


def test_datasets_are_chosen_for_an_export_of_all(claro: Claro, tmp_path: Path) -> None:
    """``--type``, ``--status`` and ``--name`` choose what ``--all`` exports, together and each."""
    listed = claro("datasets", "list").records
    (names, some) = ([each["name"] for each in listed], listed[0])
    cases = {
        "all": ([], names),
        "named": (
            ["--name", some["name"][:4] + "*", "--name", "no such name"],
            [name for name in names if name.startswith(some["name"][:4])],
        ),
        "typed": (
            ["--type", some["type"], "--status", some["status"]],
            [
                each["name"]
                for each in listed
                if (each["type"], each["status"]) == (some["type"], some["status"])
            ],
        ),
        "none": (["--name", "no such name"], []),
    }
    for folder, (options, expected) in cases.items():
        done = claro("export", "--all", "-o", folder, "--format", "jsonl", *options)
        assert done.status == 0
        assert len(list((tmp_path / folder).glob("*.jsonl"))) == len(expected)


@pytest.mark.parametrize(
    "arguments",
    [
        ["-o", "x.csv"],
        [DATASET, "--all", "-o", "x"],
        [DATASET, "-o", "x.csv", "--since-last"],
        [DATASET, "-o", "x.csv", "--type", "extraction"],
        [DATASET, "-o", "x.csv", "--status", "completed"],
        [DATASET, "-o", "x.csv", "--name", "a*"],
        ["--all", "-o", "x", "--type", "spreadsheet"],
        ["--all", "-o", "-"],
        ["--all", "-o", "x", "--columns", "col_1"],
        [DATASET, "-o", "x.doc"],
    ],
)
def test_options_that_do_not_go_together_are_explained(
    claro: Claro, world: World, arguments: list[str]
) -> None:
    """A call of ``export`` that cannot be meant is refused before anything is sent."""
    before = world.emulator.ledger.count()
    done = claro("export", *arguments)
    assert (done.status, world.emulator.ledger.count()) == (2, before)


def test_a_file_is_uploaded_to_a_cell(claro: Claro, tmp_path: Path) -> None:
    """``upload --cell`` makes a data source of a file, and says its id."""
    (tmp_path / "note.txt").write_text("hello")
    done = claro("upload", DATASET, "--cell", "cell_2_5", "note.txt").record
    assert claro("datasources", "get", done["datasource_id"]).record["fileName"] == "note.txt"
    wrong = claro("upload", DATASET, "--cell", "cell_1_1", "note.txt")
    assert (wrong.status, wrong.out) == (1, "")
    for arguments in (["note.txt"], ["--cell", "c"], ["--folder", "."]):
        assert claro("upload", DATASET, *arguments).status == 2


def test_a_folder_is_uploaded_to_the_rows_that_name_its_files(claro: Claro, tmp_path: Path) -> None:
    """``upload --folder`` does what is not done yet; the same command goes on."""
    folder = tmp_path / "files"
    folder.mkdir()
    names = [record["product_name"] for record in claro("rows", DATASET, "--limit", "2").records]
    for name in names:
        (folder / f"{name}.txt").write_text(name)
    (folder / "stray.txt").write_text("x")
    arguments = ["upload", DATASET, "--folder", "files", "--key", "product_name"]
    done = claro(*arguments, "--column", "notes")
    assert [record["outcome"] for record in done.records] == ["done", "done"]
    assert "1 unmatched files" in done.err
    again = claro(*arguments, "--column", "notes")
    assert (again.status, again.out) == (0, "")
    assert "2 linked before" in again.err


def test_a_part_that_fails_makes_the_status_three(
    claro: Claro, world: World, tmp_path: Path
) -> None:
    """Where some files of a folder fail, the account names them and the status is 3."""
    folder = tmp_path / "more"
    folder.mkdir()
    rows = claro("rows", DATASET).records
    for row in rows[10:13]:
        (folder / f"{row['product_name']}.txt").write_text("x")
    (folder / f"{rows[14]['product_name']}.txt").write_text("")  # empty files are refused
    done = claro(
        *("upload", DATASET, "--folder", "more", "--key", "product_name", "--column", "notes")
    )
    outcomes = [record["outcome"] for record in done.records]
    assert (done.status, sorted(outcomes)) == (3, ["done", "done", "done", "failed"])
    assert world.emulator.ledger.count() > 0


def test_data_sources_are_downloaded(claro: Claro, tmp_path: Path) -> None:
    """``download`` writes one file or, with ``--all``, a folder of them."""
    (tmp_path / "one").mkdir()
    done = claro("datasources", "download", "datasource-1", "-o", "one").record
    assert (tmp_path / done["path"]).stat().st_size == done["size"]
    everything = claro("datasources", "download", "--all", "-o", "all")
    assert everything.status == 0
    assert len(everything.records) == len(list((tmp_path / "all").glob("*.*"))) - 1
    assert claro("datasources", "download").status == 2


def test_data_sources_are_linked_as_a_file_says(
    claro: Claro, program: Claro, tmp_path: Path, world: World
) -> None:
    """``link --from`` takes a file or stdin; a link that fails is named, and the status is 3."""
    (tmp_path / "links.csv").write_text("cell_id,datasource_id\ncell_2_7,datasource-2\n")
    done = claro("link", DATASET, "--from", "links.csv").record
    assert (done["key"], done["outcome"], done["datasourceId"]) == (
        *("cell_2_7", "done"),
        "datasource-2",
    )
    lines = [
        {"cell_id": "cell_2_8", "datasource_id": "datasource-2"},
        {"cell_id": "cell_2_9", "datasource_id": "no-such-source"},
    ]
    stdin = "".join(json.dumps(line) + "\n" for line in lines)
    partly = program("link", DATASET, "--from", "-", stdin=stdin)
    assert (partly.status, [each["outcome"] for each in partly.records]) == (3, ["done", "failed"])
    (tmp_path / "wrong.csv").write_text("cell,source\na,b\n")
    before = world.emulator.ledger.count()
    wrong = claro("link", DATASET, "--from", "wrong.csv")
    assert (wrong.status, "wrong.csv, line 2" in wrong.err) == (1, True)
    assert world.emulator.ledger.count() == before


def test_the_account_of_files_can_be_a_page(claro: Claro, tmp_path: Path) -> None:
    """``--report`` writes what became of each file as a page that is well-formed, escaped HTML."""
    (tmp_path / "links.jsonl").write_text(
        '{"cell_id": "cell_2_7", "datasource_id": "datasource-2"}\n'
        '{"cell_id": "<b>&", "datasource_id": "datasource-2"}\n'
    )
    done = claro("link", DATASET, "--from", "links.jsonl", "--report", "run.html")
    assert (done.status, "the report is run.html" in done.err) == (3, True)
    page = ET.fromstring((tmp_path / "run.html").read_text("utf-8"))  # noqa: S314 - our own
    texts = "".join(page.itertext())
    assert "1 of 2 items done" in texts
    assert "<b>&" in texts
    assert "cell_2_7" in texts
    for arguments in (["export", DATASET, "-o", "x.csv"], ["upload", DATASET, "links.jsonl"]):
        assert claro(*arguments, "--report", "run.html").status == 2
