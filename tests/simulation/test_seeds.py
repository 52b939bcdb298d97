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
    command = [sys.executable, "-m", "tests.simulation.run", "--seeds", str(SEEDS), "--jobs", "2"]
    done = subprocess.run(  # noqa: S603 - this interpreter, this program
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(50, id="a reply names another cell, then a revert"),
        pytest.param(92, id="a reply names another cell, and it is said of no value"),
        pytest.param(1272, id="a value before that no text can hold, then a revert"),
        pytest.param(143, id="a revert is killed, and a resume comes in between"),
        pytest.param(62, id="rows shift while a killed job is read anew"),
        pytest.param(466, id="a lock and a proxy's page for the same edits"),
    ],
)
def test_a_seed_that_failed_once(seed: int) -> None:
    """A run in which a promise was broken once keeps all of them."""
    assert simulate(seed).violations == []
