"""``claro link``: data sources to cells, as a file says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from claro_async.cli.bulk import end_of_files, report_option
from claro_async.cli.commands import Command
from claro_async.cli.invocation import Invocation, runs

if TYPE_CHECKING:
    from pathlib import Path

    from claro_async.cli.exits import Exit


@click.command(cls=Command)
@click.argument("dataset")
@click.option(
    "--from",
    "source",
    required=True,
    metavar="FILE|-",
    help="File with the columns cell_id and datasource_id; - is stdin, as jsonl.",
)
@click.option(
    "--input-format",
    type=click.Choice(["csv", "json", "jsonl", "parquet", "arrow"]),
    help="Format of the file; by default, as its suffix says.",
)
@report_option
@runs
async def link(
    cli: Invocation, *, dataset: str, source: str, input_format: Any, report: Path | None
) -> Exit:
    """Link data sources to cells, as a file says.

    A link replaces the one that a cell has; the same command can be repeated.
    """
    from claro_async.tables import read_rows  # noqa: PLC0415 - not for a help text

    reader = read_rows(source, input_format or ("jsonl" if source == "-" else None))
    async with cli.claro() as claro, cli.progress("linking", claro) as display:
        with cli.stop_on_interrupt() as stop:
            account = await claro.dataset(dataset).link_datasources(
                reader, on_progress=display, stop=stop
            )
    return end_of_files(cli, account, stop=stop, page=report)
