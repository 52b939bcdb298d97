"""Commands that read and change datasets, columns, rows and data sources."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done, World

    Claro = Callable[..., Done]

DATASET = "your-dataset-id"


def test_datasets_are_listed_by_kind_and_status(claro: Claro) -> None:
    """The listing is that of the API, and its filters go to the API."""
    names = {record["name"] for record in claro("datasets", "list").records}
    assert len(names) == 5
    failed = claro("datasets", "list", "--status", "failed", "--type", "extraction").records
    assert [record["status"] for record in failed] == ["failed"]


def test_a_dataset_is_shown_as_the_api_gives_it(claro: Claro) -> None:
    """``datasets get`` writes one object, with the API's own names."""
    shown = claro("datasets", "get", DATASET, "--format", "json")
    assert json.loads(shown.out)["columns"][0]["columnId"] == "col_1"


def test_a_dataset_is_awaited(claro: Claro) -> None:
    """``datasets wait`` returns at once where nothing is processed, and says so when time is up."""
    assert claro("datasets", "wait", DATASET).record["status"] == "completed"
    busy = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    late = claro("datasets", "wait", busy, "--timeout", "0.01")
    assert (late.status, late.out) == (1, "")
    assert "more time" in late.err


def test_a_dataset_is_deleted_only_when_that_is_sure(claro: Claro, world: World) -> None:
    """Without ``--yes`` nothing is sent where nobody can be asked; with it the dataset goes."""
    emulator = world.emulator
    name = world.run(make_dataset(world))
    before = emulator.ledger.count()
    refused = claro("datasets", "delete", name)
    assert (refused.status, emulator.ledger.count()) == (2, before)
    assert name in claro("datasets", "delete", name, "--yes").record.values()
    assert name not in emulator.dataset_ids()


async def make_dataset(world: World) -> str:
    """Add a small dataset to the emulator."""
    added: str = world.emulator.add_dataset("doomed", ["a"], [[1]])
    return added


def test_columns_are_listed_and_changed(claro: Claro) -> None:
    """Columns have a table of their own; a name is changed by ``columns update``."""
    columns = claro("columns", "list", DATASET).records
    assert [column["columnId"] for column in columns][:2] == ["col_1", "col_2"]
    changed = claro("columns", "update", DATASET, "col_8", "--name", "remarks")
    assert changed.record["name"] == "remarks"
    assert claro("columns", "update", DATASET, "col_8", "--name", "notes").status == 0
    refused = claro("columns", "update", DATASET, "col_8")
    assert (refused.status, "nothing to change" in refused.err) == (2, True)


def test_metadata_come_from_the_line_a_file_or_stdin(claro: Claro, tmp_path: Any) -> None:
    """``--metadata`` takes JSON, ``@FILE`` and ``@-``, and says what is no JSON object."""
    (tmp_path / "m.json").write_text('{"a": 2}')
    for given, stdin in (('{"a": 1}', ""), ("@m.json", ""), ("@-", '{"a": 3}')):
        done = claro("columns", "update", DATASET, "col_8", "--metadata", given, stdin=stdin)
        assert done.status == 0
    for wrong in ("[1]", "{", "@missing.json"):
        done = claro("columns", "update", DATASET, "col_8", "--metadata", wrong)
        assert (done.status, len(done.err.splitlines())) == (2, 2)


def test_a_task_type_wipes_only_when_that_is_sure(claro: Claro, world: World) -> None:
    """Changing a task type wants ``--yes`` or the column's id; the prompt has an option."""
    arguments = ["columns", "set-task-type", DATASET, "col_7", "ai_enrich", "--prompt", "Sum up"]
    before = world.emulator.ledger.count()
    refused = claro(*arguments)
    assert (refused.status, world.emulator.ledger.count()) == (2, before)
    assert "wipe every value" in refused.err
    assert claro(*arguments, "--yes", "--no-backup").record["task_type"] == "ai_enrich"


def test_a_wiped_column_is_saved_first_and_can_be_restored(
    claro: Claro, world: World, tmp_path: Path
) -> None:
    """``set-task-type`` saves the column by itself; ``columns restore`` sets its values again."""
    dataset = world.emulator.add_dataset("wiped", ["name"], [[f"v{n}"] for n in range(5)])
    column = claro("columns", "list", dataset).record["columnId"]
    done = claro("columns", "set-task-type", dataset, column, "web_enrich", "--yes")
    (backup,) = tmp_path.glob("claro-column-*.parquet")
    assert (done.status, f"claro columns restore {dataset} {backup.name}" in done.err) == (0, True)
    wiped = [row["name"] for row in claro("rows", dataset).records]
    restored = claro("columns", "restore", dataset, backup.name, "--report", "run.html")
    assert (restored.status, restored.record["updated"]) == (0, 5)
    assert [row["name"] for row in claro("rows", dataset).records] == [f"v{n}" for n in range(5)]
    assert wiped != [f"v{n}" for n in range(5)]
    assert (tmp_path / "run.html").exists()


