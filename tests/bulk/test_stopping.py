"""What ends a job early: which failures make an outage, and how waits are broken off."""

from __future__ import annotations

import asyncio

import pytest

from claro_async import BulkReport
from claro_async.bulk.stopping import (
    ConsecutiveFailures,
    Halt,
    HaltedError,
    stopped_by_closing,
    until_stopped,
)
from claro_async.errors import (
    APIStatusError,
    CellNotFoundError,
    ClaroError,
    ConnectionFailedError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ServerError,
)
from claro_async.options import SendOptions

DENIED = PermissionDeniedError("no", status=403, operation="updateCell")
SHARED = [
    DENIED,
    ConnectionFailedError("no"),
    OutcomeUnknownError("?", operation="updateCell", attempts=4, reason="reset"),
    ServerError("down", status=503, operation="updateCell"),
    APIStatusError("elsewhere", status=302, operation="updateCell"),
]


@pytest.mark.parametrize("error", SHARED, ids=lambda error: type(error).__name__)
def test_ten_in_a_row_are_an_outage(error: ClaroError) -> None:
    """The tenth edit in a row that every edit would fail like ends the job, and no earlier one."""
    failures = ConsecutiveFailures()
    verdicts = [failures.failed(number, number + 1, error) for number in range(1, 11)]
    assert verdicts == [False] * 9 + [True]


def test_a_success_begins_a_new_row() -> None:
    """Nine failures, a success and nine failures are no outage."""
    failures = ConsecutiveFailures()
    for number in range(1, 20):
        if number == 10:
            failures.succeeded()
        else:
            assert not failures.failed(number, number + 1, DENIED)


@pytest.mark.parametrize(
    "error", [CellNotFoundError("no cell", status=404, operation="updateCell"), None]
)
def test_a_failure_of_its_own_begins_a_new_row(error: Exception | None) -> None:
    """A rejection that is the edit's own shows that the server answers."""
    failures = ConsecutiveFailures()
    for number in range(1, 10):
        failures.failed(number, number + 1, DENIED)
    assert not failures.failed(10, 11, error)
    assert not failures.failed(11, 12, DENIED)


def test_failures_that_overtake_an_edit_under_way_are_no_row() -> None:
    """Quick denials do not end a job while an edit sent before them may still be applied."""
    failures = ConsecutiveFailures()
    assert not any(failures.failed(number, 1, DENIED) for number in range(2, 50))
    assert failures.failed(50, 51, DENIED)


def test_a_hundred_failures_do_not_wait_for_one_that_hangs() -> None:
    """However long one edit hangs, the hundredth failure since the last success is an outage."""
    failures = ConsecutiveFailures()
    verdicts = [failures.failed(number, 1, DENIED) for number in range(2, 102)]
    assert verdicts == [False] * 99 + [True]


async def test_a_halt_breaks_a_wait_off() -> None:
    """A task that waits gets HaltedError, is not left cancelled, and cannot wait again."""
    halt = Halt()

    async def wait() -> str:
        try:
            with halt:
                await asyncio.Event().wait()
        except HaltedError:
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            with pytest.raises(HaltedError), halt:
                pytest.fail("a wait began after the halt")
            return "halted"
        return "went on"

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    halt.set()
    assert await task == "halted"


async def test_a_cancellation_goes_through_a_halt() -> None:
    """A wait that is cancelled from outside is cancelled, also where a halt comes as well."""
    halt = Halt()

    async def wait() -> None:
        with halt:
            await asyncio.Event().wait()

    for halts in (False, True):
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        if halts:
            halt.set()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()


async def test_a_wait_that_is_over_leaves_nothing() -> None:
    """A halt after a wait has ended cancels nobody."""
    halt = Halt()

    async def wait() -> str:
        with halt:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "done"

    task = asyncio.create_task(wait())
    for _ in range(2):
        await asyncio.sleep(0)
    halt.set()
    assert await task == "done"


async def test_work_is_done_unless_it_is_stopped() -> None:
    """Without a stop the work is done; a stop before or meanwhile cancels it, and is reported."""
    done: list[int] = []

    async def work(*, ends: bool) -> None:
        if not ends:
            await asyncio.Event().wait()
        done.append(1)

    report, stop = BulkReport(), asyncio.Event()
    assert await until_stopped(work(ends=True), None, report)
    assert await until_stopped(work(ends=True), stop, report)
    assert (len(done), report.stop_requested) == (2, False)
    asyncio.get_running_loop().call_soon(stop.set)
    assert not await until_stopped(work(ends=False), stop, report)
    assert report.stop_requested
    assert not await until_stopped(work(ends=True), stop, report)
    assert len(done) == 2


async def test_what_work_raises_comes_out() -> None:
    """An error of the work is raised as it is, with a stop signal too."""

    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError("x")

    for stop in (None, asyncio.Event()):
        with pytest.raises(LookupError, match="x"):
            await until_stopped(fail(), stop, BulkReport())


async def test_a_stop_waits_until_the_work_has_cleaned_up() -> None:
    """What the work does when it is cancelled is done when the job goes on."""
    done: list[int] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            done.append(1)

    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0, stop.set)
    assert not await until_stopped(work(), stop, BulkReport())
    assert done == [1]


def test_a_row_is_over_when_its_last_edit_is() -> None:
    """Ten failures are no row while the number of one of them is still under way."""
    failures = ConsecutiveFailures()
    assert not any(failures.failed(number, 10, DENIED) for number in range(1, 11))


async def test_a_halt_and_its_waits_are_given_by_their_blocks() -> None:
    """``with halt as x`` gives the halt, and ``with waits as x`` the waits."""
    halt = Halt()
    waits = halt.waits()
    with halt as given:
        assert given is halt
    with waits as given_waits:
        assert given_waits is waits


@pytest.mark.parametrize("which", [0, 1])
async def test_a_job_stops_by_its_caller_or_its_client(which: int) -> None:
    """Either signal ends the wait and nothing is left behind; the other options stay."""
    signals = asyncio.Event(), asyncio.Event()
    options = stopped_by_closing(SendOptions(stop=signals[0], max_concurrency=7), signals[1])
    stop = options.stop
    assert stop is not None
    assert options.max_concurrency == 7
    waiting = asyncio.ensure_future(stop.wait())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    assert stop.is_set() is False
    signals[which].set()
    await waiting
    assert stop.is_set() is True
    assert len(asyncio.all_tasks()) == 1


class SlowSignal:
    """A signal of somebody's own, whose wait takes some turns to be cancelled.

    Attributes:
        is_left: Whether it has come to its end.
    """

    def __init__(self) -> None:
        self.is_left = False

    def is_set(self) -> bool:
        """Never."""
        return False

    async def wait(self) -> None:
        """Wait, and clean up afterwards."""
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            self.is_left = True


async def test_a_wait_for_the_other_signal_has_ended_with_the_first() -> None:
    """Whatever it takes to clean up is done before the job goes on."""
    slow, closing = SlowSignal(), asyncio.Event()
    stop = stopped_by_closing(SendOptions(stop=slow), closing).stop
    assert stop is not None
    waiting = asyncio.ensure_future(stop.wait())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    closing.set()
    await waiting
    assert slow.is_left


def test_a_job_without_a_stop_is_stopped_by_its_client() -> None:
    """The signal of the client is the only one then."""
    closing = asyncio.Event()
    assert stopped_by_closing(SendOptions(), closing).stop is closing
