"""How much of a quota is used, by one client and by four processes that share it in a file.

The server is the emulator, which counts. Its period is shorter than a minute so that the bench is;
the time lost between two periods weighs the more.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from benchmarks.harness import Bench, Figure, Job, run_contender
from claro_async.emulator import Emulator

LIMIT, PERIOD, LATENCY = 300, 3.0, 0.02
ROWS = 3000
EDITS, PROCESSES = 3000, 4
ALONE_TARGET, TOGETHER_TARGET, SHARES_TARGET = 0.99, 0.97, 0.10


@dataclass(slots=True)
class Period:
    """One of the server's periods: when it began, and its requests for each dataset."""

    began: float
    counts: Counter[str] = field(default_factory=Counter)


def measure(bench: Bench) -> Iterator[Figure]:
    """Let the clients do their edits, and read what the server counted."""
    edits = bench.amount(EDITS)
    yield from figures(bench, "one client", edits, processes=1)
    yield from figures(bench, f"{PROCESSES} processes", edits // PROCESSES, processes=PROCESSES)


def figures(bench: Bench, name: str, edits: int, *, processes: int) -> Iterator[Figure]:
    """Run some processes against one emulator."""
    quota = (bench.scratch / "quota.db").as_uri() if processes > 1 else ""
    with Emulator(
        rate_limit=LIMIT,
        rate_window=PERIOD,
        latency=LATENCY,
        reset_format="epoch-ms",
        sample_world=False,
    ) as emulator:
        jobs = [
            Job(
                "quota_edits",
                emulator.base_url,
                edits,
                concurrency=32 // processes,
                arguments={
                    "key": emulator.api_key,
                    "quota": quota,
                    "rows": str(ROWS),
                    "dataset_id": emulator.add_dataset(f"{number}", ["a"], [["b"]] * ROWS),
                },
            )
            for number in range(processes)
        ]
        with ThreadPoolExecutor(processes) as threads:
            list(threads.map(run_contender, jobs))
        periods = periods_of(emulator)
        throttled = emulator.ledger.count(status=429)
        bench.note(
            f"{name}: in any {PERIOD:g} s, wherever the server's periods begin:"
            f" {emulator.ledger.max_in_window(PERIOD)} requests"
        )
    used = use(periods)
    most = max(period.counts.total() for period in periods)
    target = ALONE_TARGET if processes == 1 else TOGETHER_TARGET
    text = f"at least {100 * target:.0f}"
    yield Figure(f"quota used, {name}", 100 * used, "%", text, met=used >= target)
    yield Figure(f"throttled, {name}", throttled, "", "exactly 0", met=not throttled)
    text = f"at most {LIMIT}"
    yield Figure(f"most counted in a period, {name}", most, "", text, met=most <= LIMIT)
    if processes > 1:
        apart = spread(periods, processes)
        text = f"at most {100 * SHARES_TARGET:.0f}"
        yield Figure(f"shares, {name}", 100 * apart, "% apart", text, met=apart <= SHARES_TARGET)


def periods_of(emulator: Emulator) -> list[Period]:
    """Return the emulator's periods, each of which opens with its first request."""
    periods: list[Period] = []
    for record in sorted(emulator.ledger.requests, key=lambda record: record.received_at):
        if not periods or record.received_at >= periods[-1].began + PERIOD:
            periods.append(Period(record.received_at))
        periods[-1].counts[record.raw_path.rsplit("/", 3)[1]] += 1
    return periods


def use(periods: Sequence[Period]) -> float:
    """Return the share used of what was allowed from the first period to the last."""
    allowed = LIMIT * (periods[-1].began - periods[0].began) / PERIOD
    return sum(period.counts.total() for period in periods[:-1]) / allowed


def spread(periods: Sequence[Period], processes: int) -> float:
    """Return by which share the least differs from the largest while all had work."""
    together = [period.counts for period in periods[1:-1] if len(period.counts) == processes]
    shares = sum(together, start=Counter[str]())
    return 1 - min(shares.values()) / max(shares.values())
