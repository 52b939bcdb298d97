"""Ctrl-C: at any point a command ends at once, or with an account where it changes much."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import COMMAND, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FILES = 10


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """An emulator that takes its time."""
    running = World(latency=0.05)
    yield running
    running.close()


@pytest.fixture
def start(
    environment: dict[str, str], tmp_path: Path, world: World
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``claro``, and interrupt it when its so-manieth request arrives."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, at: int) -> subprocess.Popen[str]:
        world.at_request(at, lambda: started[-1].send_signal(signal.SIGINT))
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def interrupted(
    start: Callable[..., subprocess.Popen[str]],
) -> Callable[..., tuple[int, str, str]]:
    """Run ``claro`` to its end, interrupted on the way: its status, stdout and stderr."""

    def run(*arguments: str, at: int) -> tuple[int, str, str]:
        process = start(*arguments, at=at)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    return run


@pytest.mark.parametrize("point", [1, 2, 5, 10])
def test_a_command_that_reads_ends_at_once(
    interrupted: Callable[..., tuple[int, str, str]], world: World, point: int
) -> None:
    """At whichever page it is, one Ctrl-C ends it with status 130 and one line."""
    rows = [[number] for number in range(12_000)]
    dataset = world.emulator.add_dataset(f"pages {point}", ["number"], rows)
    status, out, err = interrupted("rows", dataset, at=point)
    assert (status, err) == (130, "Error: interrupted\n")
    assert len(out.splitlines()) < point * 1000


def test_a_file_that_is_interrupted_is_not_there(
    interrupted: Callable[..., tuple[int, str, str]], world: World, tmp_path: Path
) -> None:
    """An export that is interrupted leaves nothing behind."""
    rows = [[number] for number in range(5000)]
    dataset = world.emulator.add_dataset("to a file", ["number"], rows)
    status, _, _ = interrupted("export", dataset, "-o", "x.jsonl", at=4)
    assert status == 130
    assert [path.name for path in tmp_path.iterdir()] == []


def folder_and_dataset(world: World, tmp_path: Path, name: str) -> list[str]:
    """A folder of files and a dataset whose rows name them; gives the command."""
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"f{number}.txt").write_text("text")
    columns: list[Any] = ["name", {"name": "file", "taskType": "raw"}]
    rows = [[f"f{number}", None] for number in range(FILES)]
    dataset = world.emulator.add_dataset(name, columns, rows)
    return ["upload", dataset, "--folder", "files", "--key", "name", "--column", "file"]


@pytest.mark.parametrize("point", [1, 4, 7])
def test_a_bulk_command_stops_with_an_account(
    interrupted: Callable[..., tuple[int, str, str]], world: World, tmp_path: Path, point: int
) -> None:
    """One Ctrl-C: what is on its way ends, the rest is not begun, and the account says both."""
    command = folder_and_dataset(world, tmp_path, f"bulk {point}")
    before = len(world.emulator.ledger.uploads)
    status, out, err = interrupted(*command, at=point)
    done = [json.loads(line) for line in out.splitlines()]
    assert status == 130
    assert {record["outcome"] for record in done} <= {"done"}
    assert len(done) == len(world.emulator.ledger.uploads) - before < FILES
    assert "stopping: what is on its way comes to its end" in err
    assert f"{FILES - len(done)} not sent" in err


def test_the_same_command_goes_on(
    interrupted: Callable[..., tuple[int, str, str]], world: World, tmp_path: Path
) -> None:
    """After an interrupt, the same command uploads what is left, and nothing twice."""
    command = folder_and_dataset(world, tmp_path, "again")
    first = interrupted(*command, at=5)
    second = interrupted(*command, at=10_000)
    assert (first[0], second[0]) == (130, 0)
    assert len(first[1].splitlines()) + len(second[1].splitlines()) == FILES
    cells = [upload.cell_id for upload in world.emulator.ledger.uploads[-FILES:]]
    assert len(set(cells)) == FILES


def test_a_second_interrupt_ends_it_at_once(
    start: Callable[..., subprocess.Popen[str]], world: World, tmp_path: Path
) -> None:
    """Ctrl-C again does not wait for what is on its way, which the server holds up here."""
    command = folder_and_dataset(world, tmp_path, "twice")
    stall = world.emulator.faults.add("uploadDatasource", "stall", after_bytes=0)
    process = start(*command, at=3)
    assert process.stderr is not None
    assert "Ctrl-C again ends at once" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    stall.remove()
    assert (process.returncode, out, err) == (130, "", "Error: interrupted\n")
