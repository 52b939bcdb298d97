"""Events of bulk jobs: what begins ends, also where a job is stopped, cancelled or fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import (
    BulkUpdateError,
    CallEnded,
    ClaroClient,
    JobEnded,
    JobProgressed,
    JobStarted,
)
from claro_async.transport.events import (
    AttemptFailed,
    CallEvent,
    CallStarted,
    ReplyReceived,
    RequestSent,
)
from tests.watching import of_kind, until
from tests.wire.raw_server import RawRequest, RawServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from claro_async import Dataset
    from claro_async.emulator import Emulator
    from claro_async.transport.events import Event


def cells(rows: int, value: str = "new") -> list[tuple[str, str]]:
    """Edits of the first column."""
    return [(f"cell_{row}_1", value) for row in range(1, rows + 1)]


def job_events(events: list[Event]) -> list[Any]:
    """The events of jobs, without those of progress."""
    return [event for event in events if isinstance(event, JobStarted | JobEnded)]


def check_all_ended(events: list[Event]) -> None:
    """Every attempt and every call that began has ended, once, and so has every job."""
    attempts = [(each.call_id, each.attempt) for each in of_kind(events, RequestSent)]
    ends = [each for each in events if isinstance(each, ReplyReceived | AttemptFailed)]
    assert sorted(attempts) == sorted((each.call_id, each.attempt) for each in ends)
    started, ended = of_kind(events, CallStarted), of_kind(events, CallEnded)
    assert sorted(each.call_id for each in started) == sorted(each.call_id for each in ended)
    jobs = of_kind(events, JobStarted)
    assert [each.job_number for each in jobs] == [
        each.job_number for each in of_kind(events, JobEnded)
    ]


async def test_a_job_from_its_beginning_to_its_end(
    make_dataset: Callable[[int], Dataset], events: list[Event]
) -> None:
    """It starts with nothing done, its calls name it, and it ends with the report's counts."""
    dataset = make_dataset(60)
    report = await dataset.update_cells([*cells(60), ("nowhere", "x")], skip_unchanged=True)
    started, ended = job_events(events)
    assert (started.kind, started.dataset_id) == ("update", dataset.dataset_id)
    assert set(started.edits.values()) == {0}
    assert ended.edits == {
        "updated": report.updated,
        "unchanged": report.unchanged,
        "superseded": report.superseded,
        "failed": 1,
        "not_sent": 0,
        "unknown": 0,
    }
    assert (ended.requests, ended.stopped, ended.error_type) == (report.requests, False, None)
    assert {event.job_number for event in of_kind(events, CallEvent)} == {started.job_number}
    check_all_ended(events)


async def test_calls_of_no_job_name_none(
    make_dataset: Callable[[int], Dataset], events: list[Event]
) -> None:
    """Before, after and beside a job, calls belong to none; jobs have numbers of their own."""
    dataset = make_dataset(3)
    await dataset.get()
    await dataset.update_cells(cells(3), skip_unchanged=False)
    await dataset.get()
    await dataset.update_cells(cells(3, "newer"), skip_unchanged=False)
    of_calls = [event.job_number for event in of_kind(events, CallEnded)]
    assert of_calls == [None, 1, 1, 1, None, 2, 2, 2]


async def test_progress_counts_what_stays(
    make_dataset: Callable[[int], Dataset], events: list[Event]
) -> None:
    """Meanwhile the counts only grow, and none of them is more than what the report says."""
    dataset = make_dataset(400)
    report = await dataset.update_cells(cells(400), skip_unchanged=False)
    counts = [event.edits["updated"] for event in of_kind(events, JobProgressed)]
    assert counts == sorted(counts)
    assert counts[-1] <= report.updated == 400


async def test_a_plan_a_table_and_outcomes_as_they_come_are_jobs(
    make_dataset: Callable[[int], Dataset], events: list[Event]
) -> None:
    """Every way to carry edits out is one job, and planning alone is none."""
    dataset = make_dataset(3)
    plan = await dataset.plan_updates([("cell_1_1", "a")])
    assert job_events(events) == []
    await plan.apply()
    await dataset.update_from([{"name": "a", "size": 9}], key="name")
    async with dataset.iter_updates(cells(3, "b")) as outcomes:
        async for _ in outcomes:
            pass
    assert [type(event) for event in job_events(events)] == [JobStarted, JobEnded] * 3
    check_all_ended(events)


