"""What happens in a run: drawn from its seed, and nothing else.

Most runs are of a job with a journal that is interrupted, gone on with and set back, in any order.
The others are of a streamed job, or of several processes that share a quota.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from tests.simulation.latency import Constant, draw_latency
from tests.simulation.network import Fate, NetworkPlan
from tests.simulation.process import UNDISTURBED, Interruption
from tests.simulation.server import QuotaPlan, ServerPlan

if TYPE_CHECKING:
    from tests.simulation.latency import Latency

Kind: TypeAlias = Literal["update", "resume", "revert"]
Edit: TypeAlias = tuple[Any, ...]


@attrs.frozen(kw_only=True)
class ClockPlan:
    """How far a machine's clock is off: see :class:`SimulatedClock`."""

    offset: float = 0.0
    rate: float = 1.0
    steps: tuple[tuple[float, float], ...] = ()


@attrs.frozen(kw_only=True)
class Action:
    """One process: what it does, when, and what befalls it.

    Attributes:
        kind: ``update`` begins the job, ``resume`` goes on with it, ``revert`` sets it back.
        pause: Seconds before it begins.
        interruption: What befalls it.
        clock: Its machine's clock.
        beside: What another process does at the same time.
    """

    kind: Kind
    pause: float = 0.0
    interruption: Interruption = UNDISTURBED
    clock: ClockPlan = attrs.Factory(ClockPlan)
    beside: Action | None = None

    def __str__(self) -> str:
        beside = f" beside ({self.beside})" if self.beside else ""
        return f"{self.kind} after {self.pause:g} s, interruption: {self.interruption}{beside}"


@attrs.frozen(kw_only=True)
class JobPlan:
    """The edits of a job, and how they are handed in.

    Attributes:
        edits: Pairs of cell and value, or triples of row, column and value.
        form: ``list``, ``iterator``, ``async`` or ``mapping``.
        journal: Whether the job has a journal.
        keep_values: Whether values stay in it.
        skip_unchanged: As in the call.
        max_concurrency: As in the call.
        own_equal: Whether a function of the user's compares values.
        outcomes: Whether the outcomes are taken one by one, as they come.
        max_attempts: Attempts for a request.
    """

    edits: tuple[Edit, ...]
    form: str = "list"
    journal: bool = True
    keep_values: bool = True
    skip_unchanged: Any = "auto"
    max_concurrency: int = 8
    own_equal: bool = False
    outcomes: bool = False
    max_attempts: int = 4


@attrs.frozen(kw_only=True)
class Scenario:
    """One run.

    Attributes:
        seed: What it was drawn from.
        family: ``job``, ``stream`` or ``quota``.
        server: What the server is like.
        network: What the network is like.
        job: What is to be done; in the family ``quota`` each process has a part of it.
        actions: The processes, one after the other; in the family ``quota`` all at once.
        server_clock: The server's clock.
        store: Where a quota is shared: ``file``, ``redis``, or empty where it is not.
        store_outages: When that cannot be had, from and to.
        store_losses: When that loses its record, or falls back to an older one.
        others: When others use the key.
    """

    seed: int
    family: str
    server: ServerPlan
    network: NetworkPlan
    job: JobPlan
    actions: tuple[Action, ...]
    server_clock: ClockPlan = attrs.Factory(ClockPlan)
    store: str = ""
    store_outages: tuple[tuple[float, float], ...] = ()
    store_losses: tuple[float, ...] = ()
    others: tuple[float, ...] = ()

    @property
    def is_tidy(self) -> bool:
        """Whether nobody else changes anything, and what is read is what was written."""
        plan = self.server
        has_late = Fate.LATE in self.network.fates
        return not (plan.writes_by_others or plan.shifts or plan.stale_for or has_late)

    def text(self) -> str:
        """The run as a person wants to see it."""
        server, network = self.server, self.network
        fates = {str(fate): share for fate, share in network.fates.items()}
        lines = [
            f"seed {self.seed}, family {self.family}",
            f"server  {server}",
            f"        clock {self.server_clock}",
            f"network latency {network.latency}, timeout {network.timeout:g} s, fates {fates}",
            f"job     {attrs.evolve(self.job, edits=())}",
            f"        {len(self.job.edits)} edits: {self.job.edits}",
            *(f"action  {action}; {action.clock}" for action in self.actions),
        ]
        if self.store:
            lines.append(
                f"quota   shared by {self.store}, away {self.store_outages},"
                f" loses its record {self.store_losses}"
            )
        return "\n".join(lines)


