"""What a quota in a real Redis costs: 16 processes that report for 1,000 members, on loopback."""

import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import mean

from benchmarks.harness import Bench, Figure, Job, Sample, run_contender

PROCESSES, MEMBERS = 16, 1000
REPORTS = 60  # of each process
EACH_SECOND = 50  # reports that a crowd makes, together
CALLS_TARGET = 3.3  # a report; 1,000 members make three a minute, and 100 requests


def measure(bench: Bench) -> Iterator[Figure]:
    """Let the processes report at the pace of a crowd, and then as fast as they can."""
    if shutil.which("redis-server") is None:
        bench.note("skipped: the program redis-server is not installed")
        return
    calls = figures(bench, "at the pace of 1,000 members", PROCESSES / EACH_SECOND)
    figures(bench, "as fast as can be", 0.0)
    text = f"at most {CALLS_TARGET}"
    yield Figure("calls of Redis a report", calls, "", text, met=calls <= CALLS_TARGET)


def figures(bench: Bench, name: str, pause: float) -> float:
    """Run the processes against one Redis; calls a report."""
    place = bench.scratch / f"redis-{pause:g}.sock"
    arguments = {"members": str(MEMBERS // PROCESSES), "pause": str(pause)}
    job = Job(
        "quota_reports",
        f"unix://{place}",
        bench.amount(REPORTS),
        concurrency=1,
        arguments=arguments,
    )
    with redis(place), ThreadPoolExecutor(PROCESSES) as threads:
        # every member once, so that the record has all of them
        quickly = arguments | {"pause": "0.02"}
        first = Job("quota_reports", job.base_url, MEMBERS // PROCESSES, arguments=quickly)
        list(threads.map(run_contender, [first] * PROCESSES))
        before = counters(place)
        samples: list[Sample] = list(threads.map(run_contender, [job] * PROCESSES))
        after = counters(place)
    reports = sum(sample.units for sample in samples)
    calls = (after["calls"] - before["calls"]) / reports
    seconds = max(sample.wall for sample in samples)
    redis_cpu = after["cpu"] - before["cpu"]
    own_cpu = mean(sample.cpu_each for sample in samples)
    bench.note(
        f"{PROCESSES} processes {name}: {reports / seconds:,.0f} reports/s, {calls:.2f} calls a"
        f" report, {own_cpu * 1e3:.1f} ms of CPU a report in the client and"
        f" {redis_cpu / reports * 1e3:.2f} ms in Redis"
    )
    return calls


@contextmanager
def redis(place: Path) -> Iterator[None]:
    """A Redis of our own at a socket, which keeps nothing on the disk."""
    options = ["--port", "0", "--unixsocket", str(place), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(
        [shutil.which("redis-server") or "", *options],
        cwd=place.parent,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout or ():
            if "Ready to accept connections" in line or "ready to accept" in line:
                break
        try:
            yield
        finally:
            process.terminate()


def counters(place: Path) -> dict[str, float]:
    """What Redis counted so far: calls of scripts, and seconds of CPU."""
    command = ["redis-cli", "-s", str(place), "INFO", "everything"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    calls = found.get("cmdstat_evalsha", "calls=0").partition("calls=")[2].partition(",")[0]
    return {
        "calls": float(calls),
        "cpu": float(found["used_cpu_user"]) + float(found["used_cpu_sys"]),
    }
