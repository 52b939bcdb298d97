"""Ctrl-C in jobs of many edits, at many points: the account, and the command that goes on."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pexpect
import pytest

from tests.cli.conftest import COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Done, World

    Claro = Callable[..., Done]

EDITS = 150


class Trigger:
    """Calls something when an operation is asked for the n-th time.

    Args:
        world: The emulator.
        operation: The operation.
        number: How many requests of it there are.
    """

    def __init__(self, world: World, operation: str, number: int) -> None:
        self.reached = threading.Event()
        self._faults = world.emulator.faults
        self._pick = self._faults.pick
        self._operation = operation
        self._left = number
        vars(self._faults)["pick"] = self._count

    def _count(self, operation: str | None, raw_path: str) -> Any:
        if operation == self._operation:
            self._left -= 1
            if not self._left:
                self.reached.set()
        return self._pick(operation, raw_path)

    def close(self) -> None:
        """Count no more."""
        del vars(self._faults)["pick"]


@pytest.fixture
def job(world: World, tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """A sync of many edits with a journal, on a server that fails now and then."""
    emulator = world.emulator
    dataset = emulator.add_dataset("d", ["key", "name"], [[f"k{n}", "old"] for n in range(EDITS)])
    emulator.ledger.clear()
    emulator.faults.add("updateCell", "status", status=503, probability=0.03)
    emulator.faults.add("updateCell", "reset", probability=0.02)
    emulator.faults.add("updateCell", "rate_limit", probability=0.02, retry_after=0)
    tmp_path.joinpath("t.csv").write_text(
        "key,name\n" + "".join(f"k{n},new {n}\n" for n in range(EDITS))
    )
    arguments = (dataset, "--from", "t.csv", "--key", "key", "--journal", "run.claro")
    yield ("sync", *arguments)
    emulator.faults.clear()


def is_exact(world: World, dataset: str) -> None:
    """Every cell has its value, by one edit that was applied, and never two at once."""
    edits = [each for each in world.emulator.ledger.edits if each.dataset_id == dataset]
    assert set(Counter(each.cell_id for each in edits).values()) == {1}
    values = world.emulator.values(dataset)
    assert [values[f"cell_{n + 1}_2"] for n in range(EDITS)] == [f"new {n}" for n in range(EDITS)]
    assert world.emulator.ledger.max_in_flight_per_cell == 1


def next_command(err: str) -> list[str]:
    """The command that the last line of stderr names."""
    lines = [line for line in err.splitlines() if "go on with" in line]
    return shlex.split(lines[-1][lines[-1].index(": claro ") + len(": claro ") :])


def start(environment: dict[str, str], folder: Path, arguments: tuple[str, ...]) -> Any:
    """The command as a process."""
    return subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


POINTS = [
    ("getDatasetData", 1),
    *(("updateCell", number) for number in (1, 2, 15, 40, 75, 110, 135, 149, 150)),
]


@pytest.mark.parametrize(("operation", "number"), POINTS)
def test_ctrl_c_at_ten_points(  # noqa: PLR0913, PLR0917 - fixtures and cases
    program: Claro,
    world: World,
    environment: dict[str, str],
    tmp_path: Path,
    job: tuple[str, ...],
    operation: str,
    number: int,
) -> None:
    """Stopped once at any point, the job accounts for every edit, and the named command ends it."""
    trigger = Trigger(world, operation, number)
    with start(environment, tmp_path, job) as process:
        assert trigger.reached.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    trigger.close()
    assert "Traceback" not in err
    is_planned = operation == "updateCell"
    if process.returncode:
        assert process.returncode == 130
        if is_planned:
            record = json.loads(out)
            statuses = ("updated", "not_sent", "unknown")
            assert sum(record[name] for name in statuses) == record["total"] == EDITS
        if "go on with" in err:  # else it came when all was done and said
            done = program(*next_command(err))
            assert (done.status, done.record["updated"]) == (0, EDITS)
    is_exact(world, job[1])


@pytest.mark.parametrize("number", [1, 40, 149])
def test_ctrl_c_twice_ends_at_once(  # noqa: PLR0913, PLR0917 - fixtures and a case
    program: Claro,
    world: World,
    environment: dict[str, str],
    tmp_path: Path,
    job: tuple[str, ...],
    number: int,
) -> None:
    """A second Ctrl-C waits for no reply; what was on its way is looked up by the named command."""
    trigger = Trigger(world, "updateCell", number)
    stall = world.emulator.faults.add("updateCell", "stall", after=number - 1)
    with start(environment, tmp_path, job) as process:
        assert trigger.reached.wait(60)
        process.send_signal(signal.SIGINT)
        while "Ctrl-C again" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    trigger.close()
    stall.remove()
    assert (process.returncode, "Traceback" in err) == (130, False)
    record = json.loads(out)
    assert record["unknown"] >= 1
    assert record["total"] == EDITS
    done = program(*next_command(err))
    assert (done.status, done.record["updated"]) == (0, EDITS)
    is_exact(world, job[1])


def test_a_killed_job_goes_on_by_the_command_that_it_named_first(
    program: Claro, world: World, environment: dict[str, str], tmp_path: Path, job: tuple[str, ...]
) -> None:
    """A kill leaves no time for a word: what goes on was said before anything was sent."""
    trigger = Trigger(world, "updateCell", 60)
    with start(environment, tmp_path, job) as process:
        assert trigger.reached.wait(60)
        process.kill()
        _, err = process.communicate(timeout=60)
    trigger.close()
    assert process.returncode == -signal.SIGKILL
    command = shlex.split(err[err.index("goes on with: claro ") :].splitlines()[0])[4:]
    shown = program("journal", "show", "run.claro").record
    assert (shown["phase"], shown["total"]) == ("sending", EDITS)
    done = program(*command)
    assert (done.status, done.record["updated"]) == (0, EDITS)
    is_exact(world, job[1])


def test_a_job_without_a_journal_goes_on_by_itself(
    program: Claro, world: World, environment: dict[str, str], tmp_path: Path, job: tuple[str, ...]
) -> None:
    """A small job names its own command, which leaves alone what is done."""
    trigger = Trigger(world, "updateCell", 50)
    with start(environment, tmp_path, job[:-2]) as process:
        assert trigger.reached.wait(60)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    trigger.close()
    assert process.returncode == 130
    assert next_command(err) == list(job[:-2])
    done = program(*next_command(err))
    assert done.status == 0
    assert done.record["updated"] + done.record["unchanged"] == EDITS
    assert list(tmp_path.glob("*.claro")) == []
    is_exact(world, job[1])


def test_a_revert_that_is_stopped_goes_on(
    program: Claro, world: World, environment: dict[str, str], tmp_path: Path, job: tuple[str, ...]
) -> None:
    """A revert names its own command, which sets back the rest, and each cell once."""
    world.emulator.faults.clear()  # where a reply is lost, it is not certain what was there before
    assert program(*job).status == 0
    world.emulator.ledger.clear()
    trigger = Trigger(world, "updateCell", 50)
    with start(environment, tmp_path, ("journal", "revert", "run.claro")) as process:
        assert trigger.reached.wait(60)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    trigger.close()
    assert process.returncode == 130
    done = program(*next_command(err))
    assert (done.status, done.record["updated"], done.record["skipped"]) == (0, EDITS, [])
    edits = Counter(each.cell_id for each in world.emulator.ledger.edits)
    assert (len(edits), set(edits.values())) == (EDITS, {1})
    values = world.emulator.values(job[1])
    assert {values[cell] for cell in edits} == {"old"}


def test_a_job_that_waits_for_its_input_can_be_stopped(
    world: World, environment: dict[str, str], tmp_path: Path, job: tuple[str, ...]
) -> None:
    """While a pipe gives nothing, Ctrl-C ends the command at once: nothing was sent."""
    pipe = tmp_path / "t.jsonl"
    os.mkfifo(pipe)
    command = ("cells", "set", job[1], "--from", "t.jsonl")
    with (
        start(environment, tmp_path, command) as process,
        pipe.open("w") as file,  # opens once the command reads
    ):
        file.write('{"cell_id": "cell_1_2", "value": "new"}\n')
        file.flush()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "nothing was sent" in err
    assert next_command(err) == list(command)
    assert world.emulator.ledger.edits == []


def test_on_a_terminal(
    world: World, environment: dict[str, str], tmp_path: Path, job: tuple[str, ...]
) -> None:
    """On a terminal there is a line with the progress, Ctrl-C stops, and the account is a table."""
    stall = world.emulator.faults.add("updateCell", "stall", after=30)
    child = pexpect.spawn(
        sys.executable,
        [*COMMAND[1:], *job, "--report", "run.html"],
        cwd=str(tmp_path),
        env={**environment, "TERM": "xterm"},
        encoding="utf-8",
        timeout=60,
        dimensions=(40, 120),
    )
    child.expect("goes on with: claro journal resume run.claro --report run.html")
    child.expect(rf"sync .*\d+/{EDITS} edits")
    child.sendintr()
    child.expect("Ctrl-C again ends at once")
    stall.remove()
    child.expect("the report is run.html")
    child.expect(r"updated +\d+")
    child.expect("go on with: claro journal resume")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert os.path.getsize(tmp_path / "run.html") > 1000  # noqa: PTH202 - one number
