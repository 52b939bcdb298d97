"""What the emulator's console costs a request while nobody looks at it."""

from collections.abc import Iterator
from dataclasses import replace

from benchmarks import instructions
from benchmarks.harness import Bench, Figure, Job

ROUNDS = 15
REQUESTS = 6_000
COUNTED = (200, 1_000)
TARGET = 1.02
WHAT = "emulator with console / without"


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare an emulator with a console with one without, by CPU and by instructions."""
    job = Job("emulated", requests=bench.amount(REQUESTS), warmup=400, concurrency=8)
    jobs = {word: replace(job, arguments={"console": word}) for word in ("yes", "no")}
    series = bench.run(jobs, bench.rounds(ROUNDS))
    bench.note(f"CPU a request without a console: {series.cpu_each('no') * 1e6:.1f} us")
    yield Figure.of_ratio(f"{WHAT}, CPU", series.cpu_ratio("yes", "no"), TARGET)
    if instructions.is_missing(bench):
        return
    counted = {
        word: instructions.each(bench, f"a request, console: {word}", job, COUNTED)
        for word, job in jobs.items()
    }
    yield Figure.of_ratio(f"{WHAT}, instructions", counted["yes"] / counted["no"], TARGET)
