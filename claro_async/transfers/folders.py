"""Which file of a folder goes to which cell."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import attrs

from claro_async.models import UploadedDatasource
from claro_async.transfers.batch import TransferReport

if TYPE_CHECKING:
    from collections.abc import AsyncIterable
    from pathlib import Path

    from claro_async.paging.rows import Row


@attrs.define
class FolderReport(TransferReport[UploadedDatasource]):
    """What became of every file of a folder that a row names.

    The counts of :class:`TransferReport` are for the cells that were to get a file.

    Attributes:
        linked_before: Cells that had a data source already and were left alone.
        unmatched_files: Files that no row names.
        unmatched_keys: What rows name and no file is called.
    """

    linked_before: list[str] = attrs.Factory(list)
    unmatched_files: list[Path] = attrs.Factory(list)
    unmatched_keys: list[str] = attrs.Factory(list)


def list_files(folder: Path) -> dict[str, Path]:
    """The folder's own files by name, without hidden ones.

    Raises:
        NotADirectoryError: It is no folder.
    """
    found = sorted(path for path in folder.iterdir() if path.is_file())
    return {_normal(path.name): path for path in found if not path.name.startswith(".")}


async def match_files(
    files: dict[str, Path],
    rows: AsyncIterable[Row],
    key: str,
    column: str,
    *,
    skip_linked: bool,
) -> tuple[list[tuple[str, Any]], FolderReport]:
    """Find the cell of each file.

    A row names a file by its whole name or, where only one file is called so, by its name without
    the suffix.

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
    by_stem: dict[str, list[str]] = defaultdict(list)
    for name, path in files.items():
        by_stem[_normal(path.stem)].append(name)
    unused = dict(files)
    pairs: list[tuple[str, Any]] = []
    async for row in rows:
        value = row[key]
        if value is None or value == "":
            continue
        wanted = _normal(str(value))
        alike = [wanted] if wanted in files else by_stem.get(wanted, [])
        if len(alike) != 1:
            report.unmatched_keys.append(str(value))
            continue
        (name,) = alike
        unused.pop(name, None)
        cell = row.cell(column)
        if skip_linked and cell.linked_datasource is not None:
            report.linked_before.append(cell.cell_id)
        else:
            pairs.append((cell.cell_id, files[name]))
    report.unmatched_files = list(unused.values())
    return pairs, report


def _normal(name: str) -> str:
    """A name in one spelling: systems differ in how they write an accented letter."""
    return unicodedata.normalize("NFC", name)
