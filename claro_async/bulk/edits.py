"""What goes into a bulk update, and what comes out for each edit."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

import attrs
import msgspec

from claro_async._plain import PlainRecord, plain_value
from claro_async.tables import TableReader
from claro_async.wire.identifiers import encode_segment
from claro_async.wire.json import json_bytes

_decode = msgspec.json.Decoder().decode


class CellEdit(NamedTuple):
    """A new value for a cell.

    Attributes:
        cell_id: The cell's id, exactly as a reply of the API gave it.
        value: Any JSON value; None empties the cell.
    """

    cell_id: str
    value: Any

    def to_dict(self) -> dict[str, Any]:
        """The edit as plain JSON values."""
        return {name: plain_value(value) for name, value in self._asdict().items()}


class RowEdit(NamedTuple):
    """A new value for the cell of a row in a column; reading the dataset finds the cell's id.

    Attributes:
        row_id: The row's id.
        column: The column's id or name.
        value: Any JSON value; None empties the cell.
    """

    row_id: str
    column: str
    value: Any

    def to_dict(self) -> dict[str, Any]:
        """The edit as plain JSON values."""
        return {name: plain_value(value) for name, value in self._asdict().items()}


AnyEdit: TypeAlias = CellEdit | RowEdit | tuple[str, Any] | tuple[str, str, Any]
Edits: TypeAlias = (
    Iterable[AnyEdit]
    | AsyncIterable[AnyEdit]
    | Mapping[str, Any]
    | str
    | os.PathLike[str]
    | TableReader
)
"""Edits of any number: :class:`CellEdit` or ``(cell_id, value)``, :class:`RowEdit` or ``(row_id,
column, value)``, a mapping of cell ids to values, or a file with such columns: its path, or a
:class:`~claro_async.tables.TableReader`."""


class EditStatus(StrEnum):
    """What became of an edit."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


@attrs.define
class EditOutcome(PlainRecord):
    """What became of one edit.

    Attributes:
        index: The edit's place in the input, from 0.
        edit: The edit. Of an item that names no cell, the cell id is empty.
        status: What became of it.
        error: Why, where it failed, was not sent or is unknown.
        attempts: How many requests were sent for it.
        previous_value: The cell's value before, where the reply can be trusted to tell: after more
            than one attempt it may be what an earlier attempt wrote, and reads as None.
        conflict: Whether the cell held something else than what was read at planning, and than what
            was written: somebody else's change was overwritten.
        previous_known: Whether ``previous_value`` is what the cell held, which may be null.
    """

    index: int
    edit: CellEdit
    status: EditStatus
    error: Exception | None = None
    attempts: int = 0
    previous_value: Any = None
    conflict: bool = False
    previous_known: bool = False


class Entry(msgspec.Struct, gc=False):
    """An edit on its way.

    Attributes:
        seq: Its place in the input.
        cell_id: Its cell.
        content: Its value as JSON.
        expected: JSON that the cell held when it was read, or None.
        maybe_applied: Whether a request of an earlier run may have been applied.
    """

    seq: int
    cell_id: str
    content: bytes
    expected: bytes | None = None
    maybe_applied: bool = False

    @property
    def edit(self) -> CellEdit:
        """The edit as it was given."""
        return CellEdit(self.cell_id, _decode(self.content))


class StagedEdit(msgspec.Struct, array_like=True, gc=False):
    """An edit that was read and found sendable; either a cell, or a row and column."""

    cell_id: str | None
    row_id: str | None
    column: str | None
    content: bytes


def stage(item: object) -> StagedEdit:
    """An item of the input, checked.

    Raises:
        TypeError: Not an edit, or its value has no form in JSON.
        ValueError: Its id or its value cannot be sent.
    """
    if isinstance(item, (tuple, list)):
        if len(item) == 2:  # noqa: PLR2004
            cell_id, value = item
            encode_segment(cell_id, "cell_id")
            return StagedEdit(_plain(cell_id), None, None, json_bytes(value))
        if len(item) == 3:  # noqa: PLR2004
            return _stage_by_row(*item)
    raise TypeError(
        "an edit is a CellEdit, a RowEdit, a (cell_id, value) pair or a (row_id, column,"
        f" value) triple, not {item!r:.80}"
    )


def _stage_by_row(row_id: object, column: object, value: object) -> StagedEdit:
    row, name = _address("row_id", row_id), _address("column", column)
    return StagedEdit(None, row, name, json_bytes(value))


def _address(name: str, text: object) -> str:
    if not isinstance(text, str) or not text:
        raise TypeError(f"{name} must be a str that is not empty, not {text!r:.80}")
    return _plain(text)


def _plain(text: str) -> str:
    """The text of an identifier: numpy's, or that of an enum, is no str that can be stored."""
    return text if type(text) is str else str.__str__(text)


def _is_frame(edits: object) -> bool:
    """Whether it is a data frame or a table: iterated over, it gives columns or their names."""
    has_columns = hasattr(edits, "columns") and hasattr(edits, "__arrow_c_stream__")
    return has_columns or hasattr(edits, "__dataframe__")


def as_items(edits: Edits) -> Iterable[object] | AsyncIterable[object]:
    """The input as something to iterate over.

    Raises:
        TypeError: Not iterable, or a data frame.
    """
    if isinstance(edits, Mapping):
        return list(edits.items())
    if _is_frame(edits):
        raise TypeError(
            f"edits is a table ({type(edits).__name__}), not edits: make a dataset agree with it by"
            " update_from(table, key=…), or pass pairs, as list(zip(table['cell_id'],"
            " table['value']))"
        )
    if isinstance(edits, Sequence) and not isinstance(edits, str | bytes):
        return list(edits)  # as it is now: the caller may go on changing it
    if isinstance(edits, str | bytes) or not isinstance(edits, Iterable | AsyncIterable):
        raise TypeError(
            "edits is an iterable or async iterable of CellEdit or (cell_id, value) pairs, a"
            " mapping of cell ids to values, or the path of a file (.csv, .jsonl, …), not"
            f" {type(edits).__name__}"
        )
    return edits


def stage_all(items: Iterable[object], first: int) -> list[StagedEdit]:
    """Items of a list, checked, the first of which has this place in it.

    Raises:
        TypeError: An item is no edit, or its value has no form in JSON.
        ValueError: An item's id or value cannot be sent.
    """
    staged = []
    for item in items:
        try:
            staged.append(stage(item))
        except (TypeError, ValueError) as error:
            raise type(error)(f"edits[{first + len(staged)}]: {error}") from None
    return staged
