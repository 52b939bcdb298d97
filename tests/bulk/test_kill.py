"""A job that is killed again and again ends with every cell right, and sends nothing twice."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING

import pytest

from claro_async.emulator import Emulator
from tests.bulk import resumable_job

if TYPE_CHECKING:
    from pathlib import Path

EDITS = 5000


@pytest.mark.parametrize(
    "kills", [25, pytest.param(200, marks=pytest.mark.slow)], ids=["25 kills", "200 kills"]
)
def test_killed_and_resumed(tmp_path: Path, kills: int) -> None:
    """Killed at random points amid faults, a job is exact in the end and repeats nothing done."""
    journal = tmp_path / "run.claro"
    random = Random(5)  # noqa: S311 - a repeatable choice of moments
    with Emulator(sample_world=False, random_seed=1) as emulator:
        dataset_id = emulator.add_dataset("table", ["name"], [["old"]] * EDITS)
        add_faults(emulator)
        arguments = [emulator.base_url, emulator.api_key, dataset_id, str(EDITS), str(journal)]
        for _ in range(kills):
            assert run(arguments, kill_after=random.randrange(3 * EDITS // (2 * kills))) == "."
        assert run(arguments, kill_after=None) == f"done {EDITS} {EDITS}"

        values = emulator.values(dataset_id)
        assert all(values[f"cell_{row}_1"] == f"new {row}" for row in range(1, EDITS + 1))
        assert emulator.ledger.max_in_flight_per_cell == 1
        requests = [each for each in emulator.ledger.requests if each.operation == "updateCell"]

    struck = sum(each.fault is not None for each in requests)
    assert len(requests) <= EDITS + struck + kills * resumable_job.CONCURRENCY
    connection = sqlite3.connect(journal)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def add_faults(emulator: Emulator) -> None:
    """What goes wrong between the kills."""
    emulator.faults.add("updateCell", "rate_limit", probability=0.01, retry_after=0)
    for apply in (False, True):
        emulator.faults.add("updateCell", "status", status=503, probability=0.01, apply=apply)
        emulator.faults.add("updateCell", "reset", probability=0.005, apply=apply)


def run(arguments: list[str], kill_after: int | None) -> str:
    """Run the job until it has printed so many replies, then kill it; returns its last line."""
    command = [sys.executable, resumable_job.__file__, *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    line = ""
    with subprocess.Popen(  # noqa: S603 - this interpreter, this file
        command, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for number, text in enumerate(process.stdout):
            line = text.strip()
            if kill_after is not None and number >= kill_after:
                process.kill()
                break
    assert kill_after is not None or process.returncode == 0
    return line
