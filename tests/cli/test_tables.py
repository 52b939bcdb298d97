"""Commands that set cells: one, from a file of edits, from a table; plans, journals and reverts."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.cli.invocation import JOURNAL_FROM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done, World

    Claro = Callable[..., Done]

COLUMNS: list[Any] = ["sku", {"name": "price", "type": "number"}, "note"]


@pytest.fixture
def dataset(world: World) -> str:
    """A dataset of five products; the ledger begins with it."""
    world.emulator.faults.clear()
    rows = [[f"A{number}", number + 0.5, None] for number in range(1, 6)]
    made = world.emulator.add_dataset("products", COLUMNS, rows)
    world.emulator.ledger.clear()
    return made


def applied(world: World) -> list[tuple[str, Any]]:
    """What the server was made to change."""
    return [(edit.cell_id, edit.value) for edit in world.emulator.ledger.edits]


def test_one_cell(claro: Claro, world: World, dataset: str) -> None:
    """A value is a text, or JSON where that is said; the record has what was there before."""
    first = claro("cells", "set", dataset, "cell_1_3", "5")
    second = claro("cells", "set", dataset, "cell_1_2", "--json", "5")
    assert (first.status, first.record["value"], first.record["previousValue"]) == (0, "5", None)
    assert second.record["previousValue"] == 1.5
    assert applied(world) == [("cell_1_3", "5"), ("cell_1_2", 5)]
    dry = claro("cells", "set", dataset, "cell_2_2", "--json", "7", "--dry-run")
    assert dry.record["sample"] == [{"cell_id": "cell_2_2", "value": 7, "previous_value": 2.5}]
    assert len(applied(world)) == 2
    assert claro("cells", "set", dataset, "nowhere", "5").status == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["cell_1_1"],
        ["cell_1_1", "x", "--from", "e.csv"],
        ["cell_1_1", "x", "--key", "sku"],
        ["cell_1_1", "x", "--json"],
        ["--from", "e.csv", "--coerce"],
        ["--from", "e.csv", "--key", "sku", "--json"],
        ["--from", "e.xlsx"],
        ["--from", "t.csv", "--key", "colour"],
    ],
)
def test_what_cannot_be_meant_is_explained(
    claro: Claro, world: World, tmp_path: Path, dataset: str, arguments: list[str]
) -> None:
    """A wrong call ends with status 2 in a line or two, and sends no edit."""
    tmp_path.joinpath("e.csv").write_text("cell_id,value\ncell_1_1,x\n")
    tmp_path.joinpath("t.csv").write_text("sku,price\nA1,1\n")
    done = claro("cells", "set", dataset, *arguments)
    assert done.status == 2
    assert 1 <= len(done.err.splitlines()) <= 2
    assert done.out == ""
    assert applied(world) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("sku,price\nA1,1\n", "e.csv, line 2: an edit has the columns cell_id and value"),
        ("cell_id,value\ncell_1_1\n", "e.csv, line 2: 1 value"),
        ('cell_id,value\ncell_1_1,"x\n', "e.csv, line 2, column 10: the value that begins"),
    ],
)
def test_a_file_that_is_no_table_is_explained(  # noqa: PLR0913, PLR0917 - fixtures and cases
    claro: Claro, world: World, tmp_path: Path, dataset: str, content: str, says: str
) -> None:
    """A file that cannot be read whole ends the command by its line, and nothing is sent."""
    tmp_path.joinpath("e.csv").write_text(content)
    done = claro("cells", "set", dataset, "--from", "e.csv")
    assert (done.status, done.out, len(done.err.splitlines())) == (1, "", 2)
    assert done.err.startswith(f"Error: {says}")
    assert world.emulator.ledger.requests == []


def test_a_file_of_edits(claro: Claro, world: World, tmp_path: Path, dataset: str) -> None:
    """Edits of a CSV file are texts, or JSON where that is said; the account is on stdout."""
    tmp_path.joinpath("e.csv").write_text("cell_id,value\ncell_1_2,2\ncell_2_3,\n")
    done = claro("cells", "set", dataset, "--from", "e.csv", "--json", "--report", "run.html")
    assert (done.status, done.record["updated"], done.record["total"]) == (0, 2, 2)
    assert sorted(applied(world)) == [("cell_1_2", 2), ("cell_2_3", None)]
    assert "<html" in (tmp_path / "run.html").read_text()
    assert "the report is run.html" in done.err


def test_edits_from_a_pipe(program: Claro, world: World, dataset: str) -> None:
    """Standard input is JSON lines unless something else is said."""
    lines = '{"cell_id": "cell_1_2", "value": 9}\n{"row_id": "x", "column": "note", "value": 1}\n'
    done = program("cells", "set", dataset, "--from", "-", stdin=lines)
    assert (done.status, done.record["updated"], done.record["failed"]) == (3, 1, 1)
    assert "failed: " in done.err
    table = program(
        *("sync", dataset, "--from", "-", "--input-format", "csv", "--key", "sku"),
        stdin="sku,price\nA1,8\n",
    )
    assert (table.status, table.record["updated"]) == (0, 1)
    assert applied(world) == [("cell_1_2", 9), ("cell_1_2", 8)]


def test_rows_by_a_key(claro: Claro, world: World, tmp_path: Path, dataset: str) -> None:
    """With a key, values are texts, or those of the columns where that is said."""
    tmp_path.joinpath("t.tsv").write_text("sku\tprice\nA1\t7\n")
    claro("cells", "set", dataset, "--from", "t.tsv", "--key", "sku", "--coerce")
    claro("cells", "set", dataset, "--from", "t.tsv", "--key", "sku")
    assert applied(world) == [("cell_1_2", 7), ("cell_1_2", "7")]


def test_sync(claro: Claro, world: World, tmp_path: Path, dataset: str) -> None:
    """The table wins: a dry run says what would change, and what only one of both has."""
    table = tmp_path / "t.csv"
    table.write_text("sku,price,note\nA1,1.5,\nA2,9,new\nB7,1,x\n")
    arguments = ("sync", dataset, "--from", "t.csv", "--key", "sku")
    dry = claro(*arguments, "--dry-run")
    assert (dry.status, dry.record["requests"], dry.record["unchanged"]) == (0, 2, 2)
    assert (dry.record["unknown_keys"], dry.record["extra_rows"]) == (["B7"], 3)
    assert dry.record["sample"][0] == {"cell_id": "cell_2_2", "value": 9, "previous_value": 2.5}
    assert "1 unknown keys: 'B7'" in dry.err
    shown = claro(*arguments, "--dry-run", "--format", "table")
    assert "cell_2_2" in shown.out
    assert applied(world) == []
    done = claro(*arguments)
    assert (done.status, done.record["updated"], done.record["failed"]) == (3, 2, 2)
    assert done.err.count("t.csv, line 4: the dataset has no row with sku") == 1
    assert "(2 cells)" in done.err
    table.write_text("sku,price,note\nA1,1.5,\nA2,9,new\n")
    again = claro(*arguments)
    assert (again.status, again.record["unchanged"], again.record["requests"]) == (0, 4, 0)
    assert len(applied(world)) == 2


def test_sync_with_values_that_do_not_fit(
    claro: Claro, world: World, tmp_path: Path, dataset: str
) -> None:
    """What does not fit its column, and a key that comes twice, end the command by their lines."""
    table = tmp_path / "t.csv"
    table.write_text("sku,price\nA1,cheap\n")
    arguments = ("sync", dataset, "--from", "t.csv", "--key", "sku")
    refused = claro(*arguments)
    assert refused.status == 2
    assert "t.csv, line 2, column 'price' is 'cheap'" in refused.err
    done = claro(*arguments, "--on-type-error", "null")
    assert (done.status, done.record["misfit_count"]) == (0, 1)
    assert "t.csv, line 2, column 'price': 'cheap' does not fit" in done.err
    table.write_text("sku,price\nA1,1\nA1,2\n")
    assert claro(*arguments, "--dry-run").status == 1
    assert claro(*arguments).status == 2
    assert applied(world) == [("cell_1_2", None)]


def test_a_journal_is_shown_and_set_back(
    claro: Claro, world: World, tmp_path: Path, dataset: str
) -> None:
    """A job in a journal can be shown, gone on with, and set back as far as nobody changed it."""
    tmp_path.joinpath("e.csv").write_text("cell_id,value\ncell_1_3,x\ncell_2_3,y\n")
    begun = claro("cells", "set", dataset, "--from", "e.csv", "--journal", "run.claro")
    assert (begun.status, begun.record["updated"]) == (0, 2)
    assert "claro journal resume run.claro" in begun.err
    shown = claro("journal", "show", "run.claro")
    assert (shown.record["phase"], shown.record["counts"]["updated"]) == ("done", 2)
    resumed = claro("journal", "resume", "run.claro")
    assert (resumed.status, resumed.record["updated"], resumed.record["requests"]) == (0, 2, 0)
    again = claro("cells", "set", dataset, "--from", "e.csv", "--journal", "run.claro")
    assert (again.status, "exists already" in again.err) == (1, True)
    claro("cells", "set", dataset, "cell_2_3", "somebody else's")
    reverted = claro("journal", "revert", "run.claro", "--report", "back.html")
    assert (reverted.status, reverted.record["updated"]) == (3, 1)
    assert reverted.record["skipped"][0]["cell_id"] == "cell_2_3"
    assert "cell_2_3 is left as it is: changed since" in reverted.err
    assert (tmp_path / "back.html").exists()
    values = world.emulator.values(dataset)
    assert (values["cell_1_3"], values["cell_2_3"]) == (None, "somebody else's")
    assert "nothing to set back" in claro("journal", "revert", "run.claro").err
    assert claro("journal", "show", "run.claro").record["phase"] == "set_back"


def test_the_command_that_goes_on_has_the_options_that_it_needs(
    claro: Claro, world: World, tmp_path: Path, dataset: str
) -> None:
    """What the job was given on the command line is named again, but for a proxy's password."""
    tmp_path.joinpath("e.csv").write_text("cell_id,value\ncell_1_3,x\n")
    done = claro(
        *("cells", "set", dataset, "--from", "e.csv", "--journal", "my run.claro"),
        *("--reserve", "0.1", "--report", "run.html", "--base-url", world.emulator.base_url),
        *("--proxy", "http://user:secret@127.0.0.1:9"),
    )
    assert done.status == 0
    line = next(line for line in done.err.splitlines() if "goes on with" in line)
    words = shlex.split(line.partition("goes on with: claro ")[2])
    assert words[:3] == ["journal", "resume", "my run.claro"]
    assert words[3:7] == ["--reserve", "0.1", "--report", "run.html"]
    assert words[7:] == ["--base-url", world.emulator.base_url]
    assert "secret" not in done.err + done.out
    assert claro(*words).status == 0


