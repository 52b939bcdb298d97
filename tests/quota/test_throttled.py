"""What a 429 means: a used-up period, a pause that the server names, or too many at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from claro_async import RateLimitError
from claro_async.transport.quota.gate import PauseTooLongError, QuotaGate
from claro_async.transport.quota.shared_gate import SharedGate
from tests.quota.servers import REQUEST, LimitedServer, transport_to
from tests.quota.stores import NAME, FaultyStore

if TYPE_CHECKING:
    from claro_async.transport.quota.gate import Gate
    from tests.clocks import ManualClock

DAY = 86_400.0


def gate_of(clock: ManualClock, *, shared: bool) -> Gate:
    """A gate of either kind."""
    return SharedGate(FaultyStore(clock), NAME, clock) if shared else QuotaGate(clock)


def headers_of(remaining: int, **more: str) -> dict[str, str]:
    """The headers of a reply in a period that ends in 50 seconds."""
    return {
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(1_710_430_250.5),
        **{name.replace("_", "-"): text for name, text in more.items()},
    }


both = pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])


@both
async def test_a_limit_of_requests_at_once_uses_up_no_period(
    clock: ManualClock, *, shared: bool
) -> None:
    """After a 429 with requests remaining the pause is that of the header, and all go on then."""
    gate = gate_of(clock, shared=shared)
    with clock.automatic(0):
        for _ in range(2):
            await gate.acquire()
            gate.observe(200, headers_of(90), clock.monotonic())
        for _ in range(4):
            await gate.acquire()
        sent = clock.monotonic()
        gate.observe(200, headers_of(89), sent)
        gate.observe(429, headers_of(89, Retry_After="2"), sent)
        gate.observe(429, headers_of(89, Retry_After="2"), sent)
        gate.observe(200, headers_of(88), sent)
        assert gate.seconds_until_open() == pytest.approx(2)
        before = clock.monotonic()
        for number in range(40):
            await gate.acquire()
            gate.observe(200, headers_of(88 - number), clock.monotonic())
        assert 2 <= clock.monotonic() - before <= 2.2
        assert gate.throttled == 2
        await gate.close()


@both
async def test_a_limit_at_once_without_a_time_is_tried_again_soon(
    clock: ManualClock, *, shared: bool
) -> None:
    """Without ``Retry-After`` the pause is a second, however many requests were under way."""
    gate = gate_of(clock, shared=shared)
    with clock.automatic(0):
        await gate.acquire()
        gate.observe(200, headers_of(90), clock.monotonic())
        for _ in range(20):
            await gate.acquire()
        sent = clock.monotonic()
        for _ in range(20):
            await clock.sleep(0.001)
            gate.observe(429, headers_of(89), sent)
        before = clock.monotonic()
        await gate.acquire()
        assert clock.monotonic() - before <= 1.1
        gate.observe(429, headers_of(89), clock.monotonic())
        before = clock.monotonic()
        await gate.acquire()
        assert 1.9 <= clock.monotonic() - before <= 2.1
        gate.observe(200, headers_of(89), clock.monotonic())
        await gate.close()


@both
async def test_many_tasks_under_a_limit_at_once_do_not_collapse(
    clock: ManualClock, *, shared: bool
) -> None:
    """A server that takes four at once still gets some of sixteen tasks' requests each second."""
    server = LimitedServer(clock, 1000, form="epoch-ms")
    server.at_once = 4
    transport = transport_to(server, gate_of(clock, shared=shared))
    with clock.automatic(0):
        calls = (transport.exchange(REQUEST) for _ in range(16))
        results = await asyncio.gather(*calls, return_exceptions=True)
        await transport.close()
    assert not [each for each in results if isinstance(each, Exception)]
    assert clock.monotonic() <= 60
    assert server.counts == [16]


@both
@pytest.mark.parametrize("wait", [0.4, 30.0, 3601.0, DAY, 1e6])
async def test_a_retry_after_is_never_undercut(
    wait: float, clock: ManualClock, *, shared: bool
) -> None:
    """Nothing goes before the time that the server named is over, and something soon after it."""
    gate = gate_of(clock, shared=shared)
    with clock.automatic(0):
        await gate.acquire()
        gate.observe(429, {"Retry-After": f"{wait:.3f}"}, clock.monotonic())
        before = clock.monotonic()
        assert not gate.try_acquire()
        assert gate.seconds_until_open() == pytest.approx(wait)
        await asyncio.gather(gate.acquire(), gate.acquire(0.1))
        assert before + wait <= clock.monotonic() <= before + wait + 2.5
        gate.release(sent=False)
        gate.release(sent=False)
        await gate.close()


@both
async def test_a_pause_that_is_too_long_ends_the_wait(clock: ManualClock, *, shared: bool) -> None:
    """Those in the line that do not wait for so long fail at once, with the length of the pause."""
    gate = gate_of(clock, shared=shared)
    with clock.automatic(0):
        await gate.acquire()
        waits = (30.0, DAY + 1, 3600.0)
        waiting = [asyncio.ensure_future(gate.acquire(max_wait=wait)) for wait in waits]
        for _ in range(20):
            await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        gate.observe(429, {"Retry-After": str(DAY)}, clock.monotonic())
        before = clock.monotonic()
        short, long, middle = await asyncio.gather(*waiting, return_exceptions=True)
        for error in (short, middle):
            assert isinstance(error, PauseTooLongError)
            assert error.seconds == pytest.approx(DAY)
        assert long is None
        assert clock.monotonic() >= before + DAY
        gate.release(sent=False)
        await gate.close()


@both
async def test_those_who_come_later_are_sent_away_as_well(
    clock: ManualClock, *, shared: bool
) -> None:
    """A call that begins in a pause of a day ends at once with the error that says how long."""
    server = LimitedServer(clock)
    server.retry_after = DAY
    transport = transport_to(server, gate_of(clock, shared=shared))
    with clock.automatic(0):
        calls = [asyncio.ensure_future(transport.exchange(REQUEST)) for _ in range(5)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        results += await asyncio.gather(transport.exchange(REQUEST), return_exceptions=True)
        assert clock.monotonic() < 5
        await transport.close()
    assert len(results) == 6
    for error in results:
        assert isinstance(error, RateLimitError)
        assert error.retry_after == pytest.approx(DAY, abs=5)
    assert server.throttled == 1


@both
async def test_a_used_up_period_is_waited_for(clock: ManualClock, *, shared: bool) -> None:
    """A 429 with nothing remaining pauses until the reset, and one request goes ahead then."""
    gate = gate_of(clock, shared=shared)
    with clock.automatic(0):
        await gate.acquire()
        gate.observe(429, headers_of(0), clock.monotonic())
        waiting = [asyncio.ensure_future(gate.acquire()) for _ in range(3)]
        await clock.sleep(50.4)
        assert not any(task.done() for task in waiting)
        await clock.sleep(0.2)
        assert sum(task.done() for task in waiting) == 1
        gate.observe(200, headers_of(99) | {"X-RateLimit-Reset": "110"}, clock.monotonic())
        await asyncio.gather(*waiting)
        await gate.close()
