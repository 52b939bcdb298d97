"""Records of the server's JSON exports as columns, the same as pages of rows give them.

Claro API v2, "Manage Dataset", section "Export Dataset", does not say how an export is laid out.
One layout is understood: an array of objects, a record each, with a value for each column under
the column's name. Where two columns have one name, their keys must hold the column's id.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from claro_async.columnar.pages import VALUES, CellParts, ColumnarPage
from claro_async.errors import TransferError
from claro_async.transfers.counting import BOM
from claro_async.transfers.splitting import LayoutError
from claro_async.wire.replies import log_replaced
from claro_async.wire.tolerance import JSON_ERRORS, decode_tolerantly

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from claro_async.columnar.pages import Fields


class RecordPage(ColumnarPage):
    """Some records of an export.

    Args:
        fields: Name and type of each column.
        columns: The values, a list for each column.
    """

    __slots__ = ("_columns", "_fields")

    def __init__(self, fields: Fields, columns: list[list[Any]]) -> None:
        self._fields = fields
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns[0]) if self._columns else 0

    def column_types(self, parts: CellParts = VALUES) -> Fields:  # noqa: ARG002
        """Names and types of the columns; an export holds nothing else."""
        return self._fields

    def column_values(self, parts: CellParts = VALUES) -> list[list[Any]]:  # noqa: ARG002
        """The values, a list for each column."""
        return self._columns


class RecordDecoder:
    """Makes columns of an export's records.

    Args:
        fields: Key and type of each column, as rows have them.
        columns: Id and name of each, in the same order.
    """

    def __init__(self, fields: Fields, columns: Sequence[tuple[str, str]]) -> None:
        self._fields = fields
        self._columns = columns
        self._decoder: msgspec.json.Decoder[list[Any]] | None = None
        places = [f"_{at}" for at in range(len(columns))]
        self._take = attrgetter(*places) if len(places) > 1 else None
        self._places = places

    def decode(self, elements: bytes) -> RecordPage:
        """A page of JSON objects with commas between.

        Raises:
            LayoutError: They are no such objects, or have other columns.
        """
        text = b"[%b]" % elements
        if self._decoder is None:
            self._decoder = self._make_decoder(text)
        try:
            records, replaced = decode_tolerantly(self._decoder.decode, text)
        except msgspec.ValidationError as error:
            raise LayoutError(f"a record is not as the first ones were: {error}") from None
        except JSON_ERRORS as error:
            raise LayoutError(f"it is not JSON: {error}") from None
        log_replaced(replaced, "an export")
        return RecordPage(self._fields, self._as_columns(records))

    def _as_columns(self, records: list[Any]) -> list[list[Any]]:
        if self._take is None:
            return [list(map(attrgetter(place), records)) for place in self._places]
        found: list[list[Any]] = list(map(list, zip(*map(self._take, records), strict=True)))
        return found or [[] for _ in self._places]

    def _make_decoder(self, text: bytes) -> msgspec.json.Decoder[list[Any]]:
        keys = self._keys(_keys_of_first(text))
        record = msgspec.defstruct(
            "Record",
            [(place, Any, None) for place in self._places],
            rename=dict(zip(self._places, keys, strict=True)),
            forbid_unknown_fields=True,
            gc=False,
        )
        return msgspec.json.Decoder(list[record])  # type: ignore[valid-type]

    def _keys(self, found: Iterable[str]) -> list[str]:
        """The key of each column, by the first record."""
        there = set(found)
        names = [name for _, name in self._columns]
        keys = []
        for column_id, name in self._columns:
            known = (name,) if names.count(name) == 1 else (f"{name} ({column_id})", column_id)
            keys.append(next((each for each in known if each in there), known[0]))
        if len(set(keys)) < len(keys):
            raise LayoutError("columns of one name have one key")
        if not there.intersection(keys):
            raise LayoutError(f"the first record has none of the columns: {sorted(there)[:5]}")
        return keys


def _keys_of_first(text: bytes) -> list[str]:
    """The keys of the first record.

    Raises:
        LayoutError: It is no object.
    """
    try:
        records, _ = decode_tolerantly(msgspec.json.Decoder(list[dict[str, Any]]).decode, text)
    except JSON_ERRORS as error:
        raise LayoutError(f"it is no array of objects: {error}") from None
    return list(records[0]) if records else []


def records_of(content: bytes) -> list[dict[str, Any]]:
    """All records of an export, under the names that it gives its columns.

    Raises:
        TransferError: It is no array of objects.
    """
    decode = msgspec.json.Decoder(list[dict[str, Any]]).decode
    try:
        records, replaced = decode_tolerantly(decode, content.removeprefix(BOM))
    except JSON_ERRORS as error:
        raise TransferError(
            f"the JSON export is no array of objects ({error}); .stream() gives its bytes"
        ) from None
    log_replaced(replaced, "an export")
    return records


def first_difference(page: ColumnarPage, at: int, records: RecordPage, count: int) -> str | None:
    """What the first records of an export have that is not so on a page of rows.

    Values are compared as JSON text: 29 and 29.0 differ, and so do keys in another order.

    Args:
        page: The page.
        at: The row of the page that the first record should be.
        records: The records.
        count: How many of them to compare.

    Returns:
        Where and how they differ first; None where they do not.
    """
    encode = msgspec.json.encode
    columns = zip(page.column_values(), records.column_values(), strict=True)
    for number, (values, others) in enumerate(columns, 1):
        ours, theirs = values[at : at + count], others[:count]
        if encode(ours) != encode(theirs):
            rows = enumerate(zip(ours, theirs, strict=True), at + 1)
            row, (value, other) = next(
                (row, pair) for row, pair in rows if encode(pair[0]) != encode(pair[1])
            )
            return (
                f"row {row}, column {number}: rows hold {_kind(value)}, the export"
                f" {'another' if _kind(value) == _kind(other) else _kind(other)}"
            )
    return None


def _kind(value: Any) -> str:
    """What kind of JSON value it is, with its article."""
    if value is None:
        return "null"
    kinds = {
        bool: "a boolean",
        int: "an integer",
        float: "a number with a fraction",
        str: "a text",
        list: "an array",
    }
    return kinds.get(type(value), "an object")
