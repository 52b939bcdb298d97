"""How far an edit is, and which steps there are from one state to the next: pure.

.. code-block:: text

    PLANNED ──► SENT ──► UPDATED                 PLANNED ──► UNCHANGED, SUPERSEDED, FAILED
       ▲         ├─────► FAILED                     (none of these was ever sent)
       └─────────┤ (certainly not sent)
                 └─────► UNKNOWN ──► UPDATED     a page was read: the cell holds the value
                            ▲  └───► RESEND      it holds another one: to be sent again
                            └── SENT ◄──┘        in doubt again, unless the reply ends the doubt

An edit is *in doubt* when a request of it may have been applied and no reply says so. Doubt stays
with the edit through a kill, a resume and another send: it is in the states SENT, UNKNOWN and
RESEND, none of which is ever counted as not sent, and what is known of the cell's earlier value is
dropped when such an edit is updated.
"""

from __future__ import annotations

from collections import Counter
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from claro_async.bulk.edits import EditStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.bulk.edits import Entry


class State(IntEnum):
    """How far an edit is."""

    PLANNED = 0
    """To be sent, and never sent before."""
    SENT = 1
    """A request is under way, or was when the process ended."""
    UPDATED = 2
    UNCHANGED = 3
    SUPERSEDED = 4
    FAILED = 5
    UNKNOWN = 6
    """It may have been applied; a page has to be read before it is sent again."""
    RESEND = 7
    """It may have been applied, the cell was read with another value: to be sent again."""


STATUS_OF: Mapping[State, EditStatus] = {
    State.PLANNED: EditStatus.NOT_SENT,
    State.SENT: EditStatus.UNKNOWN,
    State.UPDATED: EditStatus.UPDATED,
    State.UNCHANGED: EditStatus.UNCHANGED,
    State.SUPERSEDED: EditStatus.SUPERSEDED,
    State.FAILED: EditStatus.FAILED,
    State.UNKNOWN: EditStatus.UNKNOWN,
    State.RESEND: EditStatus.UNKNOWN,
}
STATE_OF: Mapping[EditStatus, State] = {
    EditStatus.UPDATED: State.UPDATED,
    EditStatus.UNCHANGED: State.UNCHANGED,
    EditStatus.SUPERSEDED: State.SUPERSEDED,
    EditStatus.FAILED: State.FAILED,
    EditStatus.UNKNOWN: State.UNKNOWN,
    EditStatus.NOT_SENT: State.PLANNED,
}
"""The state of an edit whose request, or whose check, ended with an outcome."""

SENDABLE = (State.PLANNED, State.RESEND)
"""States in which an edit waits to be sent."""
IN_DOUBT = (State.SENT, State.UNKNOWN, State.RESEND)
"""States in which an edit may have been applied without a reply that says so."""
OPEN = (State.PLANNED, *IN_DOUBT)
"""States in which there is something left to do."""
ENDED = (State.UPDATED, State.UNCHANGED, State.SUPERSEDED, State.FAILED)
"""States that an edit never leaves: its value is not needed any more."""


def status_after(status: EditStatus, *, maybe_applied: bool) -> EditStatus:
    """What a run may say of an edit, given what an earlier run left open.

    Args:
        status: What this run would say by itself. Failed is said only where the reply also says
            that no earlier request was applied: that is the rule of the transport.
        maybe_applied: Whether a request of an earlier run may have been applied.
    """
    if maybe_applied and status is EditStatus.NOT_SENT:
        return EditStatus.UNKNOWN
    return status


class FailureReason(StrEnum):
    """Why an edit failed, was not sent or is unknown."""

    NOT_AN_EDIT = "not_an_edit"
    """The item is no edit, or its value has no form in JSON."""
    NOT_SENDABLE = "not_sendable"
    """The item is an edit whose id or value cannot be sent."""
    COLUMN_NOT_UNIQUE = "column_not_unique"
    """The edit names a column that several columns of the dataset are called."""
    NOT_FOUND_BY_READING = "not_found_by_reading"
    """The whole dataset was read, and has no such cell, row or column."""
    REJECTED = "rejected"
    """The server replied with an error status."""
    NO_REPLY = "no_reply"
    """A request was sent, and no reply came that says what became of it."""
    UNREADABLE_REPLY = "unreadable_reply"
    """The reply to a request cannot be read."""
    INTERRUPTED = "interrupted"
    """The job ended while a request was under way."""
    NOT_CONNECTED = "not_connected"
    """No server was reached: nothing was applied."""
    OTHER = "other"
    """Another error of this package."""


class Failure(NamedTuple):
    """Why an edit has the outcome that it has, in a form that can be stored.

    Attributes:
        reason: In one word.
        text: In words.
        status: The HTTP status of the reply, where there was one.
        code: The error code of the reply, where it has one.
    """

    reason: FailureReason
    text: str
    status: int | None = None
    code: str | None = None


class Result(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What became of an edit, as it is recorded.

    Attributes:
        seq: The edit's place in the input.
        state: Its new state.
        attempts: Requests that were sent for it since it was last recorded.
        previous: JSON that the cell held before, where that is certain.
        conflict: Whether somebody else's change was overwritten.
        failure: Why it was not applied.
    """

    seq: int
    state: State
    attempts: int = 0
    previous: bytes | None = None
    conflict: bool = False
    failure: Failure | None = None


# At hand for what every edit passes: to find a member of an enum takes longer than to count it.
_PLANNED, _SENT, _RESEND = State.PLANNED, State.SENT, State.RESEND


class Tally:
    """How many edits are in each state while a job sends: what its report is made from.

    Edits only move from state to state, so the counts always sum to the edits that were added, and
    none can be negative.
    """

    def __init__(self, counts: Mapping[State, int] | None = None) -> None:
        self._counts = [0] * len(State)
        for state, number in (counts or {}).items():
            self._counts[state] = number
        self._open: dict[int, State] = {}  # counted as sent: their states before, by place

    @property
    def total(self) -> int:
        """All edits."""
        return sum(self._counts) + len(self._open)

    def of(self, state: State) -> int:
        """How many edits are in a state."""
        number = self._counts[state]
        return number + len(self._open) if state is _SENT else number

    def counts(self) -> list[int]:
        """How many edits are in each state, by its number."""
        counts = self._counts.copy()
        counts[_SENT] += len(self._open)
        return counts

    def statuses(self) -> dict[EditStatus, int]:
        """How many edits a report counts under each status."""
        found: Counter[EditStatus] = Counter()
        for state in State:
            found[STATUS_OF[state]] += self.of(state)
        return {status: found[status] for status in EditStatus}

    def add(self, number: int = 1) -> None:
        """Count edits that were read from the input."""
        self._counts[_PLANNED] += number

    def intend(self, entry: Entry) -> None:
        """Count an edit as sent: from now on it is in doubt."""
        self._open[entry.seq] = before = _RESEND if entry.maybe_applied else _PLANNED
        self._counts[before] -= 1

    def withdraw(self, seq: int) -> State:
        """Count an edit as what it was before :meth:`intend`: its request was never sent."""
        before = self._open.pop(seq)
        self._counts[before] += 1
        return before

    def record(self, result: Result) -> None:
        """Count what became of an edit, whether a request was sent for it or not."""
        if self._open.pop(result.seq, None) is None:
            self._counts[_PLANNED] -= 1
        self._counts[result.state] += 1

    def interrupt(self) -> list[int]:
        """Count what is under way as unknown; returns the places of these edits."""
        places = list(self._open)
        self._open.clear()
        self._counts[State.UNKNOWN] += len(places)
        return places
