"""What a bulk update saves in requests, and what its plan and its journal cost."""

from collections.abc import Iterator
from statistics import median

from benchmarks.harness import Bench, Figure, Job, server

EDITS, DIFFERENT, PAGE = 30_000, 1_000, 1_000
REQUESTS_TARGET = 1_051  # 1.02 x (edits that differ + pages)
JOURNALED = 10_000
JOURNAL_CPU_TARGET, JOURNAL_RATE_TARGET = 1.25, 2_500
PLANNING_TARGET = 300_000


def measure(bench: Bench) -> Iterator[Figure]:
    """Count requests, and compare with the same work without journal, and without edits."""
    yield saving(bench)
    yield from journaling(bench)
    yield planning(bench)


def saving(bench: Bench) -> Figure:
    """Count what the server sees of a job in which few edits differ."""
    job = Job("saving", requests=EDITS, arguments={"different": str(DIFFERENT)})
    requests = bench.run({"claro": job}, 1).samples["claro"][0].units
    name = f"{EDITS:,} edits, of which {DIFFERENT:,} differ"
    text = f"at most {REQUESTS_TARGET:,}"
    return Figure(name, requests, "requests", text, met=requests <= REQUESTS_TARGET)


def journaling(bench: Bench) -> Iterator[Figure]:
    """Compare edits with a journal, staging and all, with edits without."""
    amount = bench.amount(JOURNALED)
    with server() as url:
        jobs = {
            "journal": Job("claro", url, amount, 500, arguments={"journals": str(bench.scratch)}),
            "plain": Job("claro", url, amount, 500),
        }
        series = bench.run(jobs, bench.rounds(7))
    for name in jobs:
        bench.note(
            f"an edit, {name}: {series.cpu_each(name) * 1e6:.1f} us of CPU,"
            f" {series.rate(name):,.0f} a second"
        )
    ratio, rate = series.cpu_ratio("journal", "plain"), series.rate("journal")
    text = f"at most {JOURNAL_CPU_TARGET}"
    yield Figure("journal, CPU / without", ratio, "x", text, met=ratio <= JOURNAL_CPU_TARGET)
    text = f"at least {JOURNAL_RATE_TARGET:,}"
    yield Figure("journal, edits a second", rate, "", text, met=rate >= JOURNAL_RATE_TARGET)


def planning(bench: Bench) -> Figure:
    """Compare planning an edit of every cell with reading the same pages, by CPU."""
    pages = bench.amount(40)
    with server(pages=pages) as url:
        jobs = {
            way: Job("planning", url, pages * PAGE, arguments={"way": way})
            for way in ("plan", "read")
        }
        series = bench.run(jobs, bench.rounds(5))
    for way in jobs:
        bench.note(f"CPU a cell, {way}: {series.cpu_each(way) * 1e6:.2f} us")
    pairs = zip(series.samples["plan"], series.samples["read"], strict=True)
    rate = median(plan.units / (plan.cpu - read.cpu) for plan, read in pairs)
    text = f"at least {PLANNING_TARGET:,}"
    return Figure("planning, reading apart", rate, "cells/s", text, met=rate >= PLANNING_TARGET)
