"""How much of a quota is used, by one client and by four processes that share it in a file.

The server is the emulator, which counts. Its window is shorter than a minute so that the bench is;
the time lost between two windows weighs the more.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from benchmarks.harness import Bench, Figure, Job, run_contender
from claro_async.emulator import Emulator

LIMIT, WINDOW, LATENCY = 300, 3.0, 0.02
ROWS = 3000
EDITS, PROCESSES = 3000, 4
ALONE_TARGET, TOGETHER_TARGET, SHARES_TARGET = 0.99, 0.97, 0.10


@dataclass(slots=True)
class Window:
    """One of the server's windows: when it began, and its requests for each dataset."""

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
        rate_window=WINDOW,
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
        windows = windows_of(emulator)
        throttled = emulator.ledger.count(status=429)
        bench.note(
            f"{name}: in any {WINDOW:g} s, wherever the server's windows begin:"
            f" {emulator.ledger.max_in_window(WINDOW)} requests"
        )
    used = use(windows)
    most = max(window.counts.total() for window in windows)
    target = ALONE_TARGET if processes == 1 else TOGETHER_TARGET
    text = f"at least {100 * target:.0f}"
    yield Figure(f"quota used, {name}", 100 * used, "%", text, met=used >= target)
    yield Figure(f"throttled, {name}", throttled, "", "exactly 0", met=not throttled)
    text = f"at most {LIMIT}"
    yield Figure(f"most counted in a window, {name}", most, "", text, met=most <= LIMIT)
    if processes > 1:
        apart = spread(windows, processes)
        text = f"at most {100 * SHARES_TARGET:.0f}"
        yield Figure(f"shares, {name}", 100 * apart, "% apart", text, met=apart <= SHARES_TARGET)


def windows_of(emulator: Emulator) -> list[Window]:
    """Return the emulator's windows, each of which opens with its first request."""
    windows: list[Window] = []
    for record in sorted(emulator.ledger.requests, key=lambda record: record.received_at):
        if not windows or record.received_at >= windows[-1].began + WINDOW:
            windows.append(Window(record.received_at))
        windows[-1].counts[record.raw_path.rsplit("/", 3)[1]] += 1
    return windows


def use(windows: Sequence[Window]) -> float:
    """Return the share used of what was allowed from the first window to the last."""
    allowed = LIMIT * (windows[-1].began - windows[0].began) / WINDOW
    return sum(window.counts.total() for window in windows[:-1]) / allowed


def spread(windows: Sequence[Window], processes: int) -> float:
    """Return by which share the least differs from the largest while all had work."""
    together = [window.counts for window in windows[1:-1] if len(window.counts) == processes]
    shares = sum(together, start=Counter[str]())
    return 1 - min(shares.values()) / max(shares.values())
