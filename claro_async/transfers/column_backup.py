"""A column's ids, values and metadata as a Parquet file, before its values are wiped.

Claro API v2, "Manage Dataset", section "Update Column Task Type": a change of the task type loses
every value. The file holds JSON text, so that each value comes back as it was.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from claro_async._version import __version__
from claro_async.columnar.pages import VALUES, CellParts, ColumnarPage
from claro_async.errors import TransferError
from claro_async.formats import FORMATS
from claro_async.storage.atomic import AtomicFile
from claro_async.storage.threads import in_thread
from claro_async.transfers.reading import TICK, rows_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from claro_async.columnar.pages import Fields
    from claro_async.models import DatasetColumn, DatasetDetails
    from claro_async.paging.pages import Page
    from claro_async.transfers.reading import Exportable
    from claro_async.transport.clock import Clock

_VERSION = 1
_FIELDS = [
    (name, "string") for name in ("row_id", "cell_id", "value", "metadata", "linked_datasource")
]


class BackupHead(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself.

    Attributes:
        version: Of the file's form.
        client: The version of this package that wrote it.
        base_url: The API's root.
        dataset_id: The dataset.
        column_id: The column.
        column_name: What it was called.
        task_type: The task type that it had.
        rows: How many rows the dataset had.
    """

    version: int
    client: str
    base_url: str
    dataset_id: str
    column_id: str
    column_name: str
    task_type: str
    rows: int


class _BackupPage(ColumnarPage):
    """The cells of one column on a page of rows."""

    __slots__ = ("_columns",)

    def __init__(self, page: Page, column_id: str) -> None:
        cells = [cell for row in page for cell in row.structs if cell.column_id == column_id]
        encode = msgspec.json.encode
        self._columns: list[list[Any]] = [
            [cell.row_id for cell in cells],
            [cell.cell_id for cell in cells],
            [encode(cell.value).decode() for cell in cells],
            [bytes(cell.metadata).decode() or None for cell in cells],
            [cell.linked_datasource for cell in cells],
        ]

    def __len__(self) -> int:
        return len(self._columns[0])

    def column_types(self, parts: CellParts = VALUES) -> Fields:  # noqa: ARG002
        """The columns of every backup."""
        return _FIELDS

    def column_values(self, parts: CellParts = VALUES) -> list[list[Any]]:  # noqa: ARG002
        """The cells."""
        return self._columns


@attrs.frozen(kw_only=True)
class ColumnBackup:
    """A backup that is to be made.

    Attributes:
        dataset: The dataset.
        base_url: The API's root.
        column_id: The column.
        path: Where it goes.
        clock: Time.
        server_now: The server's time in epoch seconds.
    """

    dataset: Exportable
    base_url: str
    column_id: str
    path: Path
    clock: Clock
    server_now: Callable[[], float]

    async def make(self) -> DatasetColumn:
        """Write the file; returns the column as it is now, which is what the file holds.

        Raises:
            TransferError: It is not whole, or the dataset changed meanwhile; there is no file.
            OSError: The file exists already, or cannot be written.
        """
        await in_thread(check_target, self.path)
        details = await self._still_details()
        column = _column_of(details, self.column_id)
        async with AtomicFile(self.path) as part:
            await self._write(part, self._head(details, column))
            after = await self.dataset.get()
            if (after.updated_at, after.row_count) != (details.updated_at, details.row_count):
                raise TransferError(
                    f"the dataset changed while column {self.column_id!r} was backed up: nothing"
                    " was wiped; try again"
                )
            await part.commit()
        return _column_of(after, self.column_id)

    async def _still_details(self) -> DatasetDetails:
        """The details, at a moment from which on a change will show."""
        details = await self.dataset.get()
        age = self.server_now() - details.updated_at.timestamp()
        if age >= TICK:
            return details
        await self.clock.sleep(min(TICK, TICK - age))
        return await self.dataset.get()

    def _head(self, details: DatasetDetails, column: DatasetColumn) -> BackupHead:
        return BackupHead(
            version=_VERSION,
            client=__version__,
            base_url=self.base_url,
            dataset_id=self.dataset.dataset_id,
            column_id=self.column_id,
            column_name=column.name,
            task_type=column.task_type,
            rows=rows_of(details),
        )

    async def _write(self, part: AtomicFile, head: BackupHead) -> None:
        """Write all cells, and read the file back.

        Raises:
            TransferError: There are fewer rows than there should be, or a file that is not whole.
        """
        from claro_async.transfers.arrowfiles import ArrowFile  # noqa: PLC0415 - brings pyarrow in
        from claro_async.transfers.backup_file import check_whole  # noqa: PLC0415 - the same

        about = {"claro": msgspec.json.encode(head).decode()}
        file = ArrowFile(part, "parquet", "raise", VALUES, about=about)
        rows = cells = 0
        stream = self.dataset.rows(columns=[self.column_id], include_metadata=True)
        try:
            async with aclosing(stream.pages(strict=True)) as pages:
                async for page in pages:
                    self._check_column(page)
                    found = _BackupPage(page, self.column_id)
                    await file.add(found)
                    rows, cells = rows + len(page), cells + len(found)
            await file.finish()
        finally:
            await file.aclose()
        if rows != head.rows:
            raise TransferError(
                f"the backup has {rows:,} of {head.rows:,} rows: nothing was wiped; try again"
            )
        await in_thread(check_whole, part.path, cells)

    def _check_column(self, page: Page) -> None:
        if all(column.column_id != self.column_id for column in page.columns):
            raise TransferError(
                f"a page has no column {self.column_id!r}: the backup would not be whole, and"
                " nothing was wiped"
            )


def check_target(path: Path) -> None:
    """See that a backup can be made at a path; blocks.

    Raises:
        FileExistsError: There is a file already, perhaps another backup.
        ImportError: pyarrow is missing.
    """
    FORMATS["parquet"].check_installed()
    if path.exists():
        raise FileExistsError(
            f"{path} exists already: choose another file, so that no earlier backup is lost"
        )


def _column_of(details: DatasetDetails, column_id: str) -> DatasetColumn:
    for column in details.columns:
        if column.column_id == column_id:
            return column
    raise TransferError(f"the dataset's details do not name the column {column_id!r}")


async def read_head(path: Path, base_url: str, dataset_id: str) -> BackupHead:
    """What a backup says of itself.

    Raises:
        ValueError: It is none, or of another dataset.
        OSError: It cannot be read.
    """
    from claro_async.transfers.backup_file import head_of  # noqa: PLC0415 - brings pyarrow in

    try:
        head = msgspec.json.decode(await in_thread(head_of, path), type=BackupHead)
    except msgspec.MsgspecError:
        raise ValueError(f"{path} is no backup of a column") from None
    if head.version > _VERSION:
        raise ValueError(f"{path} was written by a later version of this package")
    if (head.base_url, head.dataset_id) != (base_url, dataset_id):
        raise ValueError(
            f"{path} is a backup of dataset {head.dataset_id!r} at {head.base_url}, not of"
            f" {dataset_id!r} at {base_url}"
        )
    return head


async def edits_of(path: Path) -> AsyncGenerator[tuple[str, Any], None]:
    """What sets all cells of a backup again."""
    from claro_async.transfers.backup_file import groups_of  # noqa: PLC0415 - brings pyarrow in

    groups = groups_of(path)
    try:
        while (cells := await in_thread(next, groups, None)) is not None:
            for cell_id, text in cells:
                yield cell_id, msgspec.json.decode(text)
    finally:
        await in_thread(groups.close)
