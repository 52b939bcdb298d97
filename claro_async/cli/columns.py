"""``claro columns``: list, update, set-task-type."""

from __future__ import annotations

from typing import Any

import click

from claro_async.cli.bulk import yes_option
from claro_async.cli.commands import Group
from claro_async.cli.invocation import Invocation, runs
from claro_async.cli.values import JSON_OBJECT

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
    yes: bool,
) -> None:
    """Change the task type of a column: every value of the column is lost.

    TASK_TYPE is raw, doc_extraction, web_enrich, classification, ai_enrich or places_count.
    """
    cli.confirm("wipe every value of the column", column, yes=yes)
    given = metadata if prompt is None else {**(metadata or {}), "prompt": prompt}
    async with cli.claro() as claro:
        change = await claro.dataset(dataset).set_task_type(
            column, task_type, metadata=given, confirm=column
        )
    cli.record(change.to_dict())
