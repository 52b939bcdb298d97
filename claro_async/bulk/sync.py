"""Making a dataset agree with rows from elsewhere, matched by a key column."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import date, time
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from claro_async.bulk.edits import StagedEdit
from claro_async.bulk.equality import canonical_json, is_same
from claro_async.bulk.job import commits_of, job_meta, send_planned, temporarily
from claro_async.bulk.journal import new_journal
from claro_async.bulk.reading import MAX_WALKS, ColumnNames, read_pages
from claro_async.bulk.report import BulkReport
from claro_async.bulk.states import Failure, FailureReason, State
from claro_async.bulk.stopping import until_stopped
from claro_async.wire.json import json_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from claro_async.bulk.job import Target
    from claro_async.bulk.reading import RowReader
    from claro_async.bulk.store import EditStore
    from claro_async.options import BulkOptions, Equal
    from claro_async.paging.pages import Page
    from claro_async.paging.rows import Row

Rows: TypeAlias = Iterable[Mapping[str, Any]] | Any
"""Mappings of column names (or ids) to values, or anything with ``__arrow_c_stream__``."""

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode


async def update_from(target: Target, rows: Rows, key: str, options: BulkOptions) -> BulkReport:
    """See :meth:`claro_async.Dataset.update_from`."""
    match = _Match(_by_key(_as_mappings(rows), key), key, options.equal)
    report = BulkReport()
    with report.on_exception():
        async with _store(target, options, match.size) as store:

            async def prepare() -> None:
                await _stage_differences(target.dataset, store, match, report)
                await store.finish_staging()
                await store.finish_planning()

            await until_stopped(prepare(), options.stop, report)
            return await send_planned(target, store, options, report)


@asynccontextmanager
async def _store(target: Target, options: BulkOptions, size: int) -> AsyncIterator[EditStore]:
    if options.journal is None:
        async with temporarily(size) as store:
            yield store
    else:
        commits = commits_of(target.transport, options)
        meta = job_meta(target, options, "sync")
        async with new_journal(options.journal, meta, commits) as journal:
            yield journal.edits


def _as_mappings(rows: Rows) -> Iterable[Mapping[str, Any]]:
    if hasattr(rows, "__arrow_c_stream__"):
        return _rows_of_frame(rows)
    if isinstance(rows, Mapping | str | bytes) or not isinstance(rows, Iterable):
        raise TypeError(
            "rows is an iterable of dicts, or a data frame with __arrow_c_stream__, not"
            f" {type(rows).__name__}"
        )
    return rows


def _rows_of_frame(frame: Any) -> list[dict[str, Any]]:
    """The rows of anything that speaks Arrow; the index of a pandas frame counts if it has a name.

    Raises:
        ImportError: pyarrow is missing.
        ValueError: Two columns have one name.
    """
    try:
        import pyarrow  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: ICN001, PLC0415 - an extra
    except ImportError:
        raise ImportError("a data frame needs pyarrow: install claro-async[arrow]") from None
    table = pyarrow.table(frame)
    if b"pandas" in (table.schema.metadata or {}):
        table = table.drop_columns(list(filter(_UNNAMED_INDEX.fullmatch, table.column_names)))
    shared = [name for name, count in Counter(table.column_names).items() if count > 1]
    if shared:
        raise ValueError(f"rows has several columns named {shared[0]!r}")
    found: list[dict[str, Any]] = table.to_pylist()
    return found


_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls an index without a name when it hands over a frame."""


