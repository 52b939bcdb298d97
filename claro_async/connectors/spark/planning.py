"""What the driver of a Spark read decides: the columns, and which task reads which rows how.

Claro API v2, "Manage Dataset": section "Export Dataset" gives up to 100,000 rows a request, and
section "Get Dataset Data" up to 1,000. How an export is laid out is not documented, so its first
rows are compared with a page before tasks are given exports to read.
"""

from __future__ import annotations

import tempfile
import warnings
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from pyspark.sql.datasource import InputPartition

from claro_async.columnar.pages import CellParts, cell_columns, cell_values, wide_fields
from claro_async.errors import ConfigurationError, TransferError
from claro_async.transfers.reading import MAX_EXPORT_ROWS, MAX_PAGE_ROWS
from claro_async.transfers.records import RecordDecoder, RecordPage
from claro_async.transfers.splitting import LayoutError
from claro_async.transfers.windows import compared, read_export

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from claro_async.columnar.pages import Fields
    from claro_async.connectors.spark.options import ReadOptions
    from claro_async.dataset import Dataset
    from claro_async.models import DatasetColumn
    from claro_async.paging.pages import Page

_TEXT = "json"  # a type of a column that holds anything, as text
_PAGE_ROWS_A_TASK = 10_000


@attrs.frozen(kw_only=True)
class Columns:
    """The columns that a read has.

    Attributes:
        found: Id, name and type of each in the dataset, in the order of the frame.
        are_chosen: Whether they were named, rather than all that there are.
        parts: What else of each cell becomes a column.
        as_text: Whether all of them are text.
    """

    found: tuple[tuple[str, str, str], ...]
    are_chosen: bool
    parts: CellParts
    as_text: bool

    @classmethod
    def of(cls, found: Sequence[DatasetColumn], options: ReadOptions) -> Columns:
        """The columns that the options choose.

        Raises:
            ConfigurationError: The dataset lacks one, or has one of the name twice.
        """
        chosen = list(found)
        if options.columns is not None:
            by_name: dict[str, list[DatasetColumn]] = {}
            for each in found:
                by_name.setdefault(each.name, []).append(each)
            for name in options.columns:
                if len(by_name.get(name, ())) != 1:
                    raise ConfigurationError(
                        f"option 'columns' names {name!r}, and the dataset has"
                        f" {len(by_name.get(name, ()))} columns of that name; there are"
                        f" {', '.join(by_name)}"
                    )
            chosen = [by_name[name][0] for name in options.columns]
        if len({each.name.lower() for each in chosen}) < len(chosen):
            raise ConfigurationError(
                "two columns have names that Spark does not tell apart: choose by option 'columns'"
            )
        return cls(
            found=tuple((each.column_id, each.name, str(each.type)) for each in chosen),
            are_chosen=options.columns is not None,
            parts=options.parts,
            as_text=options.on_type_error == "string",
        )

    @property
    def ids(self) -> list[str]:
        """Their ids."""
        return [column_id for column_id, _, _ in self.found]

    @property
    def wanted(self) -> list[str] | None:
        """Their ids as a request names them; None for all."""
        return self.ids if self.are_chosen else None

    @property
    def fields(self) -> Fields:
        """Name and type of each column of the frame, in the API's words."""
        plain = [(name, _TEXT if self.as_text else kind) for _, name, kind in self.found]
        wide = wide_fields(plain, self.parts, _part_name, str.lower)
        return wide[1:] if self.parts.cell_ids else wide  # without the ids of rows

    def check_same(self, found: Iterable[DatasetColumn]) -> None:
        """See that a page has the columns that were planned with.

        Raises:
            TransferError: It has not.
        """
        there = {(each.column_id, each.name, str(each.type)) for each in found}
        if not there.issuperset(self.found):
            raise TransferError("the dataset's columns changed while it was read: read it again")

    def values(self, page: Page) -> list[list[Any]]:
        """The values of a page, a list for each column of the frame."""
        rows = [row.structs for row in page]
        values = cell_values(rows, cell_columns(rows, self.ids), self.parts)
        return values[1:] if self.parts.cell_ids else values  # without the ids of rows

    def decoder(self) -> RecordDecoder:
        """What reads the records of an export."""
        return RecordDecoder(
            [(name, kind) for _, name, kind in self.found],
            [(column_id, name) for column_id, name, _ in self.found],
        )


