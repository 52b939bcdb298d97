"""What goes into a bulk update, and what comes out for each edit."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

import attrs

from claro_async._wire import encode_segment, json_bytes


class CellEdit(NamedTuple):
    """A new value for a cell.

    Attributes:
        cell_id: The cell's id, exactly as a reply of the API gave it.
        value: Any JSON value; None empties the cell.
    """

    cell_id: str
    value: Any


Edits: TypeAlias = (
    Iterable[CellEdit | tuple[str, Any]]
    | AsyncIterable[CellEdit | tuple[str, Any]]
    | Mapping[str, Any]
)
"""Edits or ``(cell_id, value)`` pairs, of any number; or a mapping of cell ids to values."""


class EditStatus(StrEnum):
    """What became of an edit."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    FAILED = "failed"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


@attrs.define
class EditOutcome:
    """What became of one edit.

    Attributes:
        index: The edit's place in the input, from 0.
        edit: The edit; the item itself where it is none.
        status: What became of it.
        error: Why, where it failed or its outcome is unknown.
        attempts: How many requests were sent for it.
        previous_value: The cell's value before, as the reply told; None where not told. After more
            than one attempt it may be what an earlier attempt wrote.
    """

    index: int
    edit: CellEdit | object
    status: EditStatus
    error: Exception | None = None
    attempts: int = 0
    previous_value: Any = None


def to_edit(item: object) -> CellEdit:
    """An item of the input as an edit.

    Raises:
        TypeError: Neither an edit nor a pair.
    """
    if type(item) is CellEdit:
        return item
    if isinstance(item, tuple | list) and len(item) == 2:  # noqa: PLR2004
        return CellEdit(*item)
    raise TypeError(f"an edit is a CellEdit or a (cell_id, value) pair, not {item!r:.80}")


def check_id(edit: CellEdit) -> None:
    """Refuse an id that cannot be sent.

    Raises:
        TypeError: Not a str.
        ValueError: Cannot be an identifier.
    """
    encode_segment(edit.cell_id, "cell_id")


def as_items(edits: Edits) -> Iterable[object] | AsyncIterable[object]:
    """The input as something to iterate over; what is at hand as a whole is checked as a whole.

    Raises:
        TypeError: Not iterable, or an item of a sequence is no edit.
        ValueError: An item of a sequence cannot be sent.
    """
    if isinstance(edits, Mapping):
        edits = list(edits.items())
    if isinstance(edits, str | bytes) or not isinstance(edits, Iterable | AsyncIterable):
        raise TypeError(
            "edits is an iterable or async iterable of CellEdit or (cell_id, value) pairs, or a"
            f" mapping of cell ids to values, not {type(edits).__name__}"
        )
    if isinstance(edits, Sequence):
        for index, item in enumerate(edits):
            check_item(item, index)
    return edits


def check_item(item: object, index: int) -> None:
    """Refuse what could not be sent.

    Raises:
        TypeError: Not an edit, or its value has no form in JSON.
        ValueError: Its id or its value cannot be sent.
    """
    try:
        edit = to_edit(item)
        check_id(edit)
        json_bytes(edit.value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"edits[{index}]: {error}") from None
