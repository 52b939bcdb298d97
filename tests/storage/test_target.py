"""What stands at a path decides, before anything is sent, how it is written or why not."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from claro_async.storage.blocks import StreamFile, check_writable, write_all
from claro_async.storage.target import TargetKind, find_target

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX kinds of files")


def test_files_folders_and_streams(tmp_path: Path) -> None:
    """A file, a folder and a pipe are written each in its way; a new file is a file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path)
    kinds = {
        name: find_target(f"{tmp_path}/{name}").kind for name in ("", "link", "new.csv", "pipe")
    }
    assert kinds == {
        "": TargetKind.FOLDER,
        "link": TargetKind.FOLDER,
        "new.csv": TargetKind.FILE,
        "pipe": TargetKind.STREAM,
    }
    assert find_target(os.devnull).kind is TargetKind.STREAM


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A missing folder, a name that is too long, a socket and an empty path are refused."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for name, text in {
            "missing/a.csv": "make it first",
            "missing/": "make it first",
            "a" * 256: "shorten it",
            "socket": "choose another target",
            "socket/a": "make it first",
        }.items():
            with pytest.raises(OSError, match=text):
                find_target(f"{tmp_path}/{name}")
    with pytest.raises(ValueError, match="empty"):
        find_target("")
    with pytest.raises(ValueError, match="null"):
        find_target(f"{tmp_path}/a\0b")


def test_a_file_of_another_file_system_is_refused() -> None:
    """A file that stands in the folder of another file system cannot be renamed into place."""
    mounted = (
        [Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        if Path("/proc/self/mountinfo").exists()
        else []
    )
    files = [path for path in mounted if path.is_file() and os.access(path, os.W_OK)]
    if not files:
        pytest.skip("no single file is mounted here")
    with pytest.raises(OSError, match=r"mounted by itself|read-only"):
        find_target(files[0])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_and_a_read_only_file_are_refused(tmp_path: Path) -> None:
    """What open() could not write is refused."""
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(0o400)
    with pytest.raises(PermissionError, match="read-only"):
        find_target(tmp_path / "file")
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="read-only"):
        find_target(tmp_path / "new")
    tmp_path.chmod(0o700)


def test_a_pipe_that_nobody_reads_is_refused_at_once(tmp_path: Path) -> None:
    """Opening a pipe without a reader, which would wait for ever, is an error that says so."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="nobody reads from it"):
        StreamFile(tmp_path / "pipe")


def test_a_pipe_gets_what_fits(tmp_path: Path) -> None:
    """A pipe that is full takes nothing more, and does not make anybody wait."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with StreamFile(tmp_path / "pipe") as pipe:
        taken = pipe.write(bytes(1 << 20))
        assert taken is not None
        assert 0 < taken < 1 << 20
        assert pipe.write(b"x") is None
        assert len(os.read(reader, 1 << 20)) == taken
        write_all(pipe, b"more")
        assert os.read(reader, 10) == b"more"
    os.close(reader)


class _Asynchronous:
    async def write(self, data: bytes) -> int:
        return len(data)


def test_objects_that_cannot_be_written_to_are_refused(tmp_path: Path) -> None:
    """No file, a text file, an asynchronous one, and one open for reading are refused at once."""
    (tmp_path / "a").write_bytes(b"x")
    with (tmp_path / "a").open("r+") as text, (tmp_path / "a").open("rb") as readable:
        for target in (object(), 5, text, _Asynchronous()):
            with pytest.raises(TypeError, match="the target"):
                check_writable(target)
        with pytest.raises(ValueError, match="not open for writing"):
            check_writable(readable)
        with pytest.raises(TypeError, match="asynchronously"):
            write_all(_Hidden(), b"x")


class _Hidden:
    """Writes asynchronously, and does not look so."""

    def write(self, data: bytes) -> object:
        return _Asynchronous().write(data)