def _part_name(name: str, part: str) -> str:
    """The name of a part of a column's cells, as Spark spells names."""
    return f"{name}_{'source_document' if part == 'sourceDocument' else part}"


@attrs.frozen(kw_only=True)
class Part(InputPartition):
    """What a task reads.

    Attributes:
        columns: The columns.
        total: Rows of the dataset when the read was planned.
    """

    columns: Columns
    total: int

    value: object = None  # Spark's own partition has one


@attrs.frozen(kw_only=True)
class PagesPart(Part):
    """Pages, from 1.

    Attributes:
        first: The first one.
        last: The last one.
    """

    first: int
    last: int


@attrs.frozen(kw_only=True)
class WindowPart(Part):
    """The rows of one export.

    Attributes:
        skip: How many rows are before them.
        rows: How many there are.
    """

    skip: int
    rows: int

    @property
    def shows_growth(self) -> bool:
        """Whether the export can be asked for a row more than all, which shows one that is new."""
        return self.rows == self.total and self.rows < MAX_EXPORT_ROWS


async def first_page(dataset: Dataset, rows: int) -> Page:
    """The first rows, and with them the columns and the number of all rows."""
    return await dataset.rows(limit=rows).first()


async def plan(dataset: Dataset, options: ReadOptions) -> list[PagesPart] | list[WindowPart]:
    """The parts of a read, from a page and, where exports are to be read, a small export.

    Warns:
        RuntimeWarning: Exports hold something else than rows do, so pages are read.

    Raises:
        ConfigurationError: The dataset lacks a column that is asked for.
        ClaroError: The dataset cannot be read.
    """
    page = await first_page(dataset, 1 if options.via == "pages" else MAX_PAGE_ROWS)
    columns = Columns.of(page.columns, options)
    total = page.pagination.total
    if _are_exports_wanted(options, total):
        try:
            await _compare(dataset, columns, page)
        except LayoutError as error:
            warnings.warn(
                f"dataset {dataset.dataset_id} is read page by page, since the server's exports"
                f" hold something else: {error}",
                RuntimeWarning,
                stacklevel=1,
            )
        else:
            step = options.window_rows or MAX_EXPORT_ROWS
            return [
                WindowPart(columns=columns, total=total, skip=at, rows=min(step, total - at))
                for at in range(0, total, step)
            ]
    pages, step = _pages(total), (options.window_rows or _PAGE_ROWS_A_TASK) // MAX_PAGE_ROWS
    return [
        PagesPart(columns=columns, total=total, first=at, last=min(at + step - 1, pages))
        for at in range(1, pages + 1, step)
    ]


def _pages(total: int) -> int:
    return max(1, -(-total // MAX_PAGE_ROWS))


def _are_exports_wanted(options: ReadOptions, total: int) -> bool:
    if options.via != "auto" or total == 0:
        return options.via == "export" and total > 0
    windows = -(-total // (options.window_rows or MAX_EXPORT_ROWS))
    return 1 + windows * (1 if windows == 1 else 2) < _pages(total)  # 1 to compare


async def _compare(dataset: Dataset, columns: Columns, page: Page) -> None:
    """See that an export of the rows of a page holds the same.

    Raises:
        LayoutError: It does not; says where.
    """
    expected = RecordPage(columns.fields, columns.values(page))
    async with (
        exported(dataset, columns, 0, len(page)) as records,
        aclosing(compared(records, expected)) as pages,
    ):
        found = sum([len(each) async for each in pages])
    if found > len(page):
        raise LayoutError(f"an export of {len(page):,} rows came with {found:,}")


@asynccontextmanager
async def exported(
    dataset: Dataset, columns: Columns, skip: int, rows: int
) -> AsyncGenerator[AsyncGenerator[RecordPage, None], None]:
    """The records of an export of some rows, which is fetched into a file first."""
    with tempfile.TemporaryDirectory(prefix="claro-spark-") as folder:
        path = Path(folder, "rows.json")
        await dataset.export_window(skip, rows, columns=columns.wanted).save(path)
        async with aclosing(read_export(path, columns.decoder())) as records:
            yield records
