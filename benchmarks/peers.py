"""What one PATCH costs other clients: one table, CPU and instructions, on asyncio and on uvloop.

The others are bare clients: no quota, no retries, no report, no check of a reply. What stands first
has all of that on. A client of the dependency group ``peers`` that is not installed is left out.

All of the table, and the targets, go by hand-tuned aiohttp as it usually runs, on asyncio: so a
figure says what a program saves that takes this client, and uvloop with it. A line below the table
says what remains of it against hand-tuned aiohttp that is on uvloop, too.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

from benchmarks.contenders.bare import CLIENTS
from benchmarks.harness import Bench, Figure, Job, Series, server
from benchmarks.instructions import each
from benchmarks.patching import LABELS, generate_default_client

REQUESTS, SLOW_REQUESTS = 4000, 400
ROUNDS = 5
COUNTED, SLOW_COUNTED = (192, 832), (64, 192)
CPU_TARGET, UVLOOP_TARGET = 0.5, 0.3


@dataclass(frozen=True, slots=True)
class Peer:
    """A client in the table; one that is slow is asked for less."""

    label: str
    job: Job
    slow: bool = False


BARE = {
    "wreq": "wreq (Rust), pool of workers",
    "pyreqwest": "pyreqwest (Rust), pool of workers",
    "niquests": "niquests, pool of workers",
    "httpx2": "httpx2, pool of workers",
    "httpx": "httpx, pool of workers",
    "requests": "requests, 64 threads",
}
LOOPS = {"asyncio": False, "uvloop": True}


def peers(bench: Bench) -> dict[str, Peer]:
    """Return the clients that are installed, by name; this one first."""
    generated = Job("generated_default", arguments=generate_default_client(bench.scratch))
    missing = [name for name in CLIENTS if find_spec(name) is None]
    if missing:
        bench.note(f"left out, since they are not installed: {', '.join(missing)}")
    return {
        "claro": Peer("this client, all features on", Job("claro")),
        "ordinary": Peer("the same without the lane", Job("claro", arguments={"lane": "off"})),
        "tuned": Peer(LABELS["tuned"], Job("tuned")),
        "gathered": Peer(LABELS["gathered"], Job("gathered")),
        **{
            name: Peer(label, Job("bare", arguments={"client": name}), "httpx" in name)
            for name, label in BARE.items()
            if name not in missing
        },
        "generated": Peer("stock generated client", generated, slow=True),
    }


def measure(bench: Bench) -> Iterator[Figure]:
    """Print the table, and what is said of this client in comparison."""
    found = peers(bench)
    loops = {name: on for name, on in LOOPS.items() if not on or find_spec("uvloop") is not None}
    cpu = {name: _cpu(bench, found, uvloop=on) for name, on in loops.items()}
    counts = {name: _instructions(bench, found, uvloop=on) for name, on in loops.items()}
    for line in _table(found, cpu, counts):
        bench.note(line)
    for measured, ratio in _on_the_same_loop(cpu, counts).items():
        bench.note(f"both on uvloop, {measured} / {LABELS['tuned']}: {ratio:.2f} x")
    for loop, series in cpu.items():
        target = UVLOOP_TARGET if LOOPS[loop] else CPU_TARGET
        ratio = series.cpu_each("claro") / cpu["asyncio"].cpu_each("tuned")
        yield Figure.of_ratio(f"PATCH on {loop}, CPU / {LABELS['tuned']}", ratio, target)
    for loop, numbers in counts.items():
        if numbers:
            target = UVLOOP_TARGET if LOOPS[loop] else CPU_TARGET
            ratio = numbers["claro"] / counts["asyncio"]["tuned"]
            name = f"PATCH on {loop}, instructions / {LABELS['tuned']}"
            yield Figure.of_ratio(name, ratio, target)


def _on_the_same_loop(
    cpu: Mapping[str, Series], counts: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    """Compare with hand-tuned aiohttp where both are on uvloop, by each measure that there is."""
    found = {}
    if series := cpu.get("uvloop"):
        found["CPU"] = series.cpu_ratio("claro", "tuned")
    if numbers := counts.get("uvloop"):
        found["instructions"] = numbers["claro"] / numbers["tuned"]
    return found


def _cpu(bench: Bench, found: Mapping[str, Peer], *, uvloop: bool) -> Series:
    """Let all take turns; a ratio of two is one of neighbours in time."""
    with server() as url:
        jobs = {
            name: replace(
                peer.job,
                base_url=url,
                requests=bench.amount(SLOW_REQUESTS if peer.slow else REQUESTS),
                warmup=100 if peer.slow else 500,
                uvloop=uvloop,
            )
            for name, peer in found.items()
        }
        return bench.run(jobs, bench.rounds(ROUNDS))


def _instructions(bench: Bench, found: Mapping[str, Peer], *, uvloop: bool) -> dict[str, float]:
    """Count where that can be done, and where there is time for it."""
    if bench.quick or shutil.which("valgrind") is None:
        return {}
    counts: dict[str, float] = {}
    for name, peer in found.items():
        job = replace(peer.job, warmup=64, uvloop=uvloop)
        if job.module == "claro":
            job = replace(job, arguments={"clock": "counted", **job.arguments})
        try:
            amounts = SLOW_COUNTED if peer.slow else COUNTED
            counts[name] = each(bench, f"a PATCH by {name}", job, amounts)
        except RuntimeError as error:  # not every client's own threads run under valgrind
            bench.note(f"{name} was not counted: {str(error).splitlines()[0]}")
    return counts


def _table(
    found: Mapping[str, Peer],
    cpu: Mapping[str, Series],
    counts: Mapping[str, Mapping[str, float]],
) -> list[str]:
    """Lay the table out: a line for each client, a pair of columns for each loop and measure."""
    header = ["a PATCH, 64 in flight"]
    rows = [[peer.label] for peer in found.values()]
    for loop, series in cpu.items():
        header += [f"CPU, {loop}", "x"]
        base = cpu["asyncio"].cpu_each("tuned")
        for row, name in zip(rows, found, strict=True):
            each_one = series.cpu_each(name)
            row.extend((f"{each_one * 1e6:,.0f} us", f"{each_one / base:.2f}"))
    for loop, numbers in counts.items():
        if not numbers:
            continue
        header += [f"instructions, {loop}", "x"]
        base = counts["asyncio"]["tuned"]
        for row, name in zip(rows, found, strict=True):
            number = numbers.get(name)
            row.extend(("-", "-") if number is None else (f"{number:,.0f}", f"{number / base:.2f}"))
    return _columns([header, *rows])


def _columns(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return [
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
