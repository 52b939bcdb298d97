"""Measure and print the table: ``python -m benchmarks [--quick] [--only NAME]...``."""

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from benchmarks import (
    bulk,
    console,
    edits_memory,
    import_cost,
    instructions,
    latency,
    patching,
    peers,
    pipelines,
    quota_redis,
    quota_use,
    rows,
    transfers,
    watching,
)
from benchmarks.harness import Bench, Figure

MEASUREMENTS: Mapping[str, Callable[[Bench], Iterable[Figure]]] = {
    "patch": patching.measure,
    "instructions": instructions.measure,
    "guard": instructions.guard,
    "peers": peers.measure,
    "latency": latency.measure,
    "rows": rows.measure,
    "transfers": transfers.measure,
    "pipelines": pipelines.measure,
    "watching": watching.measure,
    "console": console.measure,
    "bulk": bulk.measure,
    "quota": quota_use.measure,
    "scale": quota_redis.measure,
    "memory": edits_memory.measure,
    "import": import_cost.measure,
}


def table(figures: Iterable[Figure]) -> str:
    """Lay the figures out in columns."""
    header = ("figure", "value", "target", "met")
    lines = [
        (
            figure.name,
            f"{figure.value:.3f} {figure.unit}",
            f"{figure.target} {figure.unit}",
            "yes" if figure.met else "NO",
        )
        for figure in figures
    ]
    widths = [max(len(line[column]) for line in (header, *lines)) for column in range(4)]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (header, rule, *lines)
    )


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds of less work")
    parser.add_argument("--verbose", action="store_true", help="print every sample")
    parser.add_argument(
        *("--only",),
        action="append",
        choices=sorted(MEASUREMENTS),
        metavar="NAME",
        help=f"one of {', '.join(MEASUREMENTS)}; can be given again",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit with status 1 when a target is missed"
    )
    return parser.parse_args()


def main() -> int:
    """Run the chosen measurements; return the exit status."""
    chosen = options()
    began = time.perf_counter()
    figures: list[Figure] = []
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(quick=chosen.quick, verbose=chosen.verbose, scratch=Path(scratch))
        for name in chosen.only or (name for name in MEASUREMENTS if name != "guard"):
            print(f"{name} ...", flush=True)
            figures.extend(MEASUREMENTS[name](bench))
    print(f"\n{table(figures)}\n\n{time.perf_counter() - began:.0f} s")
    return int(chosen.strict and not all(figure.met for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
