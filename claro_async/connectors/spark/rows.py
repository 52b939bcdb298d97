"""Rows of Spark as edits of cells."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import msgspec

from claro_async.bulk.equality import canonical_json, same_json
from claro_async.bulk.reading import ColumnNames
from claro_async.bulk.states import Failure
from claro_async.bulk.values import iso_text
from claro_async.errors import ConfigurationError
from claro_async.wire.identifiers import encode_segment
from claro_async.wire.json import json_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyspark.sql import Row

    from claro_async.client import ClaroClient

CELL_ID, VALUE = "cell_id", "value"


class RowCells(msgspec.Struct, array_like=True):
    """The cells that a row of the dataset has in the columns that are written.

    Attributes:
        key: The row's key, as JSON.
        cells: Cell id and present value as JSON, by the name that the data frame has for a column.
    """

    key: msgspec.Raw
    cells: dict[str, tuple[str, msgspec.Raw]]


@attrs.define
class Edits:
    """The edits of a partition.

    Attributes:
        values: The last value of each cell, as JSON.
        superseded: Edits that a later one of the same cell overtook.
        unchanged: Edits of cells that had the value when the dataset was read.
        failed: What is named by rows and cannot be edited, and why.
    """

    values: dict[str, bytes] = attrs.Factory(dict)
    superseded: int = 0
    unchanged: int = 0
    failed: list[tuple[str, str]] = attrs.Factory(list)

    def add(self, cell_id: str, value: bytes) -> None:
        """Add an edit."""
        self.superseded += self.values.pop(cell_id, None) is not None
        self.values[cell_id] = value


def check_schema(names: Sequence[str], key: str | None) -> None:
    """See to it that a data frame of these columns can be written.

    Raises:
        ConfigurationError: It cannot.
    """
    if key is None:
        if sorted(names) != [CELL_ID, VALUE]:
            raise ConfigurationError(
                f"a data frame to write has the columns cell_id and value, not {', '.join(names)};"
                " with option 'key', the key's column and those to be written"
            )
    elif key not in names or len(names) == 1:
        raise ConfigurationError(
            f"with key={key!r} a data frame to write has that column and others to be written, not"
            f" {', '.join(names)}"
        )


def plain(value: Any) -> Any:
    """A value of Spark as one that JSON has a form for.

    Dates and times become their ISO texts, a struct an object, and a decimal, which ``1.5`` is in
    Spark's SQL, a number where that is exact.
    """
    if isinstance(value, tuple) and hasattr(value, "asDict"):  # a Row within a row
        return {name: plain(item) for name, item in value.asDict().items()}
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Decimal) and Decimal(repr(number := float(value))) == value:
        return number
    return iso_text(value)


def cell_edits(rows: Iterable[Row]) -> Edits:
    """The edits of rows ``cell_id, value``; what cannot be sent is listed as failed."""
    edits = Edits()
    for row in rows:
        cell_id = row[CELL_ID]
        try:
            encode_segment(cell_id, CELL_ID)
            edits.add(cell_id, json_bytes(plain(row[VALUE])))
        except (TypeError, ValueError) as error:
            edits.failed.append((str(cell_id), str(error)))
    return edits


def row_edits(rows: Iterable[Row], key: str, dataset: Iterable[RowCells]) -> Edits:
    """The edits of rows ``key, column…``, of cells whose present value differs."""
    edits, cells_of = Edits(), {bytes(each.key): each.cells for each in dataset}
    for row in rows:
        named = plain(row[key])
        if named is None:
            edits.failed.append((f"a row without {key}", "a row is known by its key"))
            continue
        cells = cells_of.get(canonical_json(named))
        for column in row.__fields__:
            if column == key:
                continue
            if cells is None or column not in cells:
                edits.failed.append(
                    (f"{named}/{column}", f"the dataset has no row with {key}={named!r}")
                )
                continue
            cell_id, present = cells[column]
            try:
                value = json_bytes(plain(row[column]))
            except (TypeError, ValueError) as error:
                edits.failed.append((cell_id, str(error)))
                continue
            if same_json(value, bytes(present)):
                edits.unchanged += 1
            else:
                edits.add(cell_id, value)
    return edits


async def read_rows(
    claro: ClaroClient, dataset_id: str, key: str, columns: Sequence[str]
) -> list[RowCells]:
    """The rows of a dataset by their keys.

    Raises:
        ConfigurationError: The dataset lacks a column, or a key comes twice in it.
        ClaroError: It cannot be read.
    """
    found: dict[bytes, RowCells] = {}
    places: dict[str, str] = {}
    async for page in claro.dataset(dataset_id).rows().pages():
        if not places:
            names = ColumnNames(page.columns)
            places = {column: _column_id(names, column) for column in (key, *columns)}
        for row in page:
            cells = {cell.column_id: cell for cell in row.structs}
            if (own := cells.get(places[key])) is None or own.value is None:
                continue
            name = canonical_json(own.value)
            if name in found:
                raise ConfigurationError(
                    f"the key {own.value!r} comes twice in column {key!r} of the dataset"
                )
            found[name] = RowCells(
                msgspec.Raw(name),
                {
                    column: (cell.cell_id, msgspec.Raw(canonical_json(cell.value)))
                    for column in columns
                    if (cell := cells.get(places[column])) is not None
                },
            )
    return list(found.values())


def _column_id(names: ColumnNames, column: str) -> str:
    found = names.find(column)
    if isinstance(found, Failure):
        raise ConfigurationError(found.text)
    return found
