"""Two thousand runs, each from its seed: every promise of ``docs/guarantees.md`` holds in each.

More of them: ``nox -s simulate -- --seeds 200000``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.world import simulate

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 2000


def test_all_promises_hold_in_two_thousand_runs() -> None:
    """No run violates a promise; a failure shows the run, and how to see it again."""
    program = (
        f"import sys; sys.path.append({str(ROOT)!r});"  # behind the package that is installed
        " from tests.simulation.run import main; sys.exit(main())"
    )
    command = [sys.executable, "-P", "-c", program, "--seeds", str(SEEDS), "--jobs", "2"]
    done = subprocess.run(  # noqa: S603 - this interpreter, this program
        command,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(1014, id="the disk is full while workers wait for a commit"),
        pytest.param(1025, id="a reply names another cell, then a revert"),
        pytest.param(1038, id="two processes go on with one job"),
        pytest.param(1112, id="edits that were lost are read back"),
        pytest.param(1134, id="cancelled with edits under way, resumed, set back"),
        pytest.param(1188, id="rows move while they are read"),
        pytest.param(1203, id="killed with edits under way, resumed"),
        pytest.param(24039, id="an input gives a cell the same value twice, with another between"),
        pytest.param(32291, id="rows move, and both readings miss one"),
        pytest.param(35531, id="clocks go apart, and periods end to the millisecond"),
        pytest.param(50554, id="an input that takes its time raises at its end"),
        pytest.param(65140, id="a client joins after the store fell back to an older record"),
        pytest.param(100845, id="a cell gets a value twice, the second time when nothing is sent"),
        pytest.param(131341, id="few permits, and replies that are lost hold some of them back"),
        pytest.param(131847, id="a cell gets a value twice, the second time in vain"),
        pytest.param(144686, id="a latency without a bound, while all is calm"),
    ],
)
def test_a_seed_by_its_name(seed: int) -> None:
    """A run of a kind that once broke a promise keeps all of them."""
    assert simulate(seed).violations == []
