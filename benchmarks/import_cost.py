"""What starting the package or the command line costs, in CPU, beyond what is there anyway."""

import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.harness import Bench, Figure

REPORT = "import time; print(time.process_time())"

HELP = """\
import io, sys
from claro_async.cli.app import run
sys.stdout = io.StringIO()
run(["--help"])
sys.stdout = sys.__stdout__"""

STARTS = (
    # name, what is run, what is there before, milliseconds at the most
    ("import claro_async", "import claro_async", "", 60.0),
    ("import ClaroClient", "from claro_async import ClaroClient", "import asyncio, attr", 35.0),
    ("claro --help", HELP, "", 60.0),
)


def start(*statements: str) -> float:
    """Run code in a new interpreter; return its CPU in milliseconds."""
    command = [sys.executable, "-P", "-c", "\n".join((*statements, REPORT))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout) * 1000


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare interpreters, turn by turn, that load the package and that do not."""
    for start_of, statement, before, most in STARTS:
        start(before, statement)  # writes bytecode
        turns = [(start(before, statement), start(before)) for _ in range(bench.rounds(15))]
        cost = statistics.median(loaded - bare for loaded, bare in turns)
        there = before or "Python alone"
        bench.note(f"{there}: {statistics.median(bare for _, bare in turns):.1f} ms")
        name = f"{start_of}, CPU" + (f" beyond {before}" if before else "")
        yield Figure(name, cost, "ms", f"at most {most:.0f}", met=cost <= most)
