"""What a PATCH and a page cost in instructions, counted by valgrind's callgrind.

Seconds of CPU go by what else the machine does; instructions do not, so these are the figures that
a change is judged by. They are those of the process itself, not of the kernel on its behalf.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.harness import Bench, Figure, Job, command_of, server

TIMEOUT = 560.0  # seconds for one run: it takes some fifty times as long as without valgrind
TOTAL = re.compile(r"^totals: (\d+)", re.MULTILINE)
# The work of two runs, whose difference is what counts: so the start and the warm-up do not.
REQUESTS = (192, 832)
PAGES = (2, 8)

EDITS = Job("claro", warmup=64, arguments={"clock": "counted"})
ORDINARY = replace(EDITS, arguments={"lane": "off", **EDITS.arguments})
BY_HAND = Job("tuned", warmup=64)

PATCH_TARGET, ORDINARY_TARGET, JOURNAL_TARGET = 0.50, 1.05, 1.15
# 0.40 by CPU, see `rows`: what orjson makes misses the caches more often. By instructions msgspec
# takes 0.45 by itself to check and keep the three ids and the value of each cell.
WALK_TARGET = 0.55

GUARDED_REQUESTS = (192, 512)
# A PATCH / aiohttp tuned by hand, as measured; to be set anew when a change has bettered it.
MEASURED_PATCH, MEASURED_ORDINARY = 0.33, 1.04
MARGIN = 1.05


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare with aiohttp tuned by hand, with edits without a journal, and with orjson."""
    if is_missing(bench):
        return
    yield from patching(bench)
    yield walking(bench)


def guard(bench: Bench) -> Iterator[Figure]:
    """Hold an edit to a limit 5% above what was measured: what continuous integration runs."""
    if is_missing(bench):
        return
    tuned = each(bench, "a PATCH", BY_HAND, GUARDED_REQUESTS)
    claro = each(bench, "a PATCH", EDITS, GUARDED_REQUESTS)
    without = each(bench, "a PATCH without the lane", ORDINARY, GUARDED_REQUESTS)
    limits = (MARGIN * MEASURED_PATCH, MARGIN * MEASURED_ORDINARY)
    yield from compared(claro / tuned, without / tuned, limits)


def is_missing(bench: Bench) -> bool:
    """Return whether nothing can be counted, which a line says."""
    if shutil.which("valgrind") is not None:
        return False
    bench.note("skipped: valgrind is missing, whose callgrind counts the instructions")
    return True


def patching(bench: Bench) -> Iterator[Figure]:
    """Count edits with and without a journal, and what hand-written code takes for the same."""
    journal = {"journals": str(bench.scratch), **ORDINARY.arguments}
    job = replace(ORDINARY, arguments=journal)
    claro = each(bench, "a PATCH", EDITS, REQUESTS)
    journaled = each(bench, "a PATCH with a journal, without the lane", job, REQUESTS)
    tuned = each(bench, "a PATCH", BY_HAND, REQUESTS)
    without = each(bench, "a PATCH without the lane", ORDINARY, REQUESTS)
    yield from compared(claro / tuned, without / tuned, (PATCH_TARGET, ORDINARY_TARGET))
    # both without the lane, which makes the rest cheaper and the journal neither
    yield Figure.of_ratio("journal, instructions / without", journaled / without, JOURNAL_TARGET)


def compared(claro: float, without: float, limits: tuple[float, float]) -> Iterator[Figure]:
    """Return the lines on an edit, by the lane and without it, against hand-written code."""
    by_hand = "instructions / aiohttp tuned by hand"
    yield Figure.of_ratio(f"PATCH, {by_hand}", claro, limits[0])
    yield Figure.of_ratio(f"PATCH without the lane, {by_hand}", without, limits[1])


def walking(bench: Bench) -> Figure:
    """Count the walk over one column of a page, and what orjson takes to parse it."""
    rows, orjson = (
        each(bench, f"a page, {way}", Job("decode", warmup=1, arguments={"way": way}), PAGES)
        for way in ("rows", "orjson")
    )
    return Figure.of_ratio('row["name"], instructions / orjson.loads', rows / orjson, WALK_TARGET)


def each(bench: Bench, what: str, job: Job, amounts: tuple[int, int]) -> float:
    """Return the instructions for one unit of work."""
    jobs = [replace(job, requests=amount) for amount in amounts]
    with ThreadPoolExecutor(2) as both:  # they do not disturb each other
        few, many = both.map(lambda job: count(job, bench.scratch), jobs)
    number = (many - few) / (amounts[1] - amounts[0])
    bench.note(f"instructions, {what}, {job.module}: {number:,.0f}")
    return number


def count(job: Job, scratch: Path) -> int:
    """Run one contender under callgrind; return the instructions of its whole process."""
    out = Path(mkdtemp(dir=scratch), "callgrind.out")
    valgrind = ("valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}")
    with server(together=job.concurrency) as url:  # one for each: two would not wait for each other
        done = subprocess.run(
            [*valgrind, *command_of(replace(job, base_url=url))],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
            env={**os.environ, "PYTHONHASHSEED": "0"},  # sets and dicts are laid out the same
        )
    found = TOTAL.search(out.read_text("utf-8")) if done.returncode == 0 else None
    if found is None:
        raise RuntimeError(f"{job.module} failed under valgrind:\n{done.stderr}")
    return int(found[1])