def test_files_that_are_no_journals(claro: Claro, tmp_path: Path) -> None:
    """What is no journal is said in two lines, for each of the three commands."""
    tmp_path.joinpath("x.claro").write_text("nothing")
    for command in ("show", "resume", "revert"):
        for name in ("x.claro", "none.claro"):
            done = claro("journal", command, name)
            assert (done.status, len(done.err.splitlines())) == (1, 2)


def test_a_wrong_key_is_no_half_done_job(
    claro: Claro, world: World, tmp_path: Path, dataset: str
) -> None:
    """Without a key that is taken the status is 4, and nothing is sent."""
    tmp_path.joinpath("t.csv").write_text("sku,price\nA1,1\n")
    done = claro("sync", dataset, "--from", "t.csv", "--key", "sku", CLARO_API_KEY="wrong-key")
    assert done.status == 4
    assert "wrong-key" not in done.err
    assert applied(world) == []


def test_a_large_job_keeps_a_journal_by_itself(
    program: Claro, world: World, tmp_path: Path
) -> None:
    """Of more than 1,000 edits there is a journal, named on stderr, with the command to go on."""
    edits = JOURNAL_FROM + 1
    dataset = world.emulator.add_dataset("large", ["name"], [["old"]] * edits)
    world.emulator.ledger.clear()
    lines = [json.dumps({"cell_id": f"cell_{n}_1", "value": f"new {n}"}) for n in range(1, edits)]
    tmp_path.joinpath("e.jsonl").write_text("\n".join(lines))
    small = program("cells", "set", dataset, "--from", "e.jsonl", "--dry-run")
    assert list(tmp_path.glob("*.claro")) == []
    assert small.record["requests"] == JOURNAL_FROM
    with (tmp_path / "e.jsonl").open("a") as file:
        file.write(f'\n{{"cell_id": "cell_{edits}_1", "value": "new"}}')
    world.emulator.faults.add("updateCell", "status", status=401, after=700)
    done = program("cells", "set", dataset, "--from", "e.jsonl")
    world.emulator.faults.clear()
    (journal,) = tmp_path.glob("claro-cells-set-*.claro")
    assert done.status == 3
    assert f"the journal of this job is {journal.name}" in done.err
    assert "stopped: " in done.err
    line = done.err.splitlines()[-1]
    rest = program(*shlex.split(line.partition("go on with: claro ")[2]))
    assert (rest.status, rest.record["updated"], rest.record["total"]) == (0, edits, edits)
    assert len(applied(world)) == len({cell for cell, _ in applied(world)}) == edits
