"""``claro rows``: the rows of a dataset."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from claro_async.cli.commands import Command
from claro_async.cli.invocation import Invocation, runs
from claro_async.cli.values import PAGES

if TYPE_CHECKING:
    from claro_async.paging.rows import Row


@click.command(cls=Command)
@click.argument("dataset")
@click.option("--columns", metavar="IDS", help="Ids of the columns, separated by commas.")
@click.option("--pages", type=PAGES, metavar="A:B", default="1:", help="Pages of 1,000 rows.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Rows to write at the most.")
@click.option("--cell-ids", is_flag=True, help="Write each cell's id beside its value.")
@click.option("--metadata", is_flag=True, help="Write each cell's metadata beside its value.")
@runs
async def rows(  # noqa: PLR0913 - its options
    cli: Invocation,
    *,
    dataset: str,
    columns: str | None,
    pages: tuple[int, int | None],
    limit: int | None,
    cell_ids: bool,
    metadata: bool,
) -> None:
    """Write the rows of a dataset.

    With --cell-ids, the id of the cell of column X stands in 'X cell_id', and the row's in
    'row_id'; with --metadata, a cell's metadata stand in 'X metadata'.
    """
    async with cli.claro() as claro:
        stream = claro.dataset(dataset).rows(
            columns=columns.split(",") if columns else None,
            include_metadata=metadata or None,
            limit=min(limit or 1000, 1000),
            start_page=pages[0],
            end_page=pages[1],
            read_ahead=0 if limit and limit <= 1000 else 2,  # noqa: PLR2004 - rows of a page
        )
        left = limit
        async with aclosing(stream.pages()) as walk:
            with cli.records() as records:
                async for page in walk:
                    names = [name for name, _ in page.column_types()]
                    for row in page.rows[:left]:
                        records.add(_record(row, names, cell_ids=cell_ids, metadata=metadata))
                    if left is not None:
                        left -= len(page.rows[:left])
                        if not left:
                            break


def _record(row: Row, names: list[str], *, cell_ids: bool, metadata: bool) -> dict[str, Any]:
    if not (cell_ids or metadata):
        return row.to_dict()
    record: dict[str, Any] = {"row_id": row.row_id} if cell_ids else {}
    for name in names:
        record[name] = row[name]
        try:
            cell = row.cell(name)
        except KeyError:  # the row has no such cell
            cell = None
        if cell_ids:
            record[f"{name} cell_id"] = None if cell is None else cell.cell_id
        if metadata:
            record[f"{name} metadata"] = None if cell is None else cell.metadata
    return record