def test_rows_are_plain_values(claro: Claro) -> None:
    """A row is an object of column names and values; a limit is what is written at the most."""
    rows = claro("rows", DATASET).records
    assert len(rows) == 40
    assert rows[0]["product_name"] == "Widget A"
    assert claro("rows", DATASET, "--limit", "3").records == rows[:3]


def test_rows_are_chosen_by_column_and_page(claro: Claro, world: World) -> None:
    """``--columns`` and ``--pages`` go to the API: what is not wanted is not sent for."""
    before = world.emulator.ledger.count()
    done = claro("rows", DATASET, "--columns", "col_1,col_3", "--pages", "1:1")
    assert set(done.records[0]) == {"product_name", "price"}
    assert world.emulator.ledger.count() == before + 1
    assert claro("rows", DATASET, "--pages", "0:3").status == 2
    assert claro("rows", DATASET, "--pages", "x").status == 2


def test_cells_come_with_ids_and_metadata(claro: Claro) -> None:
    """``--cell-ids`` and ``--metadata`` write what edits and reviews need, beside the values."""
    done = claro("rows", DATASET, "--limit", "1", "--cell-ids", "--metadata").record
    assert (done["row_id"], done["product_name cell_id"]) == ("row_1", "cell_1_1")
    assert done["product_name metadata"]["confidence"] == 0.95


def test_csv_is_what_spreadsheets_read(claro: Claro) -> None:
    """CSV has a header, a line a row, and empty fields for null."""
    text = claro("rows", DATASET, "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(text)))
    assert (len(rows), rows[0]["price"], rows[0]["manufacturer"]) == (40, "29.99", "")


def test_json_is_one_array(claro: Claro) -> None:
    """``--format json`` gives one array of all records, also of none."""
    assert len(json.loads(claro("rows", DATASET, "--format", "json").out)) == 40
    none = claro("datasources", "list", "--content-type", "x/y", "--format", "json")
    assert json.loads(none.out) == []


def test_a_table_in_a_pipe_is_not_cut_off(claro: Claro) -> None:
    """A table that is asked for in a pipe is plain text, with the whole ids and no colours."""
    text = claro("datasets", "list", "--format", "table").out
    assert "550e8400-e29b-41d4-a716-446655440000" in text
    assert "\x1b" not in text


def test_data_sources_are_listed_shown_and_read(claro: Claro) -> None:
    """Data sources have the same commands; records can be sorted and filtered by the API."""
    assert len(claro("datasources", "list").records) == 8
    assert claro("datasources", "get", "datasource-1").record["datasourceId"] == "datasource-1"
    many = claro("datasources", "rows", "datasource-2", "--limit", "2").records
    assert len(many) == 2
    wrong = claro("datasources", "get", "nothing")
    assert (wrong.status, "claro datasources list" in wrong.err) == (1, True)


def test_a_data_source_is_deleted_with_yes_only(claro: Claro, world: World) -> None:
    """Deleting a data source is as careful as deleting a dataset."""
    assert claro("datasources", "delete", "failed-datasource-id").status == 2
    assert "failed-datasource-id" in world.emulator.datasource_ids()
    assert claro("datasources", "delete", "failed-datasource-id", "--yes").status == 0
    assert "failed-datasource-id" not in world.emulator.datasource_ids()


@pytest.mark.parametrize(
    ("arguments", "stdin", "status"),
    [
        (["GET", f"/datasets/{DATASET}"], "", 0),
        (["get", "/datasets", "-p", "limit=1"], "", 0),
        (["PATCH", f"/datasets/{DATASET}/cells/cell_8_1", "-d", '{"value": "x"}'], "", 0),
        (["PATCH", f"/datasets/{DATASET}/cells/cell_8_1", "-d", "@-"], '{"value": "y"}', 0),
        (["GET", "/nothing"], "", 1),
        (["GET", "datasets"], "", 2),
        (["GET", "/datasets", "-p", "limit"], "", 2),
        (["GET", "/datasets", "-H", "X-Trace: a"], "", 0),
    ],
)
def test_any_request_is_sent_with_the_key(
    claro: Claro, arguments: list[str], stdin: str, status: int
) -> None:
    """``claro request`` sends what is asked for, and writes the reply's JSON."""
    done = claro("request", *arguments, stdin=stdin)
    assert done.status == status
    assert isinstance(json.loads(done.out), dict) if status == 0 else done.out == ""
