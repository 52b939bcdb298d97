"""Which rows of a dataset a table names, and what it would change in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from claro_async.bulk.edits import StagedEdit
from claro_async.bulk.equality import canonical_json, is_same
from claro_async.bulk.reading import ColumnNames
from claro_async.bulk.states import Failure, FailureReason, State
from claro_async.bulk.texts import is_written_as, text_of
from claro_async.bulk.values import row_name, value_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from claro_async.bulk.coercion import Coercion
    from claro_async.bulk.tables import Table, TableRow
    from claro_async.options import Equal
    from claro_async.paging.pages import Page
    from claro_async.paging.rows import Row

    Difference: TypeAlias = tuple[StagedEdit, State, bytes]
    """An edit, whether it changes anything, and the present value as JSON."""

MAX_KEYS_KEPT = 10_000

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode


@attrs.define(kw_only=True)
class Match:
    """Finds the rows of the dataset, a page at a time.

    Attributes:
        table: The rows that are wanted, with their keys as the dataset has them.
        coercion: Converts values by column; None leaves them as they are.
        equal: When two values are the same; typed equality of JSON where None.
        keeps_extra: Whether rows that the table lacks are noted.
        duplicates: Keys that come twice, in the table or in the dataset, with what is said of them.
        extra_keys: Keys that the table lacks; the first 10,000.
        extra_rows: Ids of the rows that have such keys.
    """

    table: Table
    coercion: Coercion | None
    equal: Equal | None
    keeps_extra: bool
    duplicates: dict[bytes, str] = attrs.Factory(dict)
    extra_keys: list[bytes] = attrs.Factory(list)
    extra_rows: set[str] = attrs.Factory(set)
    _row_of: dict[bytes, str] = attrs.Factory(dict)

    def __attrs_post_init__(self) -> None:
        """Begin with the keys that come twice in the table."""
        self.duplicates.update(duplicates_of(self.table))

    @property
    def missing(self) -> list[bytes]:
        """The keys that no row was seen to have, as JSON."""
        return [name for name in self.table.rows if name not in self._row_of]

    def check_columns(self, page: Page) -> None:
        """Refuse columns that the dataset does not have, and those that are one column of it.

        Raises:
            KeyError: There is no such column.
            ValueError: Several columns have the name, or two names are of one column.
        """
        names = ColumnNames(page.columns)
        seen: dict[str, str] = {}
        for column in sorted(self.table.columns):
            found = names.find(column)
            if isinstance(found, Failure):
                shared = found.reason is FailureReason.COLUMN_NOT_UNIQUE
                raise (ValueError if shared else KeyError)(found.text)
            if column == self.table.key:
                continue  # a further column may well set what is now the key
            if found in seen:
                raise ValueError(
                    f"{seen[found]!r} and {column!r} are one column of the dataset: leave one out"
                )
            seen[found] = column

    def differences(self, row: Row) -> Iterator[Difference]:
        """Edits of a row of the dataset, if the table has it."""
        name = self._key_of(row)
        if name is None:
            return
        before = self._row_of.get(name)
        if before is None:
            self._row_of[name] = row.row_id
            wanted = self.table.rows[name]
            for column, value in wanted.values.items():
                yield self._edit(row, wanted, column, value)
        elif before != row.row_id:  # else the row moved between pages, and was read before
            self.duplicates[name] = f"the dataset has the key {_decode(name)!r} in two rows"

    def _key_of(self, row: Row) -> bytes | None:
        present = row[self.table.key]
        name = canonical_json(present)
        if name in self.table.rows:
            return name
        if self.coercion is not None and not isinstance(present, str):
            as_text = canonical_json(text_of(present))
            if as_text in self.table.rows:
                return as_text
        self._note_extra(name, row)
        return None

    def _note_extra(self, name: bytes, row: Row) -> None:
        is_known = name in self.table.duplicates or row.row_id in self.extra_rows
        if is_known or not self.keeps_extra:
            return
        self.extra_rows.add(row.row_id)
        if len(self.extra_keys) < MAX_KEYS_KEPT:
            self.extra_keys.append(name)

    def _edit(self, row: Row, wanted: TableRow, column: str, value: Any) -> Difference:
        cell = row.cell(column)
        present = _encode(cell.value)
        place = self.table.place(wanted.index)
        if self.coercion is not None:
            if self.equal is None and is_written_as(cell.value, value):
                edit = StagedEdit(cell.cell_id, None, None, present)
                return edit, State.UNCHANGED, present
            value = self.coercion.convert(wanted.index, column, value, place)
        content = value_json(value, wanted.index, column, place)
        same = is_same(self.equal, cell.value, present, content)
        state = State.UNCHANGED if same else State.PLANNED
        return StagedEdit(cell.cell_id, None, None, content), state, present

    def unknown_keys(self) -> list[Failure]:
        """What becomes of the edits of rows that the dataset does not have."""
        key, rows = self.table.key, self.table.rows
        found = []
        for name in self.missing:
            row = rows[name]
            where = row_name(row.index, self.table.place(row.index))
            failure = Failure(
                FailureReason.NOT_FOUND_BY_READING,
                f"{where}: the dataset has no row with {key} = {name.decode()}",
            )
            found += [failure] * len(row.values)
        return found


def duplicates_of(table: Table) -> dict[bytes, str]:
    """The keys that come twice in a table, with what is said of them."""
    return {
        name: f"{row_name(index, table.place(index))}: the key {_decode(name)!r} comes twice"
        for name, index in table.duplicates.items()
    }


def refuse_duplicates(found: dict[bytes, str]) -> None:
    """See that no key comes twice.

    Raises:
        ValueError: One does.
    """
    for text in found.values():
        raise ValueError(text)
