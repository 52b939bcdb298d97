"""The folder of a run's receipts, amid writers that are at work or were killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from msgspec import Raw
from pyarrow import fs

pytest.importorskip("pyspark", reason="the extra [spark] is not installed")

from claro_async.connectors.spark.folder import Folder
from claro_async.connectors.spark.options import ClientOptions, WriteOptions
from claro_async.connectors.spark.receipts import CellState, Intent, Result, encode_lines
from claro_async.connectors.spark.run import (
    FORMAT,
    Attempt,
    Epoch,
    begin_epoch,
    epoch_names,
    known_after,
    read_about,
)
from claro_async.connectors.spark.runs import read_receipts, run_report
from claro_async.errors import ConfigurationError, RunClosedError
from claro_async.storage.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIRST = "000001-00000000"
URL = "http://127.0.0.1/api/v2"
ABOUT = json.dumps({"format": FORMAT, "dataset": "d", "base_url": URL}).encode()

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
        "epochs/000002-00000000.json",
        "attempts/000001-00000000/000000.000000000002",
        "cells/000001-00000000/000000.000000000002",
        "edits/000001-00000000/000000.000000000001.000001.sent",
        "ended/000001-00000000.json",
        "reports/000001-00000000.json",
    ],
)
def test_what_a_killed_writer_left_is_no_file_of_the_folder(
    tmp_path: Path, program: str, name: str
) -> None:
    """A run is read as if the write that was cut off had never begun, and it can be repeated."""
    folder = Folder(fs.LocalFileSystem(), str(tmp_path))
    epoch = Epoch(folder=folder, run="r", name=FIRST)
    folder.write(f"epochs/{FIRST}.json", ABOUT)
    _write_and_die(program, tmp_path, name)
    place = name.rpartition("/")[0]
    assert folder.names(place) == (["000001-00000000.json"] if place == "epochs" else [])
    assert epoch_names(folder) == [FIRST]
    assert epoch.attempts() == []
    known_after([epoch])
    folder.write(name, b"{}")
    assert name.rpartition("/")[2] in folder.names(place)


def test_a_lock_of_a_writer_at_work_is_no_file_of_the_folder(tmp_path: Path) -> None:
    """While another task writes its file, a task finds those of others and no more."""
    folder = Folder(fs.LocalFileSystem(), str(tmp_path))
    epoch = Epoch(folder=folder, run="r", name=FIRST)
    folder.write(f"epochs/{FIRST}.json", ABOUT)
    first, second = Attempt(0, 1), Attempt(0, 2)
    epoch.begin_attempt(first)
    lock = FileLock.acquire(tmp_path / "attempts" / FIRST / str(second))
    try:
        assert epoch.attempts() == [first]
    finally:
        lock.release()


def a_folder(where: Path) -> Folder:
    """The folder of a run that one driver began, with nothing but that in it."""
    folder = Folder(fs.LocalFileSystem(), str(where))
    folder.write(f"epochs/{FIRST}.json", ABOUT)
    return folder


def _cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


@pytest.mark.parametrize("content", [b"", b"{}", b'["cell", 1]\n["other", 2]\n', bytes(100)])
def test_half_a_file_is_none(tmp_path: Path, content: bytes) -> None:
    """Of whatever length a file was left, and with zeros in the place of its end, it is none."""
    folder = a_folder(tmp_path)
    name = f"cells/{FIRST}/000000.000000000001"
    folder.write(name, content)
    assert folder.read(name) == content
    whole = (tmp_path / name).read_bytes()
    for size in range(len(whole)):
        (tmp_path / name).write_bytes(whole[:size])
        assert folder.read(name) is None
        (tmp_path / name).write_bytes(whole[:size] + bytes(len(whole) - size))
        assert folder.read(name) is None
    (tmp_path / name).write_bytes(whole + b"x")
    assert folder.read(name) is None


@pytest.mark.parametrize("rest", [0, 1, 20])
def test_of_edits_in_half_a_file_nothing_is_believed(tmp_path: Path, rest: int) -> None:
    """What half a file names was not sent yet; what became of others is in doubt."""
    folder = a_folder(tmp_path)
    place = f"edits/{FIRST}/000000.000000000001"
    folder.write(f"{place}.000001.sent", encode_lines([Intent("a", Raw(b"1"))]))
    folder.write(f"{place}.000002.done", encode_lines([Result("a", CellState.UPDATED, "0")]))
    folder.write(f"{place}.000003.sent", encode_lines([Intent("b", Raw(b"1"))]))
    epoch = Epoch(folder=folder, run="r", name=FIRST)
    assert [each.state for each in known_after([epoch])] == [CellState.UPDATED, CellState.IN_DOUBT]
    for number in ("000002.done", "000003.sent"):
        _cut(tmp_path / f"{place}.{number}", rest)
    known = list(known_after([epoch]))
    assert [(each.cell_id, each.state) for each in known] == [("a", CellState.IN_DOUBT)]


def test_half_of_what_was_known_is_as_if_its_driver_had_no_tasks(tmp_path: Path) -> None:
    """A driver that was killed while it began is passed over; its own tasks refuse to begin."""
    folder = a_folder(tmp_path)
    place = f"edits/{FIRST}/000000.000000000001.000001"
    folder.write(f"{place}.sent", encode_lines([Intent("a", Raw(b"1"))]))
    second = "000002-00000000"
    folder.write(f"epochs/{second}.json", ABOUT)
    epochs = [Epoch(folder=folder, run="r", name=each) for each in (FIRST, second)]
    assert len(known_after(epochs)) == 1  # no file of what was known at all
    folder.write(f"epochs/{second}.known", encode_lines(known_after(epochs[:1])))
    _cut(tmp_path / "epochs" / f"{second}.known", 10)
    assert len(known_after(epochs)) == 1
    for kind in ("known", "rows"):
        with pytest.raises(ConfigurationError, match=r"option 'receipts'.*not the same"):
            epochs[1].content(kind)


def test_half_of_a_report_and_of_an_end(tmp_path: Path) -> None:
    """The report before is shown; an end that was about to be written down counts already."""
    folder = a_folder(tmp_path / "r")
    second = "000002-00000000"
    folder.write(f"epochs/{second}.json", ABOUT)
    for name, updated in ((FIRST, 1), (second, 2)):
        folder.write(f"reports/{name}.json", json.dumps({"updated": updated}).encode())
    assert run_report(str(tmp_path), "r") == {"updated": 2}
    _cut(tmp_path / "r" / "reports" / f"{second}.json", 5)
    assert run_report(str(tmp_path), "r") == {"updated": 1}
    epoch = Epoch(folder=folder, run="r", name=second)
    epoch.begin_attempt(Attempt(0, 1))
    epoch.end("committed")
    _cut(tmp_path / "r" / "ended" / f"{second}.json", 0)
    with pytest.raises(RunClosedError, match="is over"):
        epoch.begin_attempt(Attempt(0, 2))


def test_half_of_a_drivers_first_file(tmp_path: Path) -> None:
    """Its number is taken, and what the run is stands in the files of the others."""
    write_options = _options(tmp_path)
    first, _ = begin_epoch(write_options, URL, "aaaaaaaa")
    _cut(tmp_path / "r" / "epochs" / f"{first.name}.json", 7)
    assert read_about(first.folder) is None
    with pytest.raises(ConfigurationError, match="no receipts"):
        read_receipts(str(tmp_path), "r")
    second, earlier = begin_epoch(write_options, URL, "00000000")
    assert second.name == "000002-00000000"
    assert [each.name for each in earlier] == [first.name]
    assert read_receipts(str(tmp_path), "r").num_rows == 0


STRAYS = [
    ".{}.crc",
    "._{}",
    "_SUCCESS",
    "_temporary",
    "{}._COPYING_",
    "{}.part",
    "{}.0123456789abcdef.part",
    "{}~",
    "{} (1)",
    "{}.sb-1234-abc",
    "x{}",
]


@pytest.mark.parametrize("stray", STRAYS)
def test_what_others_leave_in_the_folder_is_not_read(tmp_path: Path, stray: str) -> None:
    """Files of Hadoop, of tools that copy, and of editors change nothing of a run."""
    folder = a_folder(tmp_path)
    epoch = Epoch(folder=folder, run="r", name=FIRST)
    ours = {
        "epochs": f"{FIRST}.json",
        "ended": f"{FIRST}.json",
        "reports": f"{FIRST}.json",
        f"attempts/{FIRST}": "000000.000000000001",
        f"cells/{FIRST}": "000000.000000000001",
        f"edits/{FIRST}": "000000.000000000001.000001.sent",
    }
    for place, name in ours.items():
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / stray.format(name)).write_bytes(b"\0{half")
        (tmp_path / place / f"{name}.d").mkdir()
        assert folder.names(place) == ([name] if place == "epochs" else [])
    assert epoch_names(folder) == [FIRST]
    assert not epoch.is_ended
    assert len(known_after([epoch])) == 0
    assert epoch.begin_attempt(Attempt(0, 2)) == []


class HalfMoves(fs.SubTreeFileSystem):  # type: ignore[misc]  # pyarrow has no types
    """Brings files to their places by copying, and is cut off in the middle of it."""

    def move(self, source: str, target: str) -> None:
        """Copy half of the file."""
        with self.open_input_stream(source) as whole:
            content = whole.read()
        with self.open_output_stream(target) as half:
            half.write(content[: len(content) // 2])
        raise OSError("cut off")


def test_a_move_that_is_cut_off_leaves_nothing_to_believe(tmp_path: Path) -> None:
    """The writer gets the error, no part stays, and half of the file is read as none."""
    folder = Folder(HalfMoves(str(tmp_path), fs.LocalFileSystem()), "r")
    name = "epochs/000001-00000000.known"
    with pytest.raises(OSError, match="cut off"):
        folder.write(name, b"known")
    assert folder.read(name) is None
    assert [each.name for each in (tmp_path / "r" / "epochs").iterdir()] == [
        "000001-00000000.known"
    ]


class NoReplacing(fs.SubTreeFileSystem):  # type: ignore[misc]  # pyarrow has no types
    """Moves no file to where one is, as Hadoop's file system."""

    def move(self, source: str, target: str) -> None:
        """Move a file."""
        if self.get_file_info(target).type != fs.FileType.NotFound:
            raise FileExistsError(target)
        super().move(source, target)


