"""The links of a file: rows with the columns ``cell_id`` and ``datasource_id``."""

from __future__ import annotations

import os
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

from claro_async.errors import TableFileError
from claro_async.tables import TableReader, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Links: TypeAlias = (
        Mapping[str, str] | Iterable[tuple[str, str]] | os.PathLike[str] | TableReader
    )
    """Data source ids by cell id, or a file of them: its path, or a reader."""

_COLUMNS = {"cell_id", "datasource_id"}


async def read_links(links: Links) -> Mapping[str, str] | Iterable[tuple[str, str]]:
    """The links, read from their file where they are in one.

    Raises:
        TableFileError: The file cannot be read, or a row of it is no link.
        OSError: The file cannot be opened.
    """
    if isinstance(links, os.PathLike):
        links = read_rows(links)
    if not isinstance(links, TableReader):
        return links
    reader = links

    def link(number: int, row: dict[str, Any]) -> tuple[str, str]:
        if row.keys() != _COLUMNS or not all(isinstance(each, str) for each in row.values()):
            raise TableFileError(
                f"{reader.place(number)}: a link has the columns cell_id and datasource_id, both"
                " text",
                line=number,
            )
        return row["cell_id"], row["datasource_id"]

    found: list[tuple[str, str]] = []
    async with aclosing(reader.chunks(link)) as chunks:
        async for chunk in chunks:
            found += chunk
    return found
