"""How edits go from state to state, and how they are counted on the way."""

from __future__ import annotations

import pytest

from claro_async.bulk.edits import EditStatus, Entry
from claro_async.bulk.states import (
    ENDED,
    IN_DOUBT,
    OPEN,
    SENDABLE,
    STATE_OF,
    STATUS_OF,
    Result,
    State,
    Tally,
    status_after,
)


def counts(tally: Tally) -> dict[State, int]:
    """The states in which there are edits."""
    return {state: tally.of(state) for state in State if tally.of(state)}


def test_each_state_is_open_or_ended() -> None:
    """What is in doubt, and what can be sent, is open; nothing is both open and ended."""
    assert {*OPEN, *ENDED} == set(State)
    assert not {*OPEN} & {*ENDED}
    assert {*SENDABLE, *IN_DOUBT} == {*OPEN}
    assert all(STATUS_OF[STATE_OF[status]] is status for status in EditStatus)
    assert {STATUS_OF[state] for state in IN_DOUBT} == {EditStatus.UNKNOWN}


@pytest.mark.parametrize("status", EditStatus)
@pytest.mark.parametrize("maybe_applied", [False, True])
def test_a_doubt_of_an_earlier_run_stays(
    status: EditStatus,
    maybe_applied: bool,  # noqa: FBT001
) -> None:
    """What was not sent now, but may have been applied before, is unknown; the rest is as it is."""
    doubtful = maybe_applied and status is EditStatus.NOT_SENT
    expected = EditStatus.UNKNOWN if doubtful else status
    assert status_after(status, maybe_applied=maybe_applied) is expected


def test_a_tally_counts_what_is_added_as_planned() -> None:
    """One at a time or many at once, beside what there was."""
    tally = Tally({State.UPDATED: 3, State.PLANNED: 1})
    assert counts(tally) == {State.PLANNED: 1, State.UPDATED: 3}
    tally.add()
    tally.add(5)
    assert counts(tally) == {State.PLANNED: 7, State.UPDATED: 3}
    assert tally.total == 10
    assert Tally().total == 0


def test_a_report_has_a_number_for_each_status() -> None:
    """All three states in doubt are unknown, and a status without edits is 0."""
    numbers = {state: 10**state for state in State}
    assert Tally(numbers).statuses() == {
        EditStatus.UPDATED: 10**State.UPDATED,
        EditStatus.UNCHANGED: 10**State.UNCHANGED,
        EditStatus.SUPERSEDED: 10**State.SUPERSEDED,
        EditStatus.FAILED: 10**State.FAILED,
        EditStatus.NOT_SENT: 10**State.PLANNED,
        EditStatus.UNKNOWN: 10**State.SENT + 10**State.UNKNOWN + 10**State.RESEND,
    }
    assert Tally().statuses() == dict.fromkeys(EditStatus, 0)


@pytest.mark.parametrize("maybe_applied", [False, True])
def test_an_intent_can_be_withdrawn(maybe_applied: bool) -> None:  # noqa: FBT001
    """A request that was never sent leaves its edit where it was."""
    before = State.RESEND if maybe_applied else State.PLANNED
    tally = Tally({before: 2})
    tally.intend(Entry(4, "a", b"0", maybe_applied=maybe_applied))
    assert counts(tally) == {before: 1, State.SENT: 1}
    assert tally.total == 2
    assert tally.withdraw(4) is before
    assert counts(tally) == {before: 2}
    with pytest.raises(KeyError):
        tally.withdraw(4)


@pytest.mark.parametrize("maybe_applied", [False, True])
def test_a_result_of_an_edit_that_was_sent(maybe_applied: bool) -> None:  # noqa: FBT001
    """It is taken from those under way, whatever the edit was before."""
    before = State.RESEND if maybe_applied else State.PLANNED
    tally = Tally({before: 2})
    tally.intend(Entry(4, "a", b"0", maybe_applied=maybe_applied))
    tally.record(Result(4, State.UPDATED))
    assert counts(tally) == {before: 1, State.UPDATED: 1}


def test_a_result_of_an_edit_that_was_never_sent() -> None:
    """It is taken from those planned, also where another one of the same job is under way."""
    tally = Tally({State.PLANNED: 3})
    tally.intend(Entry(0, "a", b"0"))
    tally.record(Result(1, State.SUPERSEDED))
    assert counts(tally) == {State.PLANNED: 1, State.SENT: 1, State.SUPERSEDED: 1}


def test_an_interruption_leaves_what_is_under_way_unknown() -> None:
    """Its places are named, once; what was not under way stays as it was."""
    tally = Tally({State.PLANNED: 2, State.RESEND: 1, State.UNKNOWN: 1})
    tally.intend(Entry(7, "a", b"0"))
    tally.intend(Entry(3, "b", b"0", maybe_applied=True))
    assert tally.interrupt() == [7, 3]
    assert counts(tally) == {State.PLANNED: 1, State.UNKNOWN: 3}
    assert tally.interrupt() == []
    assert counts(tally) == {State.PLANNED: 1, State.UNKNOWN: 3}
