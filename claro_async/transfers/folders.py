"""Which file of a folder goes to which cell."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING

import attrs

from claro_async.models import UploadedDatasource
from claro_async.transfers.batch import TransferReport

if TYPE_CHECKING:
    from collections.abc import AsyncIterable
    from pathlib import Path

    from claro_async.paging.rows import Row


@attrs.define(kw_only=True)
class FolderReport(TransferReport[UploadedDatasource]):
    """What became of every file of a folder that a row names.

    The counts of :class:`TransferReport` are for the cells that were to get a file.

    Attributes:
        linked_before: Cells that had a data source already and were left alone.
        unmatched_files: Files that no row names, or that a row names as well as another file.
        unmatched_keys: What rows name and no file is called, or several.
        rows_without_cell: Ids of rows that name a file and lack the cell that is to get it; their
            files are among the unmatched ones.
    """

    linked_before: list[str] = attrs.Factory(list)
    unmatched_files: list[Path] = attrs.Factory(list)
    unmatched_keys: list[str] = attrs.Factory(list)
    rows_without_cell: list[str] = attrs.Factory(list)


@attrs.frozen
class CellFile:
    """A file for a cell.

    Attributes:
        path: The file.
        linked_before: What the cell is linked to.
    """

    path: Path
    linked_before: str | None


def list_files(folder: Path) -> dict[str, list[Path]]:
    """The folder's own files by name, without hidden ones; accents in one spelling.

    Raises:
        NotADirectoryError: It is no folder.
    """
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            files[_normal(path.name)].append(path)
    return dict(files)


async def match_files(
    files: dict[str, list[Path]],
    rows: AsyncIterable[Row],
    key: str,
    column: str,
    *,
    skip_linked: bool,
) -> tuple[list[tuple[str, CellFile]], FolderReport]:
    """Find the cell of each file.

    A row names a file by its whole name or by its name without the suffix, where only one file is
    called so.

    Args:
        files: Files by name.
        rows: The rows, with both columns.
        key: The column that holds file names.
        column: The column whose cells get the files.
        skip_linked: Whether to leave cells alone that have a data source.

    Raises:
        KeyError: There is no such column.
    """
    report = FolderReport()
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for path in chain.from_iterable(files.values()):
        by_stem[_normal(path.stem)].append(path)
    unused = dict.fromkeys(chain.from_iterable(files.values()))
    pairs: list[tuple[str, CellFile]] = []
    async for row in rows:
        value = row[key]
        if column not in row:
            row.cell(column)  # which raises, naming the columns that there are
        if value is None or value == "":
            continue
        wanted = _normal(str(value))
        alike = files.get(wanted) or by_stem.get(wanted, [])
        if len(alike) != 1:
            report.unmatched_keys.append(str(value))
            continue
        try:
            cell = row.cell(column)
        except KeyError:
            report.rows_without_cell.append(row.row_id)
            report.unmatched_keys.append(str(value))
            continue
        unused.pop(alike[0], None)
        if skip_linked and cell.linked_datasource is not None:
            report.linked_before.append(cell.cell_id)
        else:
            pairs.append((cell.cell_id, CellFile(alike[0], cell.linked_datasource)))
    report.unmatched_files = list(unused)
    return pairs, report


def _normal(name: str) -> str:
    """A name in one spelling: systems differ in how they write an accented letter."""
    return unicodedata.normalize("NFC", name)