def draw(seed: int) -> Scenario:
    """The scenario of a seed."""
    random = Random(f"scenario {seed}")
    family = random.choices(("job", "stream", "quota"), (7, 2, 1))[0]
    if family == "quota":
        return _draw_quota(seed, random)
    server = _draw_server(random)
    job = _draw_job(random, server, family)
    network = _draw_network(random)
    actions = _draw_actions(random, job) if family == "job" else (_draw_stream(random),)
    offset = random.choice((0.0, 0.0, 0.4, -3.0, 3600.0, -86_400.0))
    return Scenario(
        seed=seed,
        family=family,
        server=server,
        network=network,
        job=job,
        actions=actions,
        server_clock=ClockPlan(offset=offset, steps=_draw_steps(random)),
    )


def _some(random: Random, share: float) -> bool:
    return random.random() < share


def _draw_steps(random: Random) -> tuple[tuple[float, float], ...]:
    if not _some(random, 0.1):
        return ()
    return ((random.uniform(0, 200), random.choice((-3600.0, -5.0, 5.0, 3600.0))),)


def _draw_quota_plan(random: Random, *, always: bool = False) -> QuotaPlan:
    if not always and _some(random, 0.4):
        return QuotaPlan()
    return QuotaPlan(
        limit=random.choice((3, 7, 20, 50)),
        period=random.choice((1.0, 7.3, 60.0)),
        opened_by_request=_some(random, 0.5),
        reset=random.choice(
            ("epoch", "epoch", "milliseconds", "delta", "http", "iso", "absurd", "none")
        ),
        rounding=random.choice(("floor", "ceil", "round")),
        retry_after=random.choice(("seconds", "date", "none")),
    )


def _draw_server(random: Random) -> ServerPlan:
    columns = random.choice((("name",), ("name", "price"), ("price", "name", "price")))
    trouble = random.uniform(1.0, 100.0)
    span = ((trouble, trouble + random.choice((5.0, 100.0, 4000.0))),)
    shifts = random.choice((0.2, 0.6)) if _some(random, 0.1) else 0.0
    return ServerPlan(
        rows=random.choice((10, 20) if shifts else (2, 5, 10, 20)),
        columns=columns,
        page_rows=random.choice((2, 7) if shifts else (2, 7, 1000)),
        quota=_draw_quota_plan(random),
        requests_at_once=random.choice((1, 2, 5)) if _some(random, 0.1) else None,
        locked=span if _some(random, 0.08) else (),
        revoked=span if _some(random, 0.08) else (),
        denied=_some(random, 0.5),
        stale_for=random.choice((0.5, 20.0)) if _some(random, 0.05) else 0.0,
        writes_by_others=_draw_times(random) if _some(random, 0.15) else (),
        shifts=shifts,
    )


def _draw_times(random: Random) -> tuple[float, ...]:
    span = random.choice((1.0, 20.0, 200.0))
    return tuple(sorted(random.uniform(0.0, span) for _ in range(random.randint(1, 8))))


def _draw_network(random: Random) -> NetworkPlan:
    latency: Latency = draw_latency(random)
    fates: dict[Fate, float] = {}
    if _some(random, 0.7):
        share = random.choice((0.02, 0.1, 0.3))
        chosen = random.sample(list(Fate)[1:], random.randint(1, 4))
        fates = {fate: share / len(chosen) for fate in chosen}
    return NetworkPlan(latency=latency, fates=fates, timeout=max(60.0, 20 * latency.mean))


def _draw_job(random: Random, server: ServerPlan, family: str) -> JobPlan:
    count = random.choice((5, 12, 30, 60))
    form = random.choice(("list", "list", "iterator", "async", "mapping"))
    edits = tuple(_draw_edit(random, server, place, form) for place in range(count))
    if form == "mapping":
        edits = tuple({edit[0]: edit for edit in edits}.values())
    return JobPlan(
        edits=edits,
        form=form,
        journal=family == "job",
        keep_values=not _some(random, 0.1),
        skip_unchanged=random.choice(("auto", True, False)),
        max_concurrency=random.choice((1, 2, 8, 32)),
        own_equal=_some(random, 0.1),
        outcomes=family == "stream" and _some(random, 0.4),
        max_attempts=random.choice((1, 2, 4)),
    )


def _draw_edit(random: Random, server: ServerPlan, place: int, form: str) -> Edit:
    row, column = random.randrange(server.rows), random.randrange(len(server.columns))
    kind = random.random()
    value: Any = random.choice((f"new {place}", place, place + 0.5, {"edit": place}))
    if kind < 0.1:
        value = f"old {row} col{column}"  # what the cell holds already
    if kind > 0.97:
        return f"missing-{place % 3}/col0", value
    if form != "mapping" and random.random() < 0.25:
        by_name = random.random() < 0.5
        return f"row-{row}", server.columns[column] if by_name else f"col{column}", value
    return f"row-{row}/col{column}", value


