"""What the emulator's console costs a request while nobody looks at it."""

import shutil
from collections.abc import Iterator
from dataclasses import replace

from benchmarks import instructions
from benchmarks.harness import Bench, Figure, Job

ROUNDS = 15
REQUESTS = 6_000
COUNTED = (200, 1_000)
TARGET = 1.02


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare an emulator with a console with one without, by CPU and by instructions."""
    job = Job("emulated", requests=bench.amount(REQUESTS), warmup=400, concurrency=8)
    jobs = {word: replace(job, arguments={"console": word}) for word in ("yes", "no")}
    series = bench.run(jobs, bench.rounds(ROUNDS))
    bench.note(f"CPU a request without a console: {series.cpu_each('no') * 1e6:.1f} us")
    yield figure("CPU", series.cpu_ratio("yes", "no"))
    if shutil.which("valgrind") is None:
        bench.note("instructions are left out: valgrind is missing, whose callgrind counts them")
        return
    counted = {
        word: instructions.each(bench, f"a request, console: {word}", job, COUNTED)
        for word, job in jobs.items()
    }
    yield figure("instructions", counted["yes"] / counted["no"])


def figure(name: str, ratio: float) -> Figure:
    """Return a line of the table."""
    text = f"at most {TARGET:.2f}"
    return Figure(f"emulator with console / without, {name}", ratio, "x", text, met=ratio <= TARGET)
