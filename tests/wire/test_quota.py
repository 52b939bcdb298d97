"""The quota of a key, against a server that really limits: 429 hardly ever happens."""

from __future__ import annotations

import asyncio
import itertools
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import RateLimitError, RetryPolicy
from claro_async.emulator import Emulator
from claro_async.transport.events import QuotaPaused, QuotaResumed, RetryScheduled
from tests.watching import of_kind, until
from tests.wire.operations import DATASET, OPERATIONS, fill, gate_of, send, transport_of
from tests.wire.raw_server import RawRequest, RawServer, answering, reply
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import ClaroClient
    from claro_async.emulator.clock import ResetFormat
    from claro_async.transport.events import Event
    from tests.clocks import ManualClock

FORMATS: tuple[ResetFormat, ...] = ("epoch", "epoch-ms", "delta", "http-date", "iso")


@pytest.mark.parametrize("fraction", [0.0, 0.37, 0.999])
@pytest.mark.parametrize("form", FORMATS)
async def test_no_429_however_many_tasks_there_are(
    form: ResetFormat, fraction: float, clock: ManualClock, connect: Callable[..., ClaroClient]
) -> None:
    """With any form of the reset, 95 calls at once under 20 a period need 5 periods, and no 429."""
    clock.set_time(1_710_430_200 + fraction)
    async with Emulator(
        clock=clock.time, sample_world=False, rate_limit=20, rate_window=10.0, reset_format=form
    ) as emulator:
        fill(emulator)
        client = connect(emulator.base_url)
        await asyncio.gather(*(client.dataset(DATASET).get() for _ in range(95)))
        assert emulator.ledger.count(status=429) == 0
        assert emulator.ledger.count(status=200) == 95
        assert emulator.ledger.max_in_window(9.9) <= 40  # the end of one period, the next
        assert 40 <= clock.monotonic() < 46


async def test_two_bursts_with_a_pause_between(
    clock: ManualClock, connect: Callable[..., ClaroClient]
) -> None:
    """A quota that was renewed while nobody called is used at once, and not overrun."""
    async with Emulator(
        clock=clock.time, sample_world=False, rate_limit=10, rate_window=60.0
    ) as emulator:
        fill(emulator)
        client = connect(emulator.base_url)
        await asyncio.gather(*(client.dataset(DATASET).get() for _ in range(8)))
        clock.advance(200)
        before = clock.monotonic()
        await asyncio.gather(*(client.dataset(DATASET).get() for _ in range(10)))
        assert clock.monotonic() - before < 2
        assert emulator.ledger.count(status=429) == 0


async def test_one_429_pauses_everyone(
    emulator: Emulator,
    connect: Callable[..., ClaroClient],
    clock: ManualClock,
    events: list[Event],
) -> None:
    """After one 429 nobody sends anything until the time it names; then all go on."""
    client = connect(emulator.base_url)
    await client.datasets.list()
    emulator.faults.add("getDataset", "rate_limit", times=1, retry_after=30)
    with pytest.raises(RateLimitError):  # alone, so that nothing else is in flight
        await connect_once(connect, emulator).dataset(DATASET).get()
    emulator.faults.add("getDataset", "rate_limit", times=1, retry_after=30)
    first = asyncio.ensure_future(client.dataset(DATASET).get())
    await first
    throttled = next(r for r in emulator.ledger.requests[2:] if r.status == 429)
    await asyncio.gather(*(client.dataset(DATASET).get() for _ in range(20)))
    later = [r.received_at for r in emulator.ledger.requests if r.index > throttled.index]
    assert min(later) >= throttled.received_at + 30
    assert len(later) == 21
    paused = [event for event in events if isinstance(event, QuotaPaused) and event.throttled]
    assert paused[-1].seconds == 30
    assert any(isinstance(event, QuotaResumed) for event in events)
    assert clock.monotonic() < 32


def connect_once(connect: Callable[..., ClaroClient], emulator: Emulator) -> ClaroClient:
    """A client that takes a 429 for an answer."""
    return connect(emulator.base_url, retry=RetryPolicy(max_rate_limit_waits=0))


