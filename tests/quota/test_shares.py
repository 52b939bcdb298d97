"""Several clients that share one record: even shares, nothing lost, nobody shut out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claro_async.errors import ConfigurationError, ConnectionFailedError
from claro_async.transport.events import Event, QuotaPaused, QuotaResumed, RequestSent
from claro_async.transport.quota.fair_share import Report, SharedQuota
from claro_async.transport.quota.headers import QuotaHeaders
from claro_async.transport.quota.phases import InPeriod
from claro_async.transport.quota.shared_gate import SharedGate
from tests.quota.servers import REQUEST, FarServer, LimitedServer, send_many, transport_to
from tests.quota.stores import NAME, FaultyStore, send_report

if TYPE_CHECKING:
    from claro_async.emulator.clock import ResetFormat
    from claro_async.quota_store import Change
    from claro_async.transport.transport import Transport
    from tests.clocks import ManualClock


@attrs.define
class Client:
    """One of several clients of a server."""

    far: FarServer
    gate: SharedGate
    transport: Transport
    events: list[Event]

    async def send(self, count: int, *, tasks: int = 16, reserve: float = 0.0) -> None:
        """Send so many requests from so many tasks."""
        each = (send_many(self.transport, count // tasks, reserve=reserve) for _ in range(tasks))
        await asyncio.gather(*each)


def clients_of(
    server: LimitedServer, store: FaultyStore, count: int, *, further: float = 0.0
) -> list[Client]:
    """Clients that share a record, each further away from the server than the one before."""
    clients = []
    for number in range(count):
        far, events = FarServer(server, number * further), list[Event]()
        gate = SharedGate(store, NAME, server.clock, events.append, close_store=store.close)
        clients.append(Client(far, gate, transport_to(far, gate), events))
    return clients


async def close(clients: list[Client]) -> None:
    """Close them all."""
    for client in clients:
        await client.transport.close()


def assert_even(numbers: list[int], tolerance: float) -> None:
    """Nobody has less than the others by more than this share."""
    assert max(numbers) - min(numbers) <= tolerance * max(numbers), numbers


@pytest.mark.parametrize("period", [3.0, 60.0])
@pytest.mark.parametrize("form", ["epoch", "epoch-ms", "delta"])
@pytest.mark.parametrize("aligned", [False, True], ids=["anchored", "aligned"])
async def test_four_clients_share_evenly(
    form: ResetFormat, period: float, *, aligned: bool, clock: ManualClock
) -> None:
    """All of the quota is used, without a 429, and when the first is done all have had the same."""
    clock.set_time(1_710_430_200.3)
    server = LimitedServer(clock, 300, period, aligned, form)
    store = FaultyStore(clock)
    clients = clients_of(server, store, 4)
    shares: list[list[int]] = []

    async def work(client: Client) -> None:
        await client.send(1504)
        shares.append([each.far.sent for each in clients])

    with clock.automatic(0):
        await asyncio.gather(*map(work, clients))
        await close(clients)
    assert server.throttled == 0
    assert server.utilisation >= (0.97 if period < 60 else 0.99)
    assert max(server.counts) <= 300
    assert_even(shares[0], 0.01)
    assert store.shared.members == {}
    assert clock.pending == []


async def test_clients_at_different_distances(clock: ManualClock) -> None:
    """A client with 9 times the latency has its share as long as it can use it."""
    server = LimitedServer(clock, form="epoch-ms")
    clients = clients_of(server, FaultyStore(clock), 4, further=0.06)
    with clock.automatic(0):
        tasks = [asyncio.ensure_future(client.send(10**7)) for client in clients]
        await clock.sleep(60 * 9.9)
        shares = [client.far.sent for client in clients]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await close(clients)
    assert_even(shares, 0.03)
    assert server.throttled == 0
    assert server.utilisation >= 0.98


async def test_what_one_does_not_want_others_use(clock: ManualClock) -> None:
    """Beside a client with a call every second, and an idle one, a job uses all the rest."""
    server = LimitedServer(clock, form="epoch-ms")
    clients = clients_of(server, FaultyStore(clock), 3)
    busy, modest, _ = clients
    waited: list[float] = []

    async def call_each_second() -> None:
        for _ in range(300):
            await clock.sleep(1)
            before = clock.monotonic()
            await modest.transport.exchange(REQUEST)
            waited.append(clock.monotonic() - before)

    with clock.automatic(0):
        job = asyncio.ensure_future(busy.send(10**7))
        await call_each_second()
        assert busy.far.sent >= 0.78 * 1500
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
        await close(clients)
    assert server.throttled == 0
    assert server.utilisation >= 0.97
    assert sum(seconds < 1.5 for seconds in waited) >= 0.97 * len(waited)


async def test_a_client_that_joins_has_its_share_at_once(clock: ManualClock) -> None:
    """From the next period on, two clients have half each, however long one worked alone."""
    server = LimitedServer(clock, form="epoch-ms")
    first, second = clients = clients_of(server, FaultyStore(clock), 2)
    with clock.automatic(0):
        tasks = [asyncio.ensure_future(first.send(10**7))]
        await clock.sleep(130)
        tasks.append(asyncio.ensure_future(second.send(10**7)))
        await clock.sleep(60)
        before = [client.far.sent for client in clients]
        await clock.sleep(240)
        shares = [client.far.sent - sent for client, sent in zip(clients, before, strict=True)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await close(clients)
    assert before[0] > 600
    assert_even(shares, 0.02)


async def test_a_job_leaves_its_reserve_to_all_clients(clock: ManualClock) -> None:
    """With a tenth left by the jobs of three clients, a fourth one's calls go at once."""
    server = LimitedServer(clock, form="epoch-ms")
    clients = clients_of(server, FaultyStore(clock), 4)
    took: list[float] = []
    with clock.automatic(0):
        jobs = [asyncio.ensure_future(each.send(10**7, reserve=0.1)) for each in clients[:3]]
        for _ in range(60):
            await clock.sleep(7.3)
            before = clock.monotonic()
            await clients[3].transport.exchange(REQUEST)
            took.append(clock.monotonic() - before)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        await close(clients)
    assert max(took) <= 0.3
    assert server.throttled == 0
    assert_even([client.far.sent for client in clients[:3]], 0.02)