def _by_key(rows: Iterable[Mapping[str, Any]], key: str) -> dict[bytes, dict[str, bytes]]:
    """Values as JSON by column, by the row's key as JSON.

    Raises:
        TypeError: A value that JSON has no form for.
        ValueError: A row without the key, or a key that comes twice.
    """
    wanted: dict[bytes, dict[str, bytes]] = {}
    for index, row in enumerate(rows):
        if key not in row:
            raise ValueError(f"rows[{index}] has no {key!r}, by which rows are matched")
        values = {
            column: json_bytes(_as_text_if_date(value), f"rows[{index}][{column!r}]")
            for column, value in row.items()
            if column != key
        }
        name = canonical_json(_decode(json_bytes(_as_text_if_date(row[key]), f"rows[{index}]")))
        if name in wanted:
            raise ValueError(f"rows[{index}]: the key {row[key]!r} comes twice")
        wanted[name] = values
    return wanted


def _as_text_if_date(value: Any) -> Any:
    """Dates and times as their ISO texts, which is how the API writes them."""
    if isinstance(value, date | time):
        return value.isoformat()
    return value


class _Match:
    """Finds the rows of the dataset, a page at a time."""

    def __init__(
        self, wanted: dict[bytes, dict[str, bytes]], key: str, equal: Equal | None
    ) -> None:
        self.wanted = wanted
        self.key = key
        self.equal = equal
        self._row_of: dict[bytes, str] = {}

    @property
    def size(self) -> int:
        """How many edits there will be."""
        return sum(map(len, self.wanted.values()))

    @property
    def missing(self) -> list[bytes]:
        """The keys that no row was seen to have, as JSON."""
        return [name for name in self.wanted if name not in self._row_of]

    def check_columns(self, page: Page) -> None:
        """Refuse columns that the dataset does not have.

        Raises:
            KeyError: There is no such column.
            ValueError: Several columns have the name.
        """
        names = ColumnNames(page.columns)
        for column in {self.key, *(name for row in self.wanted.values() for name in row)}:
            found = names.find(column)
            if isinstance(found, Failure):
                shared = found.reason is FailureReason.COLUMN_NOT_UNIQUE
                raise (ValueError if shared else KeyError)(found.text)

    def differences(self, page: Page) -> list[tuple[StagedEdit, State, bytes]]:
        """Edits of the rows of a page, each with its state and the present value.

        Raises:
            ValueError: The key of a row came before, in another row.
        """
        found: list[tuple[StagedEdit, State, bytes]] = []
        for row in page:
            name = canonical_json(row[self.key])
            values = self.wanted.get(name)
            if values is None:
                continue
            before = self._row_of.get(name)
            if before == row.row_id:
                continue  # rows moved between pages: it was read before
            if before is not None:
                raise ValueError(f"the dataset has the key {row[self.key]!r} in two rows")
            self._row_of[name] = row.row_id
            found += [self._edit(row, column, content) for column, content in values.items()]
        return found

    def _edit(self, row: Row, column: str, content: bytes) -> tuple[StagedEdit, State, bytes]:
        cell = row.cell(column)
        present = _encode(cell.value)
        same = is_same(self.equal, cell.value, present, content)
        state = State.UNCHANGED if same else State.PLANNED
        return StagedEdit(cell.cell_id, None, None, content), state, present


async def _stage_differences(
    reader: RowReader, store: EditStore, match: _Match, report: BulkReport
) -> None:
    staged = 0
    for _ in range(MAX_WALKS):
        totals = set()
        async with aclosing(read_pages(reader)) as pages:
            async for page in pages:
                if report.pages_read == 0:
                    match.check_columns(page)
                report.pages_read += 1
                totals.add(page.pagination.total)
                edits = match.differences(page)
                await store.insert(staged, [edit for edit, _, _ in edits])
                results = [(state, now, staged + at) for at, (_, state, now) in enumerate(edits)]
                await store.compare(results)
                staged += len(edits)
        if len(totals) == 1 or not match.missing:
            break  # else rows were added or deleted meanwhile, and may have moved past the reading
    failures = [
        Failure(
            FailureReason.NOT_FOUND_BY_READING,
            f"the dataset has no row with {match.key} = {name.decode()}",
        )
        for name in match.missing
        for _ in match.wanted[name]
    ]
    await store.insert_failed(list(enumerate(failures, staged)))
