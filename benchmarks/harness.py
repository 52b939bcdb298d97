"""Runs servers and contenders as processes of their own, turn by turn, and keeps the figures."""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

TIMEOUT = 180.0  # seconds after which a contender is given up


@dataclass(frozen=True, slots=True)
class Job:
    """What a contender is asked to do; ``module`` names it in ``benchmarks.contenders``."""

    module: str
    base_url: str = ""
    requests: int = 0
    warmup: int = 0
    concurrency: int = 64
    arguments: Mapping[str, str] = field(default_factory=dict)
    uvloop: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run of a contender used: seconds of CPU and of wall time, bytes of peak growth."""

    units: int
    cpu: float
    wall: float
    peak_growth: int

    @property
    def cpu_each(self) -> float:
        """Seconds of CPU for one unit of work (a request, a page)."""
        return self.cpu / self.units

    @property
    def rate(self) -> float:
        """Units of work in a second of wall time."""
        return self.units / self.wall


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    value: float
    unit: str
    target: str
    met: bool

    @classmethod
    def of_ratio(cls, name: str, ratio: float, most: float) -> Self:
        """Return the line of a ratio that may be so much at most."""
        return cls(name, ratio, "x", f"at most {most:.2f}", met=ratio <= most)


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of each contender, in the order of the rounds they were taken in."""

    samples: Mapping[str, Sequence[Sample]]

    def cpu_each(self, name: str) -> float:
        """Median seconds of CPU for one unit of work."""
        return statistics.median(sample.cpu_each for sample in self.samples[name])

    def rate(self, name: str) -> float:
        """Median units of work in a second."""
        return statistics.median(sample.rate for sample in self.samples[name])

    def peak_growth(self, name: str) -> float:
        """Median growth of the peak of resident memory, in bytes."""
        return statistics.median(sample.peak_growth for sample in self.samples[name])

    def cpu_ratio(self, name: str, other: str) -> float:
        """Median over the rounds of the ratio of CPU for one unit of work.

        The two samples of a ratio were taken one after the other, so what else the machine was
        doing at the time weighs on both.
        """
        return statistics.median(
            one.cpu_each / two.cpu_each
            for one, two in zip(self.samples[name], self.samples[other], strict=True)
        )

    def rate_ratio(self, name: str, other: str) -> float:
        """Median over the rounds of the ratio of units of work in a second."""
        return statistics.median(
            one.rate / two.rate
            for one, two in zip(self.samples[name], self.samples[other], strict=True)
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """How thorough to be, where scratch files go, and whom to tell about progress."""

    quick: bool
    scratch: Path
    verbose: bool = False

    def rounds(self, number: int) -> int:
        """Return the number of rounds, fewer in quick mode; always odd, so that a median is one."""
        return 3 if self.quick else number

    def amount(self, number: int) -> int:
        """Return the amount of work in one sample, less in quick mode."""
        return number // 4 if self.quick else number

    def note(self, text: str) -> None:
        """Print a line that is not part of the table."""
        print(f"    {text}", flush=True)

    def run(self, jobs: Mapping[str, Job], rounds: int) -> Series:
        """Run the jobs in turn, A B C A B C, each in a new process, and return their samples."""
        samples: dict[str, list[Sample]] = {name: [] for name in jobs}
        for _ in range(rounds):
            for name, job in jobs.items():
                sample = run_contender(job)
                samples[name].append(sample)
                if self.verbose:
                    self.note(f"{name}: {sample}")
        return Series(samples)


def command_of(job: Job) -> list[str]:
    """Return the command that runs one contender."""
    return [sys.executable, "-m", "benchmarks.contender", json.dumps(asdict(job))]


def run_contender(job: Job) -> Sample:
    """Run one contender in a new process; raise RuntimeError with what it said when it fails."""
    command = command_of(job)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    if done.returncode:
        raise RuntimeError(f"{job.module} failed:\n{done.stderr}")
    return Sample(**json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def server(*, latency_ms: float = 0.0, pages: int = 1, together: int = 0) -> Iterator[str]:
    """Start the usual server; give its base URL; end it afterwards."""
    options = {"--latency-ms": latency_ms, "--pages": pages, "--together": together}
    arguments = (str(each) for option in options.items() for each in option)
    with serving("benchmarks.server", *arguments) as url:
        yield url


@contextmanager
def serving(module: str, *options: str) -> Iterator[str]:
    """Start a server in a process of its own; give its base URL; end it afterwards."""
    command = [sys.executable, "-m", module, *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("the server has no pipes")
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/api/v2"
        finally:
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
