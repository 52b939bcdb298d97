"""What a dataset costs by each way: requests, rows a second, CPU, and the peak of memory."""

import json
import urllib.request
from collections.abc import Iterator, Mapping

from benchmarks.harness import Bench, Figure, Job, serving

ROWS = 1_000_000
REQUESTS_TARGET, GROWTH_TARGET = 25, 100.0
CPU_TARGET = 1.5
MIB = 1 << 20
WAYS: Mapping[str, tuple[str, str]] = {
    "CSV": ("out.csv", "auto"),
    "JSON lines by exports": ("out.jsonl", "auto"),
    "JSON lines by pages": ("out.jsonl", "rows"),
    "Parquet by exports": ("out.parquet", "auto"),
    "Parquet by pages": ("out.parquet", "rows"),
    "reader by exports": ("reader", "auto"),
    "reader by pages": ("reader", "rows"),
}
BY_HAND = "Parquet by hand"


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare the ways with each other, and Parquet with pyarrow by hand."""
    rows = bench.amount(ROWS)
    jobs: dict[str, Job] = {}
    with serving("benchmarks.export_server", "--rows", str(rows)) as url:
        for name, (file, via) in WAYS.items():
            path = file if file == "reader" else str(bench.scratch / file)
            jobs[name] = Job("pipeline_claro", url, 1, arguments={"path": path, "via": via})
        path = str(bench.scratch / "hand.parquet")
        jobs[BY_HAND] = Job("pipeline_by_hand", url, 1, arguments={"path": path})
        requests = {name: requests_of(bench, name, job) for name, job in jobs.items()}
        series = bench.run(jobs, 1 if bench.quick else 3)
    bench.note(f"{rows:,} rows of 8 cells")
    for name in jobs:
        api, files = requests[name]
        bench.note(
            f"{name}: {api} requests and {files} signed downloads,"
            f" {series.rate(name):,.0f} rows/s, {series.cpu_each(name) * 1e6:.1f} us of CPU a row,"
            f" peak +{series.peak_growth(name) / MIB:.0f} MiB"
        )
    yield from figures(
        sum(requests["Parquet by exports"]),
        series.peak_growth("Parquet by exports") / MIB,
        series.cpu_ratio("Parquet by exports", BY_HAND),
    )


def figures(sent: int, growth: float, cpu: float) -> Iterator[Figure]:
    """Return the lines of the table."""
    name, text = "Parquet by exports", f"at most {REQUESTS_TARGET}"
    yield Figure(f"{name}, requests and downloads", sent, "", text, met=sent <= REQUESTS_TARGET)
    text = f"at most {GROWTH_TARGET}"
    yield Figure(f"{name}, peak growth", growth, "MiB", text, met=growth <= GROWTH_TARGET)
    text = f"at most {CPU_TARGET}"
    yield Figure(f"{name}, CPU / by hand", cpu, "x", text, met=cpu <= CPU_TARGET)


def requests_of(bench: Bench, name: str, job: Job) -> tuple[int, int]:
    """Run a job once; return what the server counted: of the API, and of signed URLs."""
    bench.run({name: job}, 1)
    origin = job.base_url.removesuffix("/api/v2")
    with urllib.request.urlopen(f"{origin}/count") as reply:  # noqa: S310 - our own server
        counted = json.load(reply)
    return counted.get("requests", 0), counted.get("files", 0)  # of the large dataset alone
