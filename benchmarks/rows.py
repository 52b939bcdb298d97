"""What it costs to walk a dataset's rows, and how fast they come."""

from collections.abc import Iterator

from benchmarks.harness import Bench, Figure, Job, server

PAGES = 20
DECODED = 100
WALK_TARGET, CELLS_TARGET, RATE_TARGET = 0.40, 1.2, 2.2
LATENCIES_MS = (0.0, 20.0)


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare decoding with `orjson.loads`, and reading ahead with one page at a time."""
    yield from decoding(bench)
    for latency_ms in LATENCIES_MS:
        yield reading(bench, latency_ms)


def decoding(bench: Bench) -> Iterator[Figure]:
    """Compare the CPU of one page, without any HTTP, with parsing the same bytes to dicts."""
    amount = bench.amount(DECODED)
    jobs = {
        way: Job("decode", requests=amount, warmup=3, arguments={"way": way})
        for way in ("orjson", "rows", "cells")
    }
    series = bench.run(jobs, bench.rounds(7))
    for way in jobs:
        bench.note(f"CPU a page of 1,000 x 8 cells, {way}: {series.cpu_each(way) * 1e3:.2f} ms")
    walk, cells = series.cpu_ratio("rows", "orjson"), series.cpu_ratio("cells", "orjson")
    yield Figure.of_ratio('row["name"], CPU / orjson.loads', walk, WALK_TARGET)
    yield Figure.of_ratio("every typed cell, CPU / orjson.loads", cells, CELLS_TARGET)


def reading(bench: Bench, latency_ms: float) -> Figure:
    """Compare rows a second, from the server to the loop body, at some latency."""
    walks = bench.amount(8)
    with server(latency_ms=latency_ms, pages=PAGES) as url:
        jobs = {
            "claro": Job("pages_claro", url, walks, 1),
            "sequential": Job("pages_sequential", url, walks, 1),
        }
        series = bench.run(jobs, bench.rounds(5))
    for name in jobs:
        bench.note(f"rows a second at {latency_ms:.0f} ms, {name}: {series.rate(name):,.0f}")
    ratio = series.rate_ratio("claro", "sequential")
    name = f"rows a second at {latency_ms:.0f} ms / sequential loop"
    return Figure(name, ratio, "x", f"at least {RATE_TARGET}", met=ratio >= RATE_TARGET)