async def test_the_dead_do_not_keep_their_permits(clock: ManualClock) -> None:
    """A client that vanishes with requests under way costs at most those, in that period only."""
    server = LimitedServer(clock, form="epoch-ms")
    store = FaultyStore(clock)
    clients = clients_of(server, store, 2)
    await send_report(store, Report(member="vanished", number=1, want=16), clock.monotonic)
    with clock.automatic(0):
        await asyncio.gather(*(client.send(752) for client in clients))
        await close(clients)
    assert server.throttled == 0
    assert min(server.counts[:-1]) >= 300 - 16
    assert server.counts[1:-1] == [300] * (len(server.counts) - 2)
    assert clock.monotonic() < 60 * 5 + 10


async def test_a_client_that_vanishes_while_it_asks(clock: ManualClock) -> None:
    """When the one that was to learn about the next period is gone, another one asks soon."""
    server = LimitedServer(clock, form="epoch-ms")
    store = FaultyStore(clock)
    answer = await send_report(store, Report(member="vanished", number=1, want=1), clock.monotonic)
    assert answer.granted == 1
    clients = clients_of(server, store, 1)
    with clock.automatic(0):
        await clients[0].send(16)
        await close(clients)
    assert clock.monotonic() < 1.2


async def test_a_lost_answer_counts_once(clock: ManualClock) -> None:
    """A report that was stored though the store failed then is sent again, and counts once."""
    server = LimitedServer(clock, form="epoch-ms")
    store = FaultyStore(clock)
    (client,) = clients_of(server, store, 1)
    with clock.automatic(0):
        job = asyncio.ensure_future(client.send(592))
        for _ in range(40):
            await clock.sleep(0.5)
            store.lost_answers = 1
        await job
        store.lost_answers = 0
        await clock.sleep(2)
        assert store.shared.members[client.gate._member].held == 0
        await close([client])
    assert client.far.sent == 592
    assert server.throttled == 0
    assert server.counts == [300, 292]


