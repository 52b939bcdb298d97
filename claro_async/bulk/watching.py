"""Bulk jobs as a client's hook sees them: their beginning, how far they are, their end."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from claro_async.bulk.edits import EditStatus
from claro_async.bulk.states import STATUS_OF, State, Tally
from claro_async.transport.observing import within_job

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from claro_async.bulk.report import BulkReport
    from claro_async.transport.events import JobKind
    from claro_async.transport.transport import Transport

_FINAL = (State.UPDATED, State.UNCHANGED, State.SUPERSEDED, State.FAILED)
"""Of what is sent or planned, only the end of the job tells what it is."""


def final_counts(tally: Tally) -> dict[str, int]:
    """How many edits have come to an end that stays, by name."""
    return {STATUS_OF[state].value: tally.of(state) for state in _FINAL}


@contextmanager
def watched_job(
    transport: Transport,
    kind: JobKind,
    dataset_id: str,
    report: BulkReport,
    earlier: Mapping[State, int] | None = None,
) -> Iterator[None]:
    """What is done inside is one job, whose beginning and end are reported.

    Args:
        transport: Carries its requests out.
        kind: What it does.
        dataset_id: The dataset.
        report: Is filled meanwhile.
        earlier: Where its edits stand after earlier runs.
    """
    observer = transport.observer
    job = None if observer is None else observer.begin_job(kind, dataset_id)
    if job is None:
        with within_job(None):
            yield
        return
    failure: BaseException | None = None
    job.started({each.value: number for each, number in Tally(earlier).statuses().items()})
    try:
        with within_job(job):
            yield
    except BaseException as error:
        failure = error
        raise
    finally:
        job.ended(
            {status.value: getattr(report, status.value) for status in EditStatus},
            requests=report.requests,
            stopped=report.stop_requested or report.stopped_by is not None,
            error=failure,
        )
