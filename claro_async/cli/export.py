"""``claro export``: a dataset, or every one, to files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from claro_async.cli.bulk import end_of_files, report_option
from claro_async.cli.commands import Command
from claro_async.cli.exits import Exit
from claro_async.cli.invocation import Invocation, runs
from claro_async.formats import FORMATS


@click.command(cls=Command)
@click.argument("dataset", required=False)
@click.option("--all", "everything", is_flag=True, help="Export every dataset.")
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE|FOLDER|-",
    help="Where to; - is stdout. A folder for --all.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(list(FORMATS)),
    help="Format of the file; by default, as its suffix says.",
)
@click.option("--columns", metavar="IDS", help="Ids of the columns, separated by commas.")
@click.option("--metadata", is_flag=True, help="Write the cells' metadata, too.")
@click.option(
    "--cell-ids", is_flag=True, help="For Parquet, Arrow and jsonl: write ids of rows and cells."
)
@click.option(
    "--via",
    type=click.Choice(["auto", "export", "rows"]),
    default="auto",
    show_default=True,
    help="For Parquet, Arrow and jsonl: read by the server's exports, or page by page.",
)
@click.option(
    "--on-type-error",
    type=click.Choice(["raise", "null", "string"]),
    default="raise",
    show_default=True,
    help="For Parquet and Arrow: what becomes of a value that does not fit its column.",
)
@click.option(
    "--since-last", is_flag=True, help="With --all: export again what changed since the last run."
)
@click.option("--type", "kind", help="With --all: only datasets of this type.")
@click.option("--status", help="With --all: only datasets of this status.")
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="PATTERN",
    help="With --all: only datasets of this name; * and ? stand for others. Can be given again.",
)
@report_option
@runs
async def export(  # noqa: PLR0913 - its options
    cli: Invocation,
    *,
    dataset: str | None,
    output: str,
    file_format: Any,
    columns: str | None,
    on_type_error: Any,
    via: Any,
    cell_ids: bool,
    everything: bool,
    metadata: bool,
    since_last: bool,
    kind: Any,
    status: Any,
    names: tuple[str, ...],
    report: Path | None,
) -> Exit:
    """Export a dataset to a file, or with --all every one to a folder.

    A file is whole or not there. A folder has a manifest, so that a run that broke off goes on
    when it is called again.
    """
    _check(dataset, output, columns, everything=everything)
    filters: dict[str, Any] = {"type": kind, "status": status, "name": names or None}
    for option, value in {"since-last": since_last, **filters, "report": report}.items():
        if value and not everything:
            raise click.UsageError(f"--{option} goes with --all")
    options: Any = {
        "include_metadata": metadata,
        "cell_ids": cell_ids,
        "via": via,
        "on_type_error": on_type_error,
    }
    async with cli.claro() as claro, cli.progress("exporting", claro) as display:
        if dataset:
            chosen = columns.split(",") if columns else None
            target: Any = sys.stdout.buffer if output == "-" else Path(output)
            result = await claro.dataset(dataset).export(
                target, format=file_format, columns=chosen, on_progress=display, **options
            )
            if output != "-":
                cli.record(result.to_dict())
            return Exit.DONE
        with cli.stop_on_interrupt() as stop:
            account = await claro.export_all(
                output,
                format=file_format or "csv",
                since_last=since_last,
                on_progress=display,
                stop=stop,
                **filters,
                **options,
            )
    return end_of_files(cli, account, stop=stop, page=report)


def _check(dataset: str | None, output: str, columns: str | None, *, everything: bool) -> None:
    """Refuse options that do not go together.

    Raises:
        click.UsageError: They do not.
    """
    if everything == bool(dataset):
        raise click.UsageError("name a dataset, or add --all for every one")
    if everything and columns:
        raise click.UsageError("--columns is for one dataset: ids differ from dataset to dataset")
    if everything and output == "-":
        raise click.UsageError("--all needs a folder: -o FOLDER")