async def test_a_store_that_is_away_for_a_moment(clock: ManualClock) -> None:
    """Some failures of the store only cost time."""
    server = LimitedServer(clock, form="epoch-ms")
    store = FaultyStore(clock)
    store.failures = 3
    (client,) = clients_of(server, store, 1)
    with clock.automatic(0):
        await client.send(32)
        await close([client])
    assert sum(server.counts) == 32
    assert clock.monotonic() < 2


async def test_a_store_that_stays_away(clock: ManualClock) -> None:
    """When the store cannot be had, those who wait fail; it can come back."""
    server = LimitedServer(clock, form="epoch-ms")
    store = FaultyStore(clock)
    store.failures = 1000
    (client,) = clients_of(server, store, 1)
    with clock.automatic(0):
        calls = [client.transport.exchange(REQUEST) for _ in range(3)]
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(error, ConnectionFailedError) for error in errors)
        assert len({id(error) for error in errors}) == 3
        assert server.counts == []
        store.failures = 0
        await client.send(16)
        await close([client])
    assert server.counts == [16]
    assert store.closed == 1


async def test_a_store_that_is_none(clock: ManualClock) -> None:
    """An error of the settings is raised at once, without another try."""

    class NoStore(FaultyStore):
        async def update(self, name: str, change: Change, *, run: str = "") -> None:  # noqa: ARG002
            self.updates += 1
            raise ConfigurationError("not a store")

    server, store = LimitedServer(clock), NoStore(clock)
    (client,) = clients_of(server, store, 1)
    with clock.automatic(0):
        with pytest.raises(ConfigurationError, match="not a store"):
            await client.transport.exchange(REQUEST)
        assert store.updates == 1
        assert client.gate.rate_limit.limit is None
        await close([client])


async def test_cancelled_calls_give_their_permits_back(clock: ManualClock) -> None:
    """Calls cancelled at any step of the event loop leave no permit, task or timer behind."""
    server = LimitedServer(clock, 1000, form="epoch-ms")
    store = FaultyStore(clock)
    (client,) = clients_of(server, store, 1)
    with clock.automatic(0):
        for step in range(40):
            calls = [asyncio.ensure_future(client.send(3, tasks=1)) for _ in range(6)]
            for _ in range(step):
                await asyncio.sleep(0)
            for call in calls[::2]:
                call.cancel()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in results[::2])
            assert results[1::2] == [None] * 3
        await clock.sleep(2)
        assert client.gate._held == 0
        assert [each.held for each in store.shared.members.values()] == [0]
        assert clock.pending == []
        assert len(asyncio.all_tasks()) == 1
        await close([client])
    assert store.shared.members == {}


async def test_closing_ends_those_who_wait(clock: ManualClock) -> None:
    """Closed in the middle of a job, a client fails what waits, and is no member any more."""
    server = LimitedServer(clock, 10, form="epoch-ms")
    store = FaultyStore(clock)
    clients = clients_of(server, store, 2)
    with clock.automatic(0):
        tasks = [
            asyncio.ensure_future(client.transport.exchange(REQUEST))
            for client in clients
            for _ in range(12)
        ]
        await clock.sleep(5)
        assert set(store.shared.members) == {client.gate._member for client in clients}
        await clients[0].transport.close()
        results = await asyncio.gather(*tasks[:12], return_exceptions=True)
        closed = [each for each in results if isinstance(each, RuntimeError)]
        assert 5 <= len(closed) <= 8
        assert set(store.shared.members) == {clients[1].gate._member}
        with pytest.raises(RuntimeError, match="closed"):
            await clients[0].gate.acquire()
        await asyncio.gather(*tasks[12:])
        await close(clients)
    assert store.shared.members == {}


