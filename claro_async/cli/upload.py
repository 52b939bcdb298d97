"""``claro upload``: a file to a cell, or the files of a folder to the cells that name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from claro_async.cli.bulk import end_of_files, report_option
from claro_async.cli.commands import Command
from claro_async.cli.exits import Exit
from claro_async.cli.invocation import Invocation, runs


@click.command(cls=Command)
@click.argument("dataset")
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--cell", metavar="ID", help="The cell that gets the file.")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Upload the files of a folder.",
)
@click.option("--key", metavar="COLUMN", help="With --folder: the column that names the files.")
@click.option("--column", metavar="COLUMN", help="With --folder: the column that gets them.")
@click.option(
    "--resend", is_flag=True, help="Send again when in doubt, which may make a second data source."
)
@report_option
@runs
async def upload(  # noqa: PLR0913 - its options
    cli: Invocation,
    *,
    dataset: str,
    file: Path | None,
    cell: str | None,
    folder: Path | None,
    key: str | None,
    column: str | None,
    resend: bool,
    report: Path | None,
) -> Exit:
    """Upload a file as a data source, and link it to a cell.

    claro upload DATASET --cell CELL FILE uploads one; claro upload DATASET --folder FOLDER --key
    COLUMN --column COLUMN each file of a folder to the row that names it, where nothing is linked
    yet.
    """
    if report and folder is None:
        raise click.UsageError("--report goes with --folder")
    if folder is None:
        if file is None or cell is None or key or column:
            raise click.UsageError("give --cell ID and FILE, or --folder, --key and --column")
        return await _upload_one(cli, dataset, cell, file, resend=resend)
    if file is not None or cell or resend or not (key and column):
        raise click.UsageError("--folder needs --key and --column, and neither FILE nor --cell")
    async with cli.claro() as claro, cli.progress("uploading", claro) as display:
        with cli.stop_on_interrupt() as stop:
            account = await claro.dataset(dataset).upload_folder(
                folder, key=key, column=column, on_progress=display, stop=stop
            )
    status = end_of_files(cli, account, stop=stop, page=report)
    if account.not_sent or account.failed:
        cli.say("the same command goes on: cells that have a data source are left alone")
    return status


async def _upload_one(
    cli: Invocation, dataset: str, cell: str, file: Path, *, resend: bool
) -> Exit:
    on_unknown: Any = "resend" if resend else "raise"
    async with cli.claro() as claro, cli.progress("uploading", claro) as display:
        result = await claro.dataset(dataset).upload_datasource(
            cell, file, on_unknown=on_unknown, on_progress=display
        )
    cli.record(result.to_dict())
    return Exit.DONE
