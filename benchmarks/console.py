"""What the emulator's console costs a request while nobody looks at it."""

import asyncio
import statistics
import time
from collections.abc import Iterator

from benchmarks import instructions
from benchmarks.contenders import emulated
from benchmarks.harness import Bench, Figure, Job

PAIRS = 300
REQUESTS = 400
COUNTED = (200, 1_000)
TARGET = 1.02
WHAT = "emulator with console / without"
WITHOUT, WITH = (
    Job("emulated", warmup=400, concurrency=8, arguments={"console": word})
    for word in ("no", "yes")
)


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare an emulator with a console with one without, by CPU and by instructions."""
    without, ratio = asyncio.run(alternate(bench.amount(PAIRS)))
    bench.note(f"CPU a request without a console: {without * 1e6:.1f} us")
    yield Figure.of_ratio(f"{WHAT}, CPU", ratio, TARGET)
    if instructions.is_missing(bench):
        return
    counted = [
        instructions.each(bench, f"a request, console: {job.arguments['console']}", job, COUNTED)
        for job in (WITH, WITHOUT)
    ]
    yield Figure.of_ratio(f"{WHAT}, instructions", counted[0] / counted[1], TARGET)


async def alternate(pairs: int) -> tuple[float, float]:
    """Ask one and the other by turns, for some milliseconds each.

    They share a process: between two processes, chance makes more of a difference than the console
    does. How the allocator happens to lay out the heap alone makes up to a fifth.

    Returns:
        The median seconds of CPU for a request without a console, and the median ratio.
    """
    ratios, seconds = list[float](), list[float]()
    async with emulated.opened(WITHOUT) as without, emulated.opened(WITH) as beside:
        await without(WITHOUT.warmup)
        await beside(WITH.warmup)
        for number in range(pairs):
            used = dict[bool, float]()
            for has_console in (number % 2 == 0, number % 2 == 1):
                start = time.process_time()
                await (beside if has_console else without)(REQUESTS)
                used[has_console] = time.process_time() - start
            ratios.append(used[True] / used[False])
            seconds.append(used[False] / REQUESTS)
    return statistics.median(seconds), statistics.median(ratios)