async def test_those_under_way_wait_as_well(
    emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """With 20 calls in the air, a 429 to one holds back all that were not sent yet."""
    client = connect(emulator.base_url)
    await client.datasets.list()
    emulator.faults.add("getDataset", "rate_limit", times=5, retry_after=30)
    await asyncio.gather(*(client.dataset(DATASET).get() for _ in range(20)))
    times = sorted(r.received_at for r in emulator.ledger.requests if r.operation)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert sum(gap > 0.5 for gap in gaps) == 1
    assert max(gaps) == pytest.approx(30, abs=1)


async def test_full_speed_comes_back_after_a_429(
    emulator: Emulator, connect: Callable[..., ClaroClient], clock: ManualClock
) -> None:
    """When the server says that much is left, requests go side by side again after the pause."""
    client = connect(emulator.base_url)
    emulator.faults.add("getDataset", "rate_limit", times=1, retry_after=1)
    await client.dataset(DATASET).get()
    await client.dataset(DATASET).get()
    emulator.ledger.clear()
    emulator.faults.add("getDataset", "slow", delay=0.02)
    await asyncio.gather(*(client.dataset(DATASET).get() for _ in range(30)))
    assert emulator.ledger.max_in_flight > 10
    assert clock.monotonic() < 3


async def test_a_bulk_request_goes_on_after_a_429(
    clock: ManualClock, connect: Callable[..., ClaroClient]
) -> None:
    """Requests that leave a share of the quota to others are not held until the period ends."""
    async with Emulator(clock=clock.time, sample_world=False, rate_limit=100) as emulator:
        fill(emulator)
        transport = transport_of(connect(emulator.base_url))
        request = transport.prepare(OPERATIONS["getDataset"]())
        await transport.exchange(request, reserve=0.1)
        emulator.faults.add("getDataset", "rate_limit", times=1, retry_after=2)
        await asyncio.gather(*(transport.exchange(request, reserve=0.1) for _ in range(30)))
        assert clock.monotonic() < 5


@pytest.mark.parametrize("wait", [{"Retry_After": "11"}, {"X_RateLimit_Reset": "11"}])
async def test_retry_after_or_else_the_reset(
    wait: dict[str, str], clock: ManualClock, connect: Callable[..., ClaroClient]
) -> None:
    """After a 429 the pause lasts for ``Retry-After``, and without it until the reset."""
    replies = [
        reply(b"{}", 429, X_RateLimit_Limit="5", X_RateLimit_Remaining="0", **wait),
        reply(b"{}"),
    ]

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(replies.pop(0))

    async with RawServer(answer) as server:
        await connect(server.base_url).request("GET", "/x")
        assert 11 <= clock.monotonic() < 12.1


@pytest.mark.parametrize("reset", ["", "soon", "-9999999", "1e300", "nan", "32503680000", "0"])
async def test_an_absurd_reset_is_not_believed(
    reset: str, clock: ManualClock, connect: Callable[..., ClaroClient]
) -> None:
    """Whatever the reset says, a client waits no longer than the documented minute."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        fields = {"X_RateLimit_Limit": "3", "X_RateLimit_Remaining": "0"}
        writer.write(reply(X_RateLimit_Reset=reset, **fields))

    async with RawServer(answer) as server:
        client = connect(server.base_url)
        await client.request("GET", "/x")
        await client.request("GET", "/x")
        assert clock.monotonic() < 62


async def test_a_server_without_headers_is_not_paced(
    connect: Callable[..., ClaroClient], clock: ManualClock
) -> None:
    """Where no quota is reported, requests go at once, and ``rate_limit`` is empty."""
    async with RawServer(answering(reply())) as server:
        client = connect(server.base_url)
        await asyncio.gather(*(client.request("GET", "/x") for _ in range(30)))
        assert len(server.requests) == 30
        assert clock.monotonic() < 1
        assert client.rate_limit.limit is None
        assert client.rate_limit.remaining is None
        assert client.rate_limit.resets_at is None


async def test_a_429_that_tells_nothing(
    connect: Callable[..., ClaroClient], clock: ManualClock
) -> None:
    """429 without any header is answered by pauses that double."""
    statuses = [200, 429, 429, 429, 429, 200]

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"{}", statuses.pop(0)))

    async with RawServer(answer) as server:
        client = connect(server.base_url)
        await client.request("GET", "/x")
        await client.request("GET", "/x")
        assert clock.monotonic() == pytest.approx(1 + 2 + 4 + 8, abs=0.1)


async def test_headers_that_stop_coming_do_not_stop_the_client(
    connect: Callable[..., ClaroClient], clock: ManualClock
) -> None:
    """When a server falls silent about its quota, requests still go, with care."""
    sent = 0

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        sent += 1
        fields = {"X_RateLimit_Limit": "9", "X_RateLimit_Remaining": "2", "X_RateLimit_Reset": "20"}
        writer.write(reply(**fields) if sent == 1 else reply())

    async with RawServer(answer) as server:
        client = connect(server.base_url)
        await asyncio.gather(*(client.request("GET", "/x") for _ in range(12)))
        assert len(server.requests) == 12
        assert clock.monotonic() < 40


async def test_a_waiter_that_is_cancelled_passes_its_permit_on(
    emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """A call that is cancelled just as it may go leaves its place to the next one."""
    client = connect(emulator.base_url)
    gate = gate_of(client)
    assert gate.try_acquire()
    waiting = [asyncio.ensure_future(client.dataset(DATASET).get()) for _ in range(3)]
    await asyncio.sleep(0)
    gate.release(sent=False)  # gives the permit to the first of them
    waiting[0].cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert emulator.ledger.count("getDataset", 200) == 2
    assert gate._unanswered == 0
    assert not gate._waiters


async def test_cancelling_all_waiters_leaves_nothing(
    emulator: Emulator, connect: Callable[..., ClaroClient], clock: ManualClock
) -> None:
    """When everyone who waits for the quota is cancelled, no timer and no permit is left."""
    client = connect(emulator.base_url)
    gate = gate_of(client)
    assert gate.try_acquire()
    waiting = [asyncio.ensure_future(client.dataset(DATASET).get()) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    gate.release(sent=False)
    assert clock.pending == []
    assert (gate._unanswered, list(gate._waiters)) == (0, [])
    await client.dataset(DATASET).get()


async def test_a_pause_is_announced_again_when_those_who_waited_left(
    emulator: Emulator,
    connect: Callable[..., ClaroClient],
    clock: ManualClock,
    events: list[Event],
) -> None:
    """Each pause that holds a call is announced, also after one whose waiters were cancelled."""
    client = connect(emulator.base_url)

    async def meet_a_pause(count: int) -> None:
        emulator.faults.add("getDataset", "rate_limit", times=1, retry_after=30)
        task = asyncio.ensure_future(client.dataset(DATASET).get())
        await until(lambda: len(of_kind(events, QuotaPaused)) == count)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await meet_a_pause(1)
    clock.advance(40)
    await meet_a_pause(2)


async def test_a_lost_first_request_does_not_hold_the_others_back_for_good(
    emulator: Emulator, connect: Callable[..., ClaroClient], clock: ManualClock
) -> None:
    """While the request that is to learn the quota hangs, others follow one by one."""
    fault = emulator.faults.add("getDataset", "stall", times=1, after_bytes=0)
    client = connect(emulator.base_url)
    lost = asyncio.ensure_future(client.dataset(DATASET).get())
    await asyncio.sleep(0)
    await asyncio.gather(*(client.dataset(DATASET).get() for _ in range(5)))
    assert clock.monotonic() <= 2
    assert not lost.done()
    fault.release()
    await lost


async def test_closing_the_client_ends_those_who_wait(
    emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """A call that waits for the quota when its client is closed ends with an error."""
    client = connect(emulator.base_url)
    gate = gate_of(client)
    assert gate.try_acquire()
    waiting = asyncio.ensure_future(client.dataset(DATASET).get())
    await asyncio.sleep(0)
    await client.aclose()
    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError, match="closed"):
            await waiting
    assert emulator.ledger.requests == []


async def test_too_many_429_end_in_an_error_that_says_when(
    emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """After as many waits as the policy allows, the error tells how long to stay away."""
    emulator.faults.add("updateCell", "rate_limit", retry_after=5)
    client = connect(emulator.base_url, retry=RetryPolicy(max_rate_limit_waits=3))
    with pytest.raises(RateLimitError) as caught:
        await send(client, "updateCell")
    assert caught.value.retry_after == pytest.approx(5, abs=0.1)
    assert caught.value.status == 429
    assert emulator.ledger.count("updateCell", 429) == 4


async def test_backing_off_holds_no_permit(
    clock: ManualClock, connect: Callable[..., ClaroClient], events: list[Event]
) -> None:
    """While one request waits to be tried again, another one takes its place."""
    async with Emulator(clock=clock.time, sample_world=False, rate_limit=2) as emulator:
        fill(emulator)
        emulator.faults.add("getDataset", "status", status=503, times=1)
        client = connect(emulator.base_url, retry=RetryPolicy(base_delay=20, max_delay=20))
        failing = asyncio.ensure_future(client.dataset(DATASET).get())
        await until(lambda: bool(of_kind(events, RetryScheduled)))
        await client.datasets.list()
        assert not failing.done()
        assert clock.monotonic() < 5
        await failing


async def test_rate_limit_is_what_was_reported(
    clock: ManualClock, connect: Callable[..., ClaroClient]
) -> None:
    """`rate_limit` has limit, remaining and reset of the latest reply."""
    async with Emulator(clock=clock.time, sample_world=False, rate_limit=7) as emulator:
        client = connect(emulator.base_url)
        assert client.rate_limit.limit is None
        for _ in range(3):
            await client.datasets.list()
        found = client.rate_limit
        assert (found.limit, found.remaining) == (7, 4)
        assert found.resets_at is not None
        assert found.resets_at.timestamp() == pytest.approx(clock.time() + 60, abs=1.1)


@pytest.mark.parametrize("ahead", [-1800.0, -20.0, 0.0, 20.0, 1800.0])
async def test_a_server_whose_clock_differs(
    ahead: float, clock: ManualClock, connect: Callable[..., ClaroClient]
) -> None:
    """The reset is read by the server's own clock, which its ``Date`` tells."""

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        now = clock.time() + ahead
        remaining = "0" if len(server.requests) == 1 else "5"
        fields: dict[str, Any] = {
            "Date": formatdate(now, usegmt=True),
            "X_RateLimit_Limit": "5",
            "X_RateLimit_Remaining": remaining,
            "X_RateLimit_Reset": str(int(now) + 30),
        }
        writer.write(reply(**fields))

    async with RawServer(answer) as server:
        client = connect(server.base_url)
        await client.request("GET", "/x")
        await client.request("GET", "/x")
        assert 29 <= clock.monotonic() <= 32
