"""What `import claro_async` costs beyond starting Python."""

import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.harness import Bench, Figure

REPORT = "import time; print(time.process_time())"
TARGET_MS = 60.0


def start(code: str) -> float:
    """Run code in a new interpreter; return its CPU in milliseconds."""
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout) * 1000


def measure(bench: Bench) -> Iterator[Figure]:
    """Compare interpreters that import the package with ones that import nothing."""
    start(f"import claro_async; {REPORT}")  # writes bytecode
    turns = [
        (start(f"import claro_async; {REPORT}"), start(REPORT)) for _ in range(bench.rounds(15))
    ]
    cost = statistics.median(loaded - bare for loaded, bare in turns)
    bench.note(f"Python alone: {statistics.median(bare for _, bare in turns):.1f} ms")
    target = f"at most {TARGET_MS:.0f}"
    yield Figure("import claro_async, CPU", cost, "ms", target, met=cost <= TARGET_MS)
