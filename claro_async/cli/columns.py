"""``claro columns``: list, update, set-task-type."""

from __future__ import annotations

import shlex
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from claro_async.cli.bulk import report_option, reserve_option, yes_option
from claro_async.cli.commands import Group
from claro_async.cli.invocation import Invocation, journal_name, runs
from claro_async.cli.jobs import Job, carry_out
from claro_async.cli.values import JSON_OBJECT

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from claro_async.bulk.report import BulkReport
    from claro_async.cli.exits import Exit

_SHOWN = ("columnId", "name", "type", "taskType")
_TASK_TYPES = (
    "raw",
    "doc_extraction",
    "web_enrich",
    "classification",
    "ai_enrich",
    "places_count",
)
_metadata_option = click.option(
    "--metadata", type=JSON_OBJECT, metavar="JSON|@FILE", help="Metadata, as a JSON object."
)


@click.group(cls=Group)
def columns() -> None:
    """List and change the columns of a dataset."""


@columns.command("list")
@click.argument("dataset")
@runs
async def list_columns(cli: Invocation, dataset: str) -> None:
    """List the columns of a dataset."""
    async with cli.claro() as claro:
        details = await claro.dataset(dataset).get()
    with cli.records(_SHOWN) as records:
        for column in details.columns:
            records.add(column.to_dict())


@columns.command("update")
@click.argument("dataset")
@click.argument("column")
@click.option("--name", help="The new name.")
@_metadata_option
@runs
async def update_column(
    cli: Invocation, dataset: str, column: str, name: str | None, metadata: dict[str, Any] | None
) -> None:
    """Change the name or the metadata of a column."""
    async with cli.claro() as claro:
        result = await claro.dataset(dataset).update_column(column, name=name, metadata=metadata)
    cli.record(result.to_dict())


@columns.command("set-task-type")
@click.argument("dataset")
@click.argument("column")
@click.argument("task_type", type=click.Choice(_TASK_TYPES), metavar="TASK_TYPE")
@_metadata_option
@click.option("--prompt", help="The prompt that ai_enrich and places_count need.")
@click.option(
    "--backup",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Parquet file that the column is saved in first; by default one in the working folder.",
)
@click.option("--no-backup", is_flag=True, help="Wipe the column without saving it.")
@yes_option
@runs
async def set_task_type(  # noqa: PLR0913 - its options
    cli: Invocation,
    *,
    dataset: str,
    column: str,
    task_type: Any,
    metadata: dict[str, Any] | None,
    prompt: str | None,
    backup: Path | None,
    no_backup: bool,
    yes: bool,
) -> None:
    """Change the task type of a column: every value of the column is lost.

    The column is saved first, for `claro columns restore`, and nothing is wiped where that fails.
    TASK_TYPE is raw, doc_extraction, web_enrich, classification, ai_enrich or places_count.
    """
    file = None if no_backup else backup or _backup_file(dataset, column)
    cli.confirm("wipe every value of the column", column, yes=yes)
    given = metadata if prompt is None else {**(metadata or {}), "prompt": prompt}
    async with cli.claro() as claro:
        change = await claro.dataset(dataset).set_task_type(
            column, task_type, metadata=given, confirm=column, backup=file
        )
    if file is not None:
        words = shlex.join(["claro", "columns", "restore", dataset, str(file)])
        cli.say(f"the column is saved in {file}; {words} sets its values again")
    cli.record(change.to_dict())


@columns.command("restore")
@click.argument("dataset")
@click.argument("backup", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@report_option
@reserve_option
@runs
async def restore_column(
    cli: Invocation, *, dataset: str, backup: Path, report: Path | None, reserve: float
) -> Exit:
    """Set the values of a column again, from the file that set-task-type made.

    The same command goes on after any end. Metadata cannot be restored.
    """
    job = Job(command="columns restore", dataset_id=dataset, page=report, reserve=reserve)
    async with cli.claro() as claro:
        with cli.stop_on_interrupt() as stop:

            def send(display: Any) -> Awaitable[BulkReport]:
                return claro.dataset(dataset).restore_column(
                    backup, reserve=reserve, on_progress=display, stop=stop
                )

            return await carry_out(cli, claro, job, send)


def _backup_file(dataset: str, column: str) -> Path:
    """Where a column is saved where nobody says.

    Raises:
        click.UsageError: It cannot be saved here.
    """
    if find_spec("pyarrow") is None:
        raise click.UsageError(
            "saving the column first needs pyarrow: pip install 'claro-async[arrow]'; or add"
            " --no-backup"
        )
    return journal_name(f"column-{column}", dataset, time.localtime(), ".parquet")
