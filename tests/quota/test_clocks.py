"""Clocks that are wrong, or set while requests are under way: pacing goes on as before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from claro_async.transport.quota.gate import QuotaGate
from claro_async.transport.quota.shared_gate import SharedGate
from tests.clocks import OtherClock
from tests.quota.servers import FarServer, LimitedServer, send_many, transport_to
from tests.quota.stores import NAME, FaultyStore

if TYPE_CHECKING:
    from claro_async.emulator.clock import ResetFormat
    from claro_async.transport.quota.gate import Gate
    from claro_async.transport.transport import Transport
    from tests.clocks import ManualClock

DAY = 86_400.0
HOUR = 3600.0


class Member:
    """One of several clients, on a machine of its own."""

    def __init__(self, server: LimitedServer, gate: Gate, clock: OtherClock) -> None:
        self.clock = clock
        self.far = FarServer(server)
        self.transport: Transport = transport_to(self.far, gate)
        self.job: asyncio.Future[list[None]] | None = None

    def begin(self, tasks: int = 16) -> None:
        """Send for ever, side by side."""
        self.job = asyncio.gather(*(send_many(self.transport, 10**7) for _ in range(tasks)))

    async def end(self) -> None:
        """Stop, and close the client."""
        if self.job is not None:
            self.job.cancel()
            await asyncio.gather(self.job, return_exceptions=True)
        await self.transport.close()


def sharing(
    server: LimitedServer, store: FaultyStore, ahead: float = 0.0, origin: float = 0.0
) -> Member:
    """A member that shares the quota in a store."""
    clock = OtherClock(server.clock, ahead, origin)
    gate = SharedGate(store, NAME, clock)
    return Member(server, gate, clock)


def share_of(members: list[Member]) -> float:
    """By which share the least of them has less than the most."""
    sent = [member.far.sent for member in members]
    return 1 - min(sent) / max(sent)


@pytest.mark.parametrize("form", ["epoch", "epoch-ms", "delta", "http-date", "iso"])
@pytest.mark.parametrize("ahead", [25.0, -DAY, DAY], ids=["25 s", "-1 day", "1 day"])
async def test_a_member_whose_clock_is_wrong(
    form: ResetFormat, ahead: float, clock: ManualClock
) -> None:
    """Of three members one has a wrong clock: nobody waits for that, nobody gets more or less."""
    server, store = LimitedServer(clock, form=form), FaultyStore(clock)
    members = [sharing(server, store, each, 1000 * each) for each in (0.0, ahead, 0.3)]
    with clock.automatic(0):
        for member in members:
            member.begin()
        await clock.sleep(60 * 7.5)
        shares = share_of(members)
        for member in members:
            await member.end()
    assert max(server.counts) <= 300
    assert server.throttled <= 2
    assert server.utilisation >= 0.98
    assert shares <= 0.05


async def test_a_member_that_joins_with_a_wrong_clock(clock: ManualClock) -> None:
    """A joiner whose clock is 1,000 s ahead stops nobody, and has its share in the next period."""
    server, store = LimitedServer(clock, form="epoch-ms"), FaultyStore(clock)
    first, second = members = [sharing(server, store), sharing(server, store, 1000.0, 77.0)]
    with clock.automatic(0):
        first.begin()
        await clock.sleep(130)
        second.begin()
        await clock.sleep(60)
        before = [member.far.sent for member in members]
        await clock.sleep(240)
        sent = [member.far.sent - least for member, least in zip(members, before, strict=True)]
        for member in members:
            await member.end()
    assert before[1] > 100
    assert abs(sent[0] - sent[1]) <= 0.05 * max(sent)
    assert server.throttled == 0
    assert server.utilisation >= 0.98


async def test_members_whose_clocks_are_set_while_they_run(clock: ManualClock) -> None:
    """Wall clocks that jump by hours and days in either direction change nothing."""
    server, store = LimitedServer(clock, form="epoch-ms"), FaultyStore(clock)
    members = [sharing(server, store), sharing(server, store)]
    with clock.automatic(0):
        for member in members:
            member.begin()
        for step in (HOUR, -DAY, 0.7, DAY, -30.0, 5.0):
            await clock.sleep(55)
            members[0].clock.ahead += step
            members[1].clock.ahead -= step
        await clock.sleep(60)
        for member in members:
            await member.end()
    assert max(server.counts) <= 300
    assert server.throttled == 0
    assert server.utilisation >= 0.98


@pytest.mark.parametrize("form", ["epoch", "epoch-ms", "delta", "http-date", "iso"])
@pytest.mark.parametrize("aligned", [False, True], ids=["anchored", "aligned"])
@pytest.mark.parametrize("step", [-HOUR, -5.0, 30.0, DAY])
@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])
async def test_a_server_whose_clock_is_set(
    form: ResetFormat, step: float, clock: ManualClock, *, aligned: bool, shared: bool
) -> None:
    """A server's clock that is set costs a few requests or a little time, not a period."""
    server, store = LimitedServer(clock, form=form, aligned=aligned), FaultyStore(clock)
    if shared:
        members = [sharing(server, store), sharing(server, store, 0.2)]
    else:
        members = [Member(server, QuotaGate(clock), OtherClock(clock))]
    with clock.automatic(0):
        for member in members:
            member.begin()
        for _ in range(3):
            await clock.sleep(175)
            server.ahead += step
        await clock.sleep(120)
        for member in members:
            await member.end()
    assert max(server.counts) <= 300
    assert server.throttled <= 6
    assert server.utilisation >= 0.96


async def test_a_store_whose_clock_is_set(clock: ManualClock) -> None:
    """The store's clock is not needed while members know the record: it may jump as it likes."""
    server, store = LimitedServer(clock, form="epoch-ms"), FaultyStore(clock)
    members = [sharing(server, store), sharing(server, store, origin=5.0)]
    with clock.automatic(0):
        for member in members:
            member.begin()
        for step in (DAY, -2 * DAY, HOUR):
            await clock.sleep(75)
            store.ahead += step
        await clock.sleep(75)
        for member in members:
            await member.end()
    assert server.throttled == 0
    assert server.utilisation >= 0.98
