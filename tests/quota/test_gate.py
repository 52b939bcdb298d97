"""The gate of a client by itself: who goes when, and what is announced."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.errors import ConfigurationError
from claro_async.transport.events import Event, QuotaPaused, QuotaResumed
from claro_async.transport.quota.gate import GRACE, PauseTooLongError, QuotaGate

if TYPE_CHECKING:
    from tests.clocks import ManualClock

LIMIT = 10
PERIOD = 60.0


@pytest.fixture
def gate(clock: ManualClock, events: list[Event]) -> QuotaGate:
    """A gate of which nothing is known yet, on a clock that has run for a period."""
    clock.advance(PERIOD)
    return QuotaGate(clock, events.append)


def answered(
    gate: QuotaGate, clock: ManualClock, remaining: int, *, status: int = 200, **more: str
) -> None:
    """A reply comes at once; the period ends a minute after the clock's beginning, or later."""
    end = clock.time() - clock.monotonic() + PERIOD * (1 + clock.monotonic() // PERIOD)
    headers = {
        "X-RateLimit-Limit": str(LIMIT),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(int(end)),
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    gate.observe(status, headers, clock.monotonic())


async def turns() -> None:
    """Give all other tasks the turns that they need."""
    for _ in range(5):
        await asyncio.sleep(0)


async def waiting(gate: QuotaGate, count: int = 1, **options: Any) -> list[asyncio.Task[None]]:
    """Requests that ask for a permit."""
    tasks = [asyncio.ensure_future(gate.acquire(**options)) for _ in range(count)]
    await turns()
    return tasks


def done(tasks: list[asyncio.Task[None]]) -> int:
    """How many have their permit."""
    return sum(task.done() for task in tasks)


async def test_one_goes_ahead_and_the_others_follow_its_reply(
    gate: QuotaGate, clock: ManualClock, events: list[Event]
) -> None:
    """Of five at the beginning one goes; its reply lets the others go, with no pause announced."""
    tasks = await waiting(gate, 5)
    assert done(tasks) == 1
    assert gate.seconds_until_open() == 0.0
    clock.advance(0.5)
    answered(gate, clock, LIMIT - 1)
    await turns()
    assert done(tasks) == 5
    assert events == []
    assert gate.seconds_waited == 2.0
    assert clock.pending == []
    limit = gate.rate_limit
    assert (limit.limit, limit.remaining) == (LIMIT, LIMIT - 1)


async def test_another_goes_ahead_where_the_first_says_nothing(
    gate: QuotaGate, clock: ManualClock
) -> None:
    """After a second without a reply the next one goes."""
    tasks = await waiting(gate, 3)
    clock.advance(0.99)
    await turns()
    assert done(tasks) == 1
    clock.advance(0.01)
    await turns()
    assert done(tasks) == 2
    await gate.close()
    with pytest.raises(RuntimeError, match="closed"):
        await tasks[2]


@pytest.mark.parametrize("sent", [True, False])
async def test_a_request_that_got_no_reply_gives_its_place_up(
    gate: QuotaGate,
    clock: ManualClock,
    sent: bool,  # noqa: FBT001
) -> None:
    """The next one goes at once; one that was sent may have been counted."""
    tasks = await waiting(gate, 2)
    gate.release(sent=sent)
    await turns()
    assert done(tasks) == 2
    answered(gate, clock, 2)
    assert [gate.try_acquire() for _ in range(3)] == [True, True, False]
    gate.release(sent=sent)
    assert gate.try_acquire() is not sent


async def test_a_period_that_is_used_up(
    gate: QuotaGate, clock: ManualClock, events: list[Event]
) -> None:
    """All wait for its end; that is announced once, and so is when they go on."""
    assert gate.try_acquire()
    answered(gate, clock, 0)
    assert not gate.try_acquire()
    tasks = await waiting(gate, 2)
    tasks += await waiting(gate)
    left = gate.seconds_until_open()
    assert left == pytest.approx(PERIOD + 0.005)
    assert events == [QuotaPaused(left, 1, False)]
    clock.advance(PERIOD)
    await turns()
    assert done(tasks) == 0
    assert not gate.try_acquire()  # nobody goes before those who wait
    clock.advance(0.006)
    await turns()
    assert done(tasks) == 1
    assert events[1:] == [QuotaResumed(3)]
    answered(gate, clock, LIMIT - 1)
    await turns()
    assert done(tasks) == 3
    assert len(events) == 2
    assert gate.throttled == 0


async def test_a_429_pauses_all(gate: QuotaGate, clock: ManualClock, events: list[Event]) -> None:
    """For as long as it says; it is counted, and announced as reported by the server."""
    assert gate.try_acquire()
    answered(gate, clock, 5)
    assert gate.try_acquire()
    answered(gate, clock, 0, status=429, Retry_After="7")
    assert events == [QuotaPaused(7.0, 0, True)]
    assert (gate.throttled, gate.seconds_until_open()) == (1, 7.0)
    tasks = await waiting(gate)
    clock.advance(6.9)
    await turns()
    assert done(tasks) == 0
    clock.advance(0.1)
    await turns()
    assert done(tasks) == 1
    assert events[1:] == [QuotaResumed(1)]


async def test_a_pause_that_follows_at_once_is_announced_as_well(
    gate: QuotaGate, clock: ManualClock, events: list[Event]
) -> None:
    """A 429 in the moment in which a pause ends begins another one; within a pause none does."""
    assert gate.try_acquire()
    answered(gate, clock, 0, status=429, Retry_After="7")
    clock.advance(7)
    assert gate.try_acquire()
    answered(gate, clock, 0, status=429, Retry_After="7")
    assert events == [QuotaPaused(7.0, 0, True)] * 2
    await waiting(gate)
    assert len(events) == 2
    await gate.close()


async def test_a_period_that_ends_soon_is_waited_for_no_longer(
    gate: QuotaGate, clock: ManualClock
) -> None:
    """Half a second before the end, half a second is what a request waits."""
    assert gate.try_acquire()
    answered(gate, clock, 0)
    clock.advance(PERIOD - 0.5)
    tasks = await waiting(gate)
    clock.advance(0.506)
    await turns()
    assert done(tasks) == 1


@pytest.mark.parametrize(("max_wait", "waits"), [(59.0, False), (61.0, True)])
async def test_a_pause_that_is_too_long(
    gate: QuotaGate,
    clock: ManualClock,
    max_wait: float,
    waits: bool,  # noqa: FBT001
) -> None:
    """Who does not wait for so long gets to know how long it is, and leaves no timer."""
    assert gate.try_acquire()
    answered(gate, clock, 0)
    (task,) = await waiting(gate, max_wait=max_wait)
    if waits:
        assert not task.done()
        await gate.close()
        with pytest.raises(RuntimeError):
            await task
    else:
        with pytest.raises(PauseTooLongError) as caught:
            await task
        assert caught.value.seconds == pytest.approx(PERIOD + 0.005)
        assert caught.value.args == (caught.value.seconds,)
    assert clock.pending == []


async def test_a_cancelled_request_passes_its_permit_on(
    gate: QuotaGate, clock: ManualClock
) -> None:
    """Whether it waits still or has just been admitted, another one goes in its place."""
    assert gate.try_acquire()
    answered(gate, clock, 1)
    assert gate.try_acquire()
    tasks = await waiting(gate, 3)
    tasks[0].cancel()
    await turns()
    assert done(tasks) == 1
    gate.release(sent=False)  # the permit goes to the second, which is cancelled before it knows
    tasks[1].cancel()
    await turns()
    assert tasks[1].cancelled()
    assert tasks[2].done()
    assert tasks[2].exception() is None
    assert clock.pending == []
    answered(gate, clock, 1)
    assert gate.try_acquire()
    assert not gate.try_acquire()


async def test_a_probe_that_is_cancelled_is_followed_by_another(
    gate: QuotaGate, clock: ManualClock
) -> None:
    """The next one goes at once, not only when the probe has had its second."""
    assert gate.try_acquire()
    answered(gate, clock, 0)
    tasks = await waiting(gate, 2)
    clock.advance(PERIOD + 0.006)
    tasks[0].cancel()
    await turns()
    assert tasks[0].cancelled()
    assert tasks[1].done()


async def test_who_is_cancelled_while_all_wait_is_passed_over(
    gate: QuotaGate, clock: ManualClock
) -> None:
    """One that was cancelled in the moment in which others are let go keeps nobody waiting."""
    assert gate.try_acquire()
    tasks = await waiting(gate, 3)
    for task in tasks[:2]:
        task.cancel()
    answered(gate, clock, 5)
    await turns()
    assert [task.cancelled() for task in tasks] == [True, True, False]
    assert tasks[2].done()
    assert [gate.try_acquire() for _ in range(5)] == [True] * 4 + [False]


async def test_one_in_the_middle_that_is_cancelled_is_passed_over(
    gate: QuotaGate, clock: ManualClock
) -> None:
    """Others are let go past one that was cancelled in that moment."""
    assert gate.try_acquire()
    tasks = await waiting(gate, 3)
    tasks[1].cancel()
    answered(gate, clock, 5)
    await turns()
    assert [task.cancelled() for task in tasks] == [False, True, False]
    assert done(tasks) == 3


async def test_who_is_cancelled_waits_no_more(
    gate: QuotaGate, clock: ManualClock, events: list[Event]
) -> None:
    """It is not counted among those who go on; and the last one leaves no timer behind."""
    assert gate.try_acquire()
    answered(gate, clock, 0)
    tasks = await waiting(gate, 3)
    tasks[2].cancel()
    await turns()
    clock.advance(PERIOD + 0.006)
    await turns()
    assert events[1:] == [QuotaResumed(2)]
    tasks[1].cancel()
    await turns()
    assert clock.pending == []


async def test_one_that_is_cancelled_as_it_is_sent_away_gives_nothing_back(
    gate: QuotaGate, clock: ManualClock
) -> None:
    """It had no permit: that of the request under way is not free, too."""
    assert gate.try_acquire()
    answered(gate, clock, 1)
    assert gate.try_acquire()
    (task,) = await waiting(gate, max_wait=1.0)
    answered(gate, clock, 0, status=429, Retry_After="7")
    task.cancel()
    with pytest.raises((asyncio.CancelledError, PauseTooLongError)):
        await task
    clock.advance(7)
    assert gate.try_acquire()
    answered(gate, clock, 1)
    assert [gate.try_acquire() for _ in range(2)] == [True, False]


async def test_pauses_are_logged(
    gate: QuotaGate, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """One record says that requests wait, one that as many go on."""
    with caplog.at_level("DEBUG", "claro_async"):
        assert gate.try_acquire()
        answered(gate, clock, 0)
        tasks = await waiting(gate, 3)
        clock.advance(PERIOD + 0.006)
        await turns()
        answered(gate, clock, LIMIT - 1)
        await turns()
    assert done(tasks) == 3
    assert len(caplog.records) == 2
    assert "3" in caplog.messages[1]


async def test_a_reserve_is_left_to_others(gate: QuotaGate, clock: ManualClock) -> None:
    """Background requests leave a share; those without one go before them."""
    assert gate.try_acquire()
    answered(gate, clock, 6)
    assert [gate.try_acquire(0.5) for _ in range(3)] == [True, False, False]
    background = await waiting(gate, reserve=0.5)
    assert done(background) == 0
    foreground = await waiting(gate, 2)
    assert (done(foreground), done(background)) == (2, 0)
    for task in background:
        task.cancel()
    await turns()


async def test_a_client_that_has_no_shared_quota_has_no_runs(gate: QuotaGate) -> None:
    """A run cannot be closed where nothing shares it; the error says what to do."""
    with pytest.raises(ConfigurationError, match="'nightly' cannot be closed"):
        await gate.close_run("nightly")


async def test_the_servers_time_is_that_of_its_replies(gate: QuotaGate, clock: ManualClock) -> None:
    """Before the first reply it is ours; a server that is ahead is followed."""
    assert gate.server_now() == clock.time()
    clock.advance(3.0)
    assert gate.server_now() == clock.time()
    assert gate.try_acquire()
    answered(gate, clock, 9, Date="Thu, 14 Mar 2024 16:30:00 GMT")
    assert gate.server_now() == pytest.approx(1_710_433_800.0, abs=1.0)  # that date


@pytest.mark.parametrize(("count", "go"), [(1, 1), (2, 1), (3, 0)])
async def test_few_requests_wait_a_moment_for_others_before_they_use_what_is_kept(
    clock: ManualClock, count: int, go: int
) -> None:
    """Two permits are kept for probes, unless no more than two want to go for a moment."""
    gate = QuotaGate(clock)
    clock.advance(0.4)
    assert gate.try_acquire()
    headers = {
        "X-RateLimit-Limit": "30",
        "X-RateLimit-Remaining": "29",
        "X-RateLimit-Reset": str(int(clock.time() - clock.monotonic()) + 61),
    }
    gate.observe(200, headers, clock.monotonic())
    for _ in range(27):
        assert gate.try_acquire()
    assert not gate.try_acquire()  # two are kept
    for left in range(28, 1, -1):
        gate.observe(200, {**headers, "X-RateLimit-Remaining": str(left)}, clock.monotonic())
    tasks = await waiting(gate, count)
    assert done(tasks) == 0
    clock.advance(GRACE - 0.01)
    await turns()
    assert done(tasks) == 0
    clock.advance(0.02)
    await turns()
    assert done(tasks) == go
    if count > 2:
        tasks += await waiting(gate)  # all are tried once more
        assert done(tasks) == 0
    await gate.close()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_one_permit_that_is_kept_is_kept_while_more_than_one_wait(
    clock: ManualClock,
) -> None:
    """Where the reset is a count-down a single permit is kept; two requests leave it alone."""
    gate = QuotaGate(clock)
    clock.advance(0.4)
    assert gate.try_acquire()
    headers = {
        "X-RateLimit-Limit": "30",
        "X-RateLimit-Remaining": "29",
        "X-RateLimit-Reset": "60",
    }
    gate.observe(200, headers, clock.monotonic())
    for _ in range(28):
        assert gate.try_acquire()
    for left in range(28, 0, -1):
        gate.observe(200, {**headers, "X-RateLimit-Remaining": str(left)}, clock.monotonic())
    assert not gate.try_acquire()  # one is kept
    tasks = await waiting(gate, 2)
    assert done(tasks) == 0
    await gate.close()
    await asyncio.gather(*tasks, return_exceptions=True)
