"""``claro mining``: datasets of Communications Mining, and their comments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from claro_async.cli.bulk import yes_option
from claro_async.cli.commands import Group
from claro_async.cli.invocation import Invocation, runs
from claro_async.cli.values import MOMENT, ParamType

if TYPE_CHECKING:
    from datetime import datetime

_SHOWN = ("owner", "name", "title", "updated")


class FullName(ParamType):
    """A dataset as ``PROJECT/NAME``."""

    name = "dataset"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read project and name."""
        if not isinstance(value, str):
            return value
        project, slash, name = value.partition("/")
        if not (project and slash and name):
            self.fail(f"not PROJECT/NAME: {value!r}", param, ctx)
        return project, name


_dataset_argument = click.argument("dataset", type=FullName(), metavar="PROJECT/NAME")
_title_option = click.option("--title", help="One line, for people.")
_description_option = click.option("--description", help="A longer text.")
_sources_option = click.option(
    "--source", "sources", multiple=True, metavar="ID", help="A source to include; can be repeated."
)


@click.group(cls=Group)
def mining() -> None:
    """Work with Communications Mining."""


@mining.group("datasets")
def datasets() -> None:
    """List, change and export datasets of Communications Mining."""


@datasets.command("list")
@click.option("--project", help="Only those of this project.")
@runs
async def list_datasets(cli: Invocation, project: str | None) -> None:
    """List the datasets that the token can see."""
    async with cli.mining() as client:
        listing = await client.datasets.list(project=project)
    with cli.records(_SHOWN) as records:
        for dataset in listing:
            records.add(dataset.to_dict())


@datasets.command("get")
@_dataset_argument
@runs
async def get_dataset(cli: Invocation, dataset: tuple[str, str]) -> None:
    """Show a dataset."""
    async with cli.mining() as client:
        cli.record((await client.dataset(*dataset).get()).to_dict())


@datasets.command("create")
@_dataset_argument
@_title_option
@_description_option
@_sources_option
@click.option("--model-family", help="english or multilingual.")
@runs
async def create_dataset(  # noqa: PLR0913 - its options
    cli: Invocation,
    *,
    dataset: tuple[str, str],
    title: str | None,
    description: str | None,
    sources: tuple[str, ...],
    model_family: str | None,
) -> None:
    """Make a dataset."""
    async with cli.mining() as client:
        created = await client.dataset(*dataset).create(
            title=title,
            description=description,
            source_ids=sources or None,
            model_family=model_family,
        )
    cli.record(created.to_dict())


@datasets.command("update")
@_dataset_argument
@_title_option
@_description_option
@_sources_option
@runs
async def update_dataset(
    cli: Invocation,
    dataset: tuple[str, str],
    title: str | None,
    description: str | None,
    sources: tuple[str, ...],
) -> None:
    """Change a dataset; what is not given stays as it is."""
    async with cli.mining() as client:
        changed = await client.dataset(*dataset).update(
            title=title, description=description, source_ids=sources or None
        )
    cli.record(changed.to_dict())


@datasets.command("delete")
@_dataset_argument
@yes_option
@runs
async def delete_dataset(cli: Invocation, dataset: tuple[str, str], *, yes: bool) -> None:
    """Delete a dataset, for good."""
    full_name = "/".join(dataset)
    cli.confirm("delete the dataset, for good", full_name, yes=yes)
    async with cli.mining() as client:
        deletion = await client.dataset(*dataset).delete(confirm=full_name)
    cli.record(deletion.to_dict())


@datasets.command("export")
@_dataset_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File or folder (.jsonl, .parquet, .csv); by default, comments go to stdout.",
)
@click.option("--from", "from_", type=MOMENT, help="Only comments from this moment onwards.")
@click.option("--to", type=MOMENT, help="Only comments until this moment.")
@click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File by which the same command goes on after any end.",
)
@runs
async def export(  # noqa: PLR0913 - its options
    cli: Invocation,
    *,
    dataset: tuple[str, str],
    output: Path | None,
    from_: datetime | None,
    to: datetime | None,
    checkpoint: Path | None,
) -> None:
    """Export the comments of a dataset with their labels."""
    if checkpoint and not output:
        raise click.UsageError("--checkpoint needs a file: -o FILE")
    async with cli.mining() as client:
        source = client.dataset(*dataset)
        if output is None:
            with cli.records() as records:
                async for comment in source.export(from_=from_, to=to):
                    records.add(comment.to_dict())
            return
        async with cli.progress("exporting", client) as display:
            result = await source.export_to(
                output, from_=from_, to=to, checkpoint=checkpoint, on_progress=display
            )
    cli.record(result.to_dict())
