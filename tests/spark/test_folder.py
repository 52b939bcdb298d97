"""The folder of a run's receipts, amid writers that are at work or were killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from pyarrow import fs

from claro_async.connectors.spark.folder import Folder
from claro_async.connectors.spark.run import Attempt, Epoch, epoch_numbers, known_after
from claro_async.storage.locks import FileLock

if TYPE_CHECKING:
    from pathlib import Path

_ON_A_LOCAL_DISK = """
import os, signal, sys
from pyarrow import fs
from claro_async.connectors.spark.folder import Folder

os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
Folder(fs.LocalFileSystem(), sys.argv[1]).write(sys.argv[2], b"{}")
"""

_ELSEWHERE = """
import os, signal, sys
from pyarrow import fs
from claro_async.connectors.spark.folder import Folder

class Store(fs.SubTreeFileSystem):
    def move(self, *_):
        os.kill(os.getpid(), signal.SIGKILL)

Folder(Store("/", fs.LocalFileSystem()), sys.argv[1]).write(sys.argv[2], b"{}")
"""


def _write_and_die(program: str, folder: Path, name: str) -> None:
    """Write a file in a process that is killed before the file is at its place."""
    command = [sys.executable, "-c", program, str(folder), name]
    died = subprocess.run(command, check=False)  # noqa: S603 - our own
    assert died.returncode == -signal.SIGKILL
    assert list((folder / name).parent.iterdir()), "it left something"


@pytest.mark.parametrize("program", [_ON_A_LOCAL_DISK, _ELSEWHERE])
@pytest.mark.parametrize(
    "name",
    [
        "epochs/000002.json",
        "attempts/000001/000000.000000000002",
        "cells/000001/000000.000000000002",
        "edits/000001/000000.000000000001.000001.sent",
        "ended/000001.json",
        "reports/000001.json",
    ],
)
def test_what_a_killed_writer_left_is_no_file_of_the_folder(
    tmp_path: Path, program: str, name: str
) -> None:
    """A run is read as if the write that was cut off had never begun, and it can be repeated."""
    folder = Folder(fs.LocalFileSystem(), str(tmp_path))
    epoch = Epoch(folder=folder, run="r", number=1)
    folder.write("epochs/000001.json", b"{}")
    _write_and_die(program, tmp_path, name)
    place = name.rpartition("/")[0]
    assert folder.names(place) == (["000001.json"] if place == "epochs" else [])
    assert epoch_numbers(folder) == [1]
    assert epoch.attempts() == []
    known_after([epoch])
    folder.write(name, b"{}")
    assert name.rpartition("/")[2] in folder.names(place)


def test_a_lock_of_a_writer_at_work_is_no_file_of_the_folder(tmp_path: Path) -> None:
    """While another task writes its file, a task finds those of others and no more."""
    folder = Folder(fs.LocalFileSystem(), str(tmp_path))
    epoch = Epoch(folder=folder, run="r", number=1)
    folder.write("epochs/000001.json", b"{}")
    first, second = Attempt(0, 1), Attempt(0, 2)
    epoch.begin_attempt(first)
    lock = FileLock.acquire(tmp_path / "attempts" / "000001" / str(second))
    try:
        assert epoch.attempts() == [first]
    finally:
        lock.release()