async def test_a_resume_and_a_revert_are_jobs_of_their_own(
    make_dataset: Callable[[int], Dataset],
    client: ClaroClient,
    events: list[Event],
    tmp_path: Path,
) -> None:
    """A resume starts with what is done; whatever began it, it is called a resume."""
    path, stop = tmp_path / "j.claro", asyncio.Event()
    edits = cells(20)
    dataset = make_dataset(20)
    report = await dataset.update_cells(
        edits,
        journal=path,
        stop=stop,
        max_concurrency=1,
        skip_unchanged=False,
        on_progress=lambda _: stop.set(),
    )
    await dataset.update_cells(edits, journal=path, resume=True)
    await client.revert_updates(path)
    jobs = job_events(events)
    assert [event.kind for event in jobs[::2]] == ["update", "resume", "revert"]
    assert jobs[1].stopped
    assert jobs[2].edits["updated"] == report.updated < 20
    assert jobs[3].edits["updated"] == 20
    assert jobs[5].edits["updated"] == 20
    check_all_ended(events)


async def test_a_cancelled_job_ends_with_all_its_calls(events: list[Event]) -> None:
    """Requests on their way, and those that wait, end; the job's error is the cancellation."""

    async def hang(_: RawRequest, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with RawServer(hang) as server:
        client = ClaroClient("key", server.base_url, on_event=events.append)
        job = asyncio.ensure_future(
            client.dataset("d").update_cells(cells(50), max_concurrency=8, skip_unchanged=False)
        )
        await until(lambda: len(server.requests) > 0)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        await client.aclose()
    check_all_ended(events)
    assert {event.outcome for event in of_kind(events, CallEnded)} == {"cancelled"}
    (ended,) = of_kind(events, JobEnded)
    assert ended.error_type == "CancelledError"
    assert ended.edits["unknown"] + ended.edits["not_sent"] == 50


FAULTS: dict[str, dict[str, Any]] = {
    "reset": {"apply": True, "probability": 0.3},
    "status": {"status": 503, "probability": 0.3},
    "rate_limit": {"retry_after": 1, "times": 2},
    "truncate": {"probability": 0.3},
}


@pytest.mark.parametrize("kind", FAULTS)
async def test_faults_leave_nothing_open(
    kind: str,
    emulator: Emulator,
    make_dataset: Callable[[int], Dataset],
    events: list[Event],
) -> None:
    """Whatever happens to requests, each that was sent is answered for, as the ledger has it."""
    emulator.faults.add("updateCell", kind, **FAULTS[kind])
    await make_dataset(60).update_cells(cells(60), skip_unchanged=False)
    check_all_ended(events)
    assert len(of_kind(events, RequestSent)) == len(emulator.ledger.requests)


async def test_a_job_that_raises_ends(
    make_dataset: Callable[[int], Dataset], events: list[Event]
) -> None:
    """With `on_error="raise"`, the job's end names the exception."""
    edits = [*cells(3), ("nowhere", "x")]
    with pytest.raises(BulkUpdateError):
        await make_dataset(3).update_cells(edits, on_error="raise", skip_unchanged=False)
    (ended,) = of_kind(events, JobEnded)
    assert ended.error_type == "BulkUpdateError"
    assert ended.edits["failed"] == 1
    check_all_ended(events)


async def test_a_job_stopped_before_it_sends(
    make_dataset: Callable[[int], Dataset], events: list[Event]
) -> None:
    """All edits of the input are counted, though none was written down."""
    stop = asyncio.Event()
    stop.set()
    report = await make_dataset(3).update_cells(cells(3), stop=stop)
    (ended,) = of_kind(events, JobEnded)
    assert (ended.edits["not_sent"], ended.stopped) == (report.not_sent, True) == (3, True)


async def test_a_hook_that_raises_ends_no_job(
    emulator: Emulator,
    make_dataset: Callable[[int], Dataset],
    connect: Callable[..., ClaroClient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It raises at every event, and the report is whole; it is logged once."""
    dataset_id = make_dataset(5).dataset_id

    def hook(_: Event) -> None:
        raise KeyError("label")

    client = connect(on_event=hook)
    report = await client.dataset(dataset_id).update_cells(cells(5), skip_unchanged=False)
    assert (report.updated, len(emulator.ledger.edits)) == (5, 5)
    assert caplog.text.count("on_event raised") == 1


async def test_another_client_within_a_job_is_beside_it(
    emulator: Emulator,
    make_dataset: Callable[[int], Dataset],
    connect: Callable[..., ClaroClient],
    events: list[Event],
) -> None:
    """A job of a client that nobody watches reports nothing to the client around it."""
    outer = make_dataset(2)
    unwatched = connect(on_event=None).dataset(outer.dataset_id)
    watched: list[Event] = []
    other = connect(on_event=watched.append).dataset(outer.dataset_id)

    async def edits() -> Any:
        await unwatched.update_cells(cells(2, "inner"), skip_unchanged=False)
        await other.get()
        yield "cell_1_1", "outer"

    await outer.update_cells(edits(), skip_unchanged=False)
    assert len(of_kind(events, JobEnded)) == 1
    assert len(of_kind(events, CallEnded)) == 1
    assert [event.job_number for event in of_kind(watched, CallEnded)] == [None]
    assert len(emulator.ledger.edits) == 3
