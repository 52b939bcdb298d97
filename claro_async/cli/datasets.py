"""``claro datasets``: list, get, wait, delete."""

from __future__ import annotations

import click

from claro_async.cli.bulk import yes_option
from claro_async.cli.commands import Group
from claro_async.cli.invocation import Invocation, runs

_SHOWN = ("datasetId", "name", "type", "status", "rowCount")


@click.group(cls=Group)
def datasets() -> None:
    """List, show, await and delete datasets."""


@datasets.command("list")
@click.option("--type", "kind", help="Only extraction, analysis or classification.")
@click.option("--status", help="Only processing, completed or failed.")
@runs
async def list_datasets(cli: Invocation, kind: str | None, status: str | None) -> None:
    """List the datasets that the key can see."""
    async with cli.claro() as claro:
        listing = claro.datasets.list(type=kind, status=status)  # type: ignore[arg-type]
        with cli.records(_SHOWN) as records:
            async for dataset in listing:
                records.add(dataset.to_dict())


@datasets.command("get")
@click.argument("dataset")
@runs
async def get_dataset(cli: Invocation, dataset: str) -> None:
    """Show a dataset: its columns, row count and status."""
    async with cli.claro() as claro:
        cli.record((await claro.dataset(dataset).get()).to_dict())


@datasets.command("wait")
@click.argument("dataset")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    default=300.0,
    show_default=True,
    help="Seconds to wait at the most.",
)
@runs
async def wait_for_dataset(cli: Invocation, dataset: str, timeout: float) -> None:  # noqa: ASYNC109 - the library's option
    """Wait while a dataset is processed, then show it."""
    async with cli.claro() as claro, cli.progress(f"waiting for {dataset}", claro):
        details = await claro.dataset(dataset).wait_until_ready(timeout=timeout)
    cli.record(details.to_dict())


@datasets.command("delete")
@click.argument("dataset")
@yes_option
@runs
async def delete_dataset(cli: Invocation, dataset: str, *, yes: bool) -> None:
    """Delete a dataset and all its data, for good."""
    cli.confirm("delete the dataset and all its data, for good", dataset, yes=yes)
    async with cli.claro() as claro:
        cli.record((await claro.dataset(dataset).delete(confirm=dataset)).to_dict())