def _draw_interruption(random: Random, *, journal: bool = True) -> Interruption:
    step = int(10 ** random.uniform(0.5, 3.2))
    write = random.randint(1, 12)
    torn = random.random() < 0.3
    anywhere = (
        Interruption(kill_at_step=step, torn_tail=torn),
        Interruption(kill_at_step=step, torn_tail=torn),
        Interruption(cancel_at_step=step),
        Interruption(callback_raises_at=random.randint(1, 10)),
        Interruption(stop_at_step=step),
    )
    on_disk = (
        Interruption(kill_before_commit=write, torn_tail=torn),
        Interruption(kill_after_commit=write, torn_tail=torn),
        Interruption(disk_full_at_write=write),
        Interruption(disk_full_at_write=write, disk_full_for=random.choice((3, 999))),
    )
    return random.choice(anywhere + on_disk if journal else anywhere)


def _draw_clock(random: Random) -> ClockPlan:
    return ClockPlan(
        offset=random.choice((0.0, 0.0, 0.0, 0.3, -25.0, 1000.0, 86_400.0)),
        rate=random.choice((1.0, 1.0, 0.99995, 1.00005)),
        steps=_draw_steps(random),
    )


def _draw_actions(random: Random, job: JobPlan) -> tuple[Action, ...]:
    interrupt = random.random() < 0.9
    first = _draw_interruption(random) if interrupt else UNDISTURBED
    if interrupt and job.form in {"iterator", "async"} and random.random() < 0.15:
        first = Interruption(input_raises_at=random.randint(1, len(job.edits)))
    if interrupt and job.own_equal and random.random() < 0.3:
        first = Interruption(equal_raises_at=random.randint(1, 5))
    actions = [Action(kind="update", interruption=first, clock=_draw_clock(random))]
    later = range(random.choice((0, 1, 1, 2, 3, 4)))
    return (*actions, *(_draw_later(random, beside=random.random() < 0.15) for _ in later))


def _draw_later(random: Random, *, beside: bool = False) -> Action:
    kind: Kind = "resume" if random.random() < 0.6 else "revert"
    return Action(
        kind=kind,
        pause=random.choice((0.0, 0.0, 0.05, 1.0, 100.0)),
        interruption=_draw_interruption(random) if random.random() < 0.6 else UNDISTURBED,
        clock=_draw_clock(random),
        beside=_draw_later(random) if beside else None,
    )


def _draw_stream(random: Random) -> Action:
    interrupt = random.random() < 0.5
    interruption = _draw_interruption(random, journal=False) if interrupt else UNDISTURBED
    return Action(kind="update", interruption=interruption, clock=_draw_clock(random))


def _draw_quota(seed: int, random: Random) -> Scenario:
    quota = attrs.evolve(
        _draw_quota_plan(random, always=True),
        limit=random.choice((6, 20, 50)),
        reset=random.choice(("epoch", "milliseconds", "delta", "http", "iso")),
    )
    members = random.randint(1, 4)
    per_member = random.choice((10, 30, 60))
    server = ServerPlan(rows=members * per_member, quota=quota)
    edits = tuple((f"row-{place}/col0", f"new {place}") for place in range(server.rows))
    network = NetworkPlan(latency=Constant(random.choice((0.005, 0.05, 0.3))))
    if _some(random, 0.4):
        fates = {random.choice((Fate.RESET_BEFORE, Fate.RESET_AFTER, Fate.ERROR_BEFORE)): 0.05}
        network = attrs.evolve(network, fates=fates)
    store = random.choice(("file", "redis")) if members > 1 else random.choice(("", "file"))
    outage = random.uniform(0.0, 60.0)
    away = ((outage, outage + random.choice((0.5, 20.0, 60.0))),)
    actions = tuple(
        Action(
            kind="update",
            pause=random.choice((0.0, 0.0, 1.0, 30.0)),
            interruption=Interruption(kill_at_step=int(10 ** random.uniform(1, 3)))
            if _some(random, 0.2)
            else UNDISTURBED,
            clock=_draw_clock(random),
        )
        for _ in range(members)
    )
    return Scenario(
        seed=seed,
        family="quota",
        server=server,
        network=network,
        job=JobPlan(edits=edits, form="iterator", journal=False, skip_unchanged=False),
        actions=actions,
        server_clock=ClockPlan(offset=random.choice((0.0, -3.0, 3600.0))),
        store=store,
        store_outages=away if store == "redis" and _some(random, 0.3) else (),
        store_losses=_draw_times(random)[:2] if store == "redis" and _some(random, 0.2) else (),
        others=_draw_times(random) if _some(random, 0.1) else (),
    )