def test_no_file_is_written_twice(tmp_path: Path) -> None:
    """What is done twice, as the end of a write whose commit raised, is written down once."""
    folder = Folder(NoReplacing(str(tmp_path), fs.LocalFileSystem()), "r")
    folder.write(f"epochs/{FIRST}.json", ABOUT)
    epoch = Epoch(folder=folder, run="r", name=FIRST)
    epoch.begin_attempt(Attempt(0, 1))
    assert epoch.end("committed") == epoch.end("aborted") == [Attempt(0, 1)]
    assert folder.read(f"ended/{FIRST}.json") == b'{"how":"committed"}'
    with pytest.raises(FileExistsError):
        folder.write(f"ended/{FIRST}.json", b"")
    assert [each.name for each in (tmp_path / "r" / "ended").iterdir()] == [f"{FIRST}.json"]


def test_a_folder_of_this_machine_alone_is_refused_by_tasks(tmp_path: Path) -> None:
    """A task on a machine that has a folder of its own of the name begins nothing."""
    epoch, _ = begin_epoch(_options(tmp_path / "driver"), URL, "aaaaaaaa")
    elsewhere = Folder(fs.LocalFileSystem(), str(tmp_path / "executor"))
    task = Epoch(folder=elsewhere, run="r", name=epoch.name)
    with pytest.raises(ConfigurationError, match=r"option 'receipts'.*s3:// or hdfs://"):
        task.begin_attempt(Attempt(0, 1))
    assert not (tmp_path / "executor").exists()


