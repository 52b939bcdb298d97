"""How fast files go up and down, how fast pages come, and what Parquet costs."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import Bench, Figure, Job, serving
from benchmarks.transfer_server import BLOCK

MEBIBYTES = 128
FILE_TARGET = 0.9
PAGES, LATENCY_MS = 20, 20.0
AHEAD_TARGET, ALONE_TARGET = 2.5, 1.0
PARQUET_TARGET = 2.0
FLAT_TARGET = 24.0  # MiB: a row group that is filled, and one that is written
MIB = 1 << 20
MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - so that it is not the disk that is measured


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare with aiohttp by hand, on the same server, turn by turn."""
    yield from files(bench)
    yield from pages(bench)
    yield from parquet(bench)


def scratch(bench: Bench) -> Path:
    """Return a folder in memory where there is one, else on the disk."""
    if not MEMORY_DISK.is_dir():
        return bench.scratch
    folder = MEMORY_DISK / bench.scratch.name
    folder.mkdir(exist_ok=True)
    return folder


def files(bench: Bench) -> Iterator[Figure]:
    """Measure a file down to a path, and up from one."""
    mebibytes = bench.amount(MEBIBYTES)
    folder = scratch(bench)
    path = folder / "file.bin"
    try:
        with serving("benchmarks.transfer_server", "--mebibytes", str(mebibytes)) as url:
            for way in ("down", "up"):
                path.write_bytes(BLOCK * mebibytes)
                arguments = {"way": way, "path": str(path), "mebibytes": str(mebibytes)}
                jobs = {
                    name: Job(f"file_{name}", url, 4, 1, arguments=arguments)
                    for name in ("claro", "by_hand")
                }
                series = bench.run(jobs, bench.rounds(7))
                for name in jobs:
                    bench.note(f"file {way}, {name}: {series.rate(name):,.0f} MiB/s")
                ratio = series.rate_ratio("claro", "by_hand")
                text = f"at least {FILE_TARGET}"
                name = f"a file {way}, MiB a second / aiohttp by hand"
                yield Figure(name, ratio, "x", text, met=ratio >= FILE_TARGET)
    finally:
        path.unlink(missing_ok=True)
        if folder != bench.scratch:
            folder.rmdir()


def pages(bench: Bench) -> Iterator[Figure]:
    """Measure pages at some latency, with and without reading ahead."""
    walks = bench.amount(8)
    options = ("--latency-ms", str(LATENCY_MS), "--pages", str(PAGES))
    with serving("benchmarks.server", *options) as url:
        jobs = {
            "ahead": Job("pages_ahead", url, walks, 1, arguments={"read_ahead": "4"}),
            "alone": Job("pages_ahead", url, walks, 1, arguments={"read_ahead": "0"}),
            "by hand": Job("pages_sequential", url, walks, 1),
        }
        series = bench.run(jobs, bench.rounds(7))
    for name in jobs:
        bench.note(f"rows a second at {LATENCY_MS:.0f} ms, {name}: {series.rate(name):,.0f}")
    for name, target, text in (
        ("ahead", AHEAD_TARGET, "pages read ahead at 20 ms / one after the other"),
        ("alone", ALONE_TARGET, "pages not read ahead at 20 ms / by hand"),
    ):
        ratio = series.rate_ratio(name, "by hand")
        yield Figure(text, ratio, "x", f"at least {target}", met=ratio >= target)


def parquet(bench: Bench) -> Iterator[Figure]:
    """Measure the CPU of a row in a Parquet file, and the memory of few and of many rows."""
    path = bench.scratch / "out.parquet"
    with serving("benchmarks.transfer_server", "--pages", str(bench.amount(100))) as url:
        jobs = {
            name: Job(f"parquet_{name}", url, 1, 1, arguments={"path": str(path)})
            for name in ("claro", "by_hand")
        }
        series = bench.run(jobs, bench.rounds(5))
    for name in jobs:
        bench.note(f"CPU of 1,000 rows to Parquet, {name}: {series.cpu_each(name) * 1e6:.1f} ms")
    ratio = series.cpu_ratio("claro", "by_hand")
    text = f"at most {PARQUET_TARGET}"
    yield Figure("Parquet, CPU / by hand", ratio, "x", text, met=ratio <= PARQUET_TARGET)
    growth: dict[int, float] = {}
    for rows in (10_000, bench.amount(1_000_000)):
        with serving("benchmarks.transfer_server", "--pages", str(rows // 1000)) as url:
            job = Job("parquet_claro", url, 1, 0, arguments={"path": str(path)})
            growth[rows] = bench.run({"claro": job}, 1).peak_growth("claro") / MIB
            bench.note(f"peak growth of {rows:,} rows to Parquet: {growth[rows]:.1f} MiB")
    more = max(growth.values()) - growth[10_000]
    text = f"at most {FLAT_TARGET}"
    name = "Parquet, memory of 1,000,000 rows above that of 10,000"
    yield Figure(name, more, "MiB", text, met=more <= FLAT_TARGET)