async def test_pauses_are_announced_to_every_client(clock: ManualClock) -> None:
    """Each client that waits for the next period says so once, and when it goes on."""
    server = LimitedServer(clock, 20, form="epoch-ms")
    clients = clients_of(server, FaultyStore(clock), 2)
    with clock.automatic(0):
        await asyncio.gather(*(client.send(16) for client in clients))
        await close(clients)
    for client in clients:
        kinds = [type(event) for event in client.events if not isinstance(event, RequestSent)]
        kinds = [kind for kind in kinds if kind in {QuotaPaused, QuotaResumed}]
        assert kinds == [QuotaPaused, QuotaResumed]


async def test_all_know_what_one_heard(clock: ManualClock) -> None:
    """The rate limit is that of the key, whichever client heard of it."""
    server = LimitedServer(clock, 20, form="epoch-ms")
    clients = clients_of(server, FaultyStore(clock), 2)
    with clock.automatic(0):
        await clients[0].send(16)
        await clients[1].send(1, tasks=1)
        known = clients[1].gate.rate_limit
        assert (known.limit, known.remaining) == (20, 3)
        await close(clients)


async def test_a_server_that_tells_nothing_is_not_paced(clock: ManualClock) -> None:
    """Where no reply tells of a quota, all that wait go in one transaction."""
    store = FaultyStore(clock)
    gate = SharedGate(store, NAME, clock)
    with clock.automatic(0):
        await gate.acquire()
        gate.observe(200, {}, clock.monotonic())
        before = store.updates
        await asyncio.gather(*(gate.acquire() for _ in range(500)))
        assert store.updates <= before + 2
        for _ in range(500):
            gate.observe(200, {}, clock.monotonic())
        await gate.close()


members = st.sampled_from(["a", "b", "c"])
steps = st.lists(
    st.tuples(members, st.integers(0, 9), st.integers(0, 5), st.integers(0, 3), st.booleans()),
    max_size=60,
)


class Model:
    """A server with one period of a minute that is not over, and the requests under way.

    Like a real one it answers 429 to what is over its limit.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.now = 1000.0
        self.ends = str(1060)
        self.counted = 0
        self.held = dict.fromkeys("abc", 0)

    def end(self, name: str, count: int, *, lost: bool) -> list[QuotaHeaders]:
        """Requests of a client reach the server; the replies, where they are not lost."""
        self.held[name] -= count
        replies = []
        for _ in range(count):
            served = self.counted < self.limit
            self.counted += served
            status, remaining = 200 if served else 429, self.limit - self.counted
            replies.append(
                QuotaHeaders(status, self.now - 0.05, self.now, self.limit, remaining, self.ends)
            )
        return [] if lost else replies


@given(steps, st.integers(1, 40))
def test_never_more_than_remains(steps: list[tuple[str, int, int, int, bool]], limit: int) -> None:
    """In no order of reports are more permits out than the server has left, but for lost probes."""
    shared, server = SharedQuota(), Model(limit)
    numbers = dict.fromkeys("abc", 0)
    lost_probes = 0
    for name, want, background, done, lost in steps:
        server.now += 0.1
        ending = min(done, server.held[name])
        if lost and shared.quota.limit is None:
            lost_probes += ending
        replies = server.end(name, ending, lost=lost)
        numbers[name] += 1
        report = Report(
            member=name,
            number=numbers[name],
            replies=replies,
            held=server.held[name],
            lost=ending if lost else 0,
            want=want,
            background=background,
            reserve=0.2,
        )
        answer = shared.take(report, server.now)
        assert 0 <= answer.granted <= want
        assert 0 <= answer.background <= background
        assert answer.check_in > 0
        server.held[name] += answer.granted + answer.background
        assert server.held == {
            each: shared.members[each].held if each in shared.members else 0 for each in server.held
        }
        if isinstance(shared.quota.phase, InPeriod):
            assert server.counted + sum(server.held.values()) <= limit + lost_probes