def _options(receipts: Path, dataset: str = "d") -> WriteOptions:
    return WriteOptions(
        client=ClientOptions(), dataset=dataset, key=None, receipts=str(receipts), run="r"
    )


class Interrupted:
    """Lets something happen before, or after, a driver's file is there."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None], *, after: bool
    ) -> None:
        self._write, self._act, self._after = Folder.write, act, after
        self._has_acted = False
        monkeypatch.setattr(Folder, "write", self._replaced())

    def _replaced(self) -> Callable[[Folder, str, bytes], None]:
        def write(folder: Folder, name: str, content: bytes) -> None:
            if self._after:
                self._write(folder, name, content)
            if not self._has_acted:
                self._has_acted = True
                self._act()
            if not self._after:
                self._write(folder, name, content)

        return write


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("other", ["00000000", "ffffffff"])
def test_two_drivers_that_begin_at_the_same_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str, *, after: bool
) -> None:
    """One of them goes on, and knows of the other, whose tasks send nothing."""
    begun: list[tuple[Epoch, list[Epoch]]] = []

    def begin_other() -> None:
        begun.append(begin_epoch(_options(tmp_path), URL, other))

    Interrupted(monkeypatch, begin_other, after=after)
    with suppress(RunClosedError):
        begun.append(begin_epoch(_options(tmp_path), URL, "88888888"))
    assert begun
    names = sorted(epoch.name for epoch, _ in begun)
    for epoch, earlier in begun:
        if epoch.name == names[-1]:
            assert {each.name for each in earlier} >= set(names[:-1])
            epoch.begin_attempt(Attempt(0, 1))
        else:
            with pytest.raises(RunClosedError):
                epoch.begin_attempt(Attempt(0, 1))
    assert len({epoch.name for epoch, _ in begun}) == len(begun)


@pytest.mark.parametrize("after", [False, True])
def test_two_drivers_of_two_datasets_at_the_same_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    """They never share a run, and who is refused leaves nothing that would refuse the other."""
    begun: list[str] = []

    def begin(dataset: str, chance: str) -> None:
        with suppress(ConfigurationError):
            begin_epoch(_options(tmp_path, dataset), URL, chance)
            begun.append(dataset)

    Interrupted(monkeypatch, lambda: begin("e", "00000000"), after=after)
    begin("d", "ffffffff")
    assert len(begun) <= 1
    (left,) = begun or ["d"]
    begin_epoch(_options(tmp_path, left), URL, "88888888")
