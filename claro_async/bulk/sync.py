"""Making a dataset agree with rows from elsewhere, matched by a key column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from claro_async.bulk.edits import StagedEdit
from claro_async.bulk.equality import canonical_json, same_json
from claro_async.bulk.job import job_meta, open_store, send_planned
from claro_async.bulk.reading import read_pages
from claro_async.bulk.report import BulkReport
from claro_async.bulk.store import State
from claro_async.wire.json import json_bytes

if TYPE_CHECKING:
    from claro_async.bulk.job import JobOptions, Store, Target
    from claro_async.bulk.reading import Equal
    from claro_async.bulk.store import StoreThread
    from claro_async.paging.pages import Page
    from claro_async.paging.rows import Row

Rows: TypeAlias = Iterable[Mapping[str, Any]] | Any
"""Mappings of column names (or ids) to values, or anything with ``__arrow_c_stream__``."""

_encode = msgspec.json.Encoder(order="deterministic").encode


async def update_from(target: Target, rows: Rows, key: str, options: JobOptions) -> BulkReport:
    """See :meth:`claro_async.Dataset.update_from`."""
    wanted = _by_key(_as_mappings(rows), key)
    meta = {**job_meta(target, options), "looked": "yes"}
    async with open_store(options.journal, meta, sum(map(len, wanted.values()))) as (store, thread):
        report = BulkReport()
        await _stage_differences(target, store, thread, _Match(wanted, key, options.equal), report)
        await thread.run(store.finish_staging)
        return await send_planned(target, store, thread, options.engine, report)


def _as_mappings(rows: Rows) -> Iterable[Mapping[str, Any]]:
    if hasattr(rows, "__arrow_c_stream__"):
        try:
            import pyarrow  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: ICN001, PLC0415 - an extra
        except ImportError:
            raise ImportError("a data frame needs pyarrow: install claro-async[arrow]") from None
        found: list[dict[str, Any]] = pyarrow.table(rows).to_pylist()
        return found
    if isinstance(rows, Mapping | str | bytes) or not isinstance(rows, Iterable):
        raise TypeError(
            "rows is an iterable of dicts, or a data frame with __arrow_c_stream__, not"
            f" {type(rows).__name__}"
        )
    return rows


def _by_key(rows: Iterable[Mapping[str, Any]], key: str) -> dict[bytes, dict[str, bytes]]:
    """Values as JSON by column, by the row's key as JSON.

    Raises:
        ValueError: A row without the key, or a key that comes twice.
    """
    wanted: dict[bytes, dict[str, bytes]] = {}
    for index, row in enumerate(rows):
        if key not in row:
            raise ValueError(f"rows[{index}] has no {key!r}, by which rows are matched")
        values = {
            column: json_bytes(value, f"rows[{index}][{column!r}]")
            for column, value in row.items()
            if column != key
        }
        name = canonical_json(row[key])
        if name in wanted:
            raise ValueError(f"rows[{index}]: the key {row[key]!r} comes twice")
        wanted[name] = values
    return wanted


class _Match:
    """Finds the rows of the dataset, a page at a time."""

    def __init__(
        self, wanted: dict[bytes, dict[str, bytes]], key: str, equal: Equal | None
    ) -> None:
        self.wanted = wanted
        self.key = key
        self.equal = equal
        self.seen: set[bytes] = set()

    def check_columns(self, page: Page) -> None:
        """Refuse columns that the dataset does not have.

        Raises:
            KeyError: There is no such column.
        """
        known = {name for column in page.columns for name in (column.name, column.column_id)}
        for column in {self.key, *(name for row in self.wanted.values() for name in row)}:
            if column not in known:
                raise KeyError(f"the dataset has no column {column!r}")

    def differences(self, page: Page) -> list[tuple[StagedEdit, State, bytes]]:
        """Edits of the rows of a page, each with its state and the present value.

        Raises:
            ValueError: The key of a row came before.
        """
        found: list[tuple[StagedEdit, State, bytes]] = []
        for row in page:
            name = canonical_json(row[self.key])
            values = self.wanted.get(name)
            if values is None:
                continue
            if name in self.seen:
                raise ValueError(f"the dataset has the key {row[self.key]!r} in two rows")
            self.seen.add(name)
            found += [self._edit(row, column, content) for column, content in values.items()]
        return found

    def _edit(self, row: Row, column: str, content: bytes) -> tuple[StagedEdit, State, bytes]:
        cell = row.cell(column)
        present = _encode(cell.value)
        if self.equal is None:
            same = same_json(present, content)
        else:
            same = self.equal(cell.value, msgspec.json.decode(content))
        state = State.UNCHANGED if same else State.PLANNED
        return StagedEdit(cell.cell_id, None, None, content), state, present


async def _stage_differences(
    target: Target, store: Store, thread: StoreThread, match: _Match, report: BulkReport
) -> None:
    staged = 0
    async with aclosing(read_pages(target.dataset)) as pages:
        async for page in pages:
            if report.pages_read == 0:
                match.check_columns(page)
            report.pages_read += 1
            edits = match.differences(page)
            await thread.run(store.insert, staged, [edit for edit, _, _ in edits])
            results = [(state, now, staged + at) for at, (_, state, now) in enumerate(edits)]
            await thread.run(store.compare, results)
            staged += len(edits)
    missing = [
        (f"the dataset has no row with {match.key} = {name.decode()}")
        for name, values in match.wanted.items()
        if name not in match.seen
        for _ in values
    ]
    failed = [(staged + at, "RowNotFoundError", text) for at, text in enumerate(missing)]
    await thread.run(store.insert_failed, failed)
