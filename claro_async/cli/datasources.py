"""``claro datasources``: list, get, rows, download, delete."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import Any

import click

from claro_async.cli.bulk import end_of_files, report_option, yes_option
from claro_async.cli.commands import Group
from claro_async.cli.exits import Exit
from claro_async.cli.invocation import Invocation, runs

_SHOWN = ("datasourceId", "fileName", "contentType", "fileSize", "status")


@click.group(cls=Group)
def datasources() -> None:
    """List, read, download and delete data sources."""


@datasources.command("list")
@click.option("--status", help="Only processing, completed or failed.")
@click.option("--content-type", help="Only of this content type, such as text/csv.")
@runs
async def list_datasources(cli: Invocation, status: Any, content_type: str | None) -> None:
    """List the data sources that the key can see."""
    async with cli.claro() as claro:
        listing = claro.datasources.list(status=status, content_type=content_type)
        with cli.records(_SHOWN) as records:
            async for source in listing:
                records.add(source.to_dict())


@datasources.command("get")
@click.argument("datasource")
@runs
async def get_datasource(cli: Invocation, datasource: str) -> None:
    """Show a data source: its columns, row count and status."""
    async with cli.claro() as claro:
        cli.record((await claro.datasource(datasource).get()).to_dict())


@datasources.command("rows")
@click.argument("datasource")
@click.option("--sort", metavar="COLUMN", help="Name of the column to sort by.")
@click.option("--order", type=click.Choice(["asc", "desc"]), help="Upwards or downwards.")
@click.option("--filter", "condition", help="An expression such as 'price > 100'.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Records to write at the most.")
@runs
async def rows(  # noqa: PLR0913 - its options
    cli: Invocation,
    *,
    datasource: str,
    sort: str | None,
    order: Any,
    condition: str | None,
    limit: int | None,
) -> None:
    """Write the records of a data source."""
    async with cli.claro() as claro:
        stream = claro.datasource(datasource).rows(
            sort=sort, order=order, filter=condition, limit=min(limit or 1000, 1000)
        )
        left = limit
        async with aclosing(stream.pages()) as pages:
            with cli.records() as records:
                async for page in pages:
                    for record in page.rows[:left]:
                        records.add(record)
                    if left is not None:
                        left -= len(page.rows[:left])
                        if not left:
                            break


@datasources.command("download")
@click.argument("datasource", required=False)
@click.option("--all", "everything", is_flag=True, help="Download every data source.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=".",
    help="File or folder; by default the working folder. A folder for --all.",
)
@report_option
@runs
async def download(
    cli: Invocation,
    *,
    datasource: str | None,
    output: Path,
    everything: bool,
    report: Path | None,
) -> Exit:
    """Download the original file of a data source, or with --all of every one.

    A folder that --all has filled is only added to by the next call.
    """
    if everything == bool(datasource):
        raise click.UsageError("name a data source, or add --all for every one")
    async with cli.claro() as claro, cli.progress("downloading", claro) as display:
        if datasource:
            result = await claro.datasource(datasource).download(output, on_progress=display)
            cli.record(result.to_dict())
            return Exit.DONE
        with cli.stop_on_interrupt() as stop:
            account = await claro.download_all(output, on_progress=display, stop=stop)
    return end_of_files(cli, account, stop=stop, page=report)


@datasources.command("delete")
@click.argument("datasource")
@yes_option
@runs
async def delete_datasource(cli: Invocation, datasource: str, *, yes: bool) -> None:
    """Delete a data source and all its data, for good."""
    cli.confirm("delete the data source and all its data, for good", datasource, yes=yes)
    async with cli.claro() as claro:
        deletion = await claro.datasource(datasource).delete(confirm=datasource)
    cli.record(deletion.to_dict())
