"""What is known of a run's cells, from what its tasks wrote down before and after they sent.

A cell's edit is *in doubt* from the moment when it stands in a ``sent`` file until its result
stands in a ``done`` file. What a later task makes of the files is decided here, without I/O.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class CellState(StrEnum):
    """How far the last edit of a cell is."""

    IN_DOUBT = "in doubt"
    """It was about to be sent, or its reply was lost: it may have been applied."""
    UPDATED = "updated"
    FAILED = "failed"
    """It was rejected, so nothing was applied."""
    NOT_SENT = "not sent"


class Intent(msgspec.Struct, array_like=True):
    """An edit that is about to be sent.

    Attributes:
        cell_id: The cell.
        value: The value that it gets, as JSON.
        maybe_applied: Whether another task had this edit under way when this one began, so that
            neither can tell what the cell held before.
    """

    cell_id: str
    value: msgspec.Raw
    maybe_applied: bool = False


class Result(msgspec.Struct, array_like=True):
    """What became of an edit.

    Attributes:
        cell_id: The cell.
        state: What became of it.
        previous: What the cell held before, as JSON text; None where that is not certain.
        error: Why it failed.
    """

    cell_id: str
    state: CellState
    previous: str | None = None
    error: str = ""


class Known(msgspec.Struct, array_like=True):
    """What is known of a cell that a run has to do with.

    Attributes:
        cell_id: The cell.
        value: The value that was last sent or about to be, as JSON.
        state: How far that is.
        original: What the cell held before the run, as JSON; None where that is not certain.
        was_written: Whether the run has, or may have, changed the cell.
        error: Why the last edit failed.
    """

    cell_id: str
    value: bytes
    state: CellState
    original: bytes | None = None
    was_written: bool = False
    error: str = ""


class Ledger:
    """What is known of a run's cells, by cell id."""

    def __init__(self, known: Iterable[Known] = ()) -> None:
        self._known: dict[str, Known] = {each.cell_id: each for each in known}

    def __iter__(self) -> Iterator[Known]:
        return iter(self._known.values())

    def __len__(self) -> int:
        return len(self._known)

    def is_done(self, cell_id: str, value: bytes) -> bool:
        """Whether the cell has certainly got this value from the run."""
        known = self._known.get(cell_id)
        return known is not None and known.state is CellState.UPDATED and known.value == value

    def is_in_doubt(self, cell_id: str) -> bool:
        """Whether an edit of the cell may have been applied."""
        known = self._known.get(cell_id)
        return known is not None and known.state is CellState.IN_DOUBT

    def intent(self, cell_id: str, value: bytes) -> Intent:
        """The edit of a cell, to be written down before it is sent."""
        known = self._known.get(cell_id)
        overlaps = (
            known is not None and known.state is CellState.IN_DOUBT and known.original is None
        )
        return Intent(cell_id, msgspec.Raw(value), overlaps)

    def add_intent(self, intent: Intent) -> None:
        """Enter an edit that is about to be sent."""
        value = bytes(intent.value)
        known = self._known.get(intent.cell_id)
        if known is None:
            self._known[intent.cell_id] = Known(intent.cell_id, value, CellState.IN_DOUBT)
            return
        if known.state is CellState.IN_DOUBT:
            known.was_written = True  # the edit before may have been applied
        if intent.maybe_applied:
            known.was_written, known.original = True, None
        known.value, known.state, known.error = value, CellState.IN_DOUBT, ""

    def add_result(self, result: Result) -> None:
        """Enter what became of an edit."""
        known = self._known.get(result.cell_id)
        if known is None or result.state is CellState.IN_DOUBT:
            return  # in doubt it is already
        known.state, known.error = result.state, result.error
        if result.state is CellState.UPDATED:
            if not known.was_written and result.previous is not None:
                known.original = result.previous.encode()
            known.was_written = True

    def may_have_changed(self) -> Iterator[Known]:
        """The cells that the run changed, or may have changed."""
        return (each for each in self if each.was_written or each.state is CellState.IN_DOUBT)


_INTENTS = msgspec.json.Decoder(Intent)
_RESULTS = msgspec.json.Decoder(Result)
_KNOWN = msgspec.json.Decoder(Known)
_encoder = msgspec.json.Encoder()


def encode_lines(records: Iterable[msgspec.Struct]) -> bytes:
    """Records as lines of JSON."""
    return _encoder.encode_lines(records)


def enter(ledger: Ledger, name: str, content: bytes) -> None:
    """Enter what a file of receipts says."""
    if name.endswith(".sent"):
        for intent in _INTENTS.decode_lines(content):
            ledger.add_intent(intent)
    elif name.endswith(".done"):
        for result in _RESULTS.decode_lines(content):
            ledger.add_result(result)


def decode_known(content: bytes) -> list[Known]:
    """What :func:`encode_lines` made of records of this kind."""
    return _KNOWN.decode_lines(content)
