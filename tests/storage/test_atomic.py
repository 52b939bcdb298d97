"""Files that are whole or not there, whatever stands at the target."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from claro_async.errors import TransferError
from claro_async.storage.atomic import AtomicFile
from claro_async.storage.locks import FileLock, InUseError, prefix_beside
from claro_async.storage.threads import in_thread
from tests.folders import names
from tests.full_disk import files_no_longer_than

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and links")


async def make(target: Path, content: bytes = b"new") -> None:
    """Make a file."""
    async with AtomicFile(target) as file:
        await file.write(content)
        await file.commit()


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """New files may be read by everybody."""
    before = os.umask(0o022)
    yield
    os.umask(before)


async def test_a_file_is_whole_and_alone(tmp_path: Path) -> None:
    """A committed file has all bytes, and nothing else is left in the folder."""
    await make(tmp_path / "a.csv", b"x" * 3_000_000)
    assert (tmp_path / "a.csv").read_bytes() == b"x" * 3_000_000
    assert names(tmp_path) == ["a.csv"]


async def test_an_uncommitted_file_leaves_the_old_one(tmp_path: Path) -> None:
    """A file that is given up leaves what was at the target, and nothing beside it."""
    (tmp_path / "a.csv").write_bytes(b"old")
    with suppress(KeyError):
        async with AtomicFile(tmp_path / "a.csv") as file:
            await file.write(b"x" * 3_000_000)
            raise KeyError
    assert (tmp_path / "a.csv").read_bytes() == b"old"
    assert names(tmp_path) == ["a.csv"]


@pytest.mark.usefixtures("usual_umask")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
async def test_permissions_stay(tmp_path: Path, mode: int) -> None:
    """A file made anew has the permissions of the old one, and no more while it grows."""
    target = tmp_path / "a.csv"
    target.write_bytes(b"old")
    target.chmod(mode)
    async with AtomicFile(target) as file:
        while_it_grows = stat.S_IMODE(file.path.stat().st_mode)
        assert stat.S_IMODE(file.make_scratch().stat().st_mode) & ~mode == 0
        await file.write(b"new")
        await file.commit()
    assert while_it_grows & ~mode == 0
    assert stat.S_IMODE(target.stat().st_mode) == mode


@pytest.mark.usefixtures("usual_umask")
async def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    """A file where none was gets the permissions that open() would give it."""
    await make(tmp_path / "a.csv")
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o644


@pytest.mark.parametrize("exists", [True, False], ids=["to a file", "to nothing"])
async def test_a_symbolic_link_is_followed(tmp_path: Path, *, exists: bool) -> None:
    """A link at the target stays one; the file that it leads to is made anew, or made."""
    real, link = tmp_path / "folder" / "real.csv", tmp_path / "link.csv"
    real.parent.mkdir()
    if exists:
        real.write_bytes(b"old")
    link.symlink_to(real)
    await make(link)
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert names(real.parent) == ["real.csv"]


async def test_links_that_lead_to_each_other_are_refused(tmp_path: Path) -> None:
    """A loop of links is an error that names it, before anything is made."""
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(OSError, match="a"):
        await make(tmp_path / "a")
    assert names(tmp_path) == ["a", "b"]


async def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    """While one writes a target, also by way of a link, a second one is refused."""
    (tmp_path / "link").symlink_to(tmp_path / "a.csv")
    async with AtomicFile(tmp_path / "a.csv") as file:
        for name in ("a.csv", "link"):
            with pytest.raises(TransferError, match="being written"):
                await make(tmp_path / name)
        await make(tmp_path / "b.csv")  # another target is another matter
        await file.commit()
    await make(tmp_path / "a.csv")


def test_a_lock_is_not_dropped_by_reading_the_locked_file(tmp_path: Path) -> None:
    """Opening and closing the locked file, which drops POSIX locks, keeps the lock."""
    (tmp_path / "a").write_bytes(b"x")
    lock = FileLock.acquire(tmp_path / "a")
    (tmp_path / "a").read_bytes()
    with pytest.raises(InUseError):
        FileLock.acquire(tmp_path / "a")
    lock.release()
    lock.release()
    FileLock.acquire(tmp_path / "a").release()
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(not hasattr(os, "fork") or os.geteuid() != 0, reason="takes another user")
def test_a_lock_that_another_user_left_can_be_taken_over(tmp_path: Path) -> None:
    """A lock file that may only be read is locked all the same."""
    tmp_path.chmod(0o777)
    left = tmp_path / f"{prefix_beside(tmp_path / 'a')}.lock"
    left.touch(0o644)
    child = (
        "import os, sys; from pathlib import Path\n"
        "from claro_async.storage.locks import FileLock\n"
        "os.setuid(65534)\n"
        "lock = FileLock.acquire(Path('a'))\n"
        "print(lock.left_behind); lock.release()\n"
    )
    ran = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", child], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "True"
    assert not left.exists()


async def test_what_a_killed_writer_left_goes_away(tmp_path: Path) -> None:
    """Part files of a writer that was killed are removed by the next one; those of others stay."""
    child = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from claro_async.storage.atomic import AtomicFile\n"
        "async def main():\n"
        "    async with AtomicFile(Path(sys.argv[1])) as file:\n"
        "        file.make_scratch()\n"
        "        await file.write(b'x')\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", child, tmp_path / "a.csv")
    assert await process.wait() == -9
    assert len(names(tmp_path)) == 3
    async with AtomicFile(tmp_path / "b.csv"):
        await make(tmp_path / "a.csv")
    assert names(tmp_path) == ["a.csv"]


async def test_a_resumable_file_can_be_gone_on_with(tmp_path: Path) -> None:
    """What a resumable file holds stays when it is given up, and is gone on with to the end."""
    target = tmp_path / "a.jsonl"
    with suppress(KeyError):
        async with AtomicFile(target, resumable=True) as file:
            part = file.path
            await file.write(b"one\ntwo\ngarbage")
            await file.sync()
            raise KeyError
    await make(tmp_path / "a.jsonl", b"of another")
    async with AtomicFile(target, resumable=True, part=part, size=8) as file:
        assert file.size == 8
        await file.write(b"three\n")
        await file.commit()
    assert target.read_bytes() == b"one\ntwo\nthree\n"
    assert names(tmp_path) == ["a.jsonl"]


@pytest.mark.parametrize("what", ["missing", "short", "a link", "a hard link"])
async def test_a_part_file_that_is_not_what_it_was_is_refused(tmp_path: Path, what: str) -> None:
    """A part file that is missing, too short, or leads elsewhere is refused and left as it is."""
    victim, part = tmp_path / "victim", tmp_path / "part"
    victim.write_bytes(b"precious")
    if what == "short":
        part.write_bytes(b"abc")
    elif what == "a link":
        part.symlink_to(victim)
    elif what == "a hard link":
        part.hardlink_to(victim)
    with pytest.raises(TransferError, match="cannot be gone on with"):
        async with AtomicFile(tmp_path / "a", part=part, size=4):
            pass
    assert victim.read_bytes() == b"precious"
    assert not any(name.startswith(".claro") for name in names(tmp_path))


async def test_a_cancelled_writer_waits_for_its_thread(tmp_path: Path) -> None:
    """A file is closed and removed only when the thread that works on it has ended."""
    begun, go_on, seen = threading.Event(), threading.Event(), []

    def work(file: object) -> None:
        begun.set()
        go_on.wait(10)
        seen.append((getattr(file, "closed", None), len(names(tmp_path))))

    async def write() -> None:
        async with AtomicFile(tmp_path / "a") as file:
            await file.run(work)

    task = asyncio.create_task(write())
    await in_thread(begun.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == [(False, 2)]
    assert names(tmp_path) == []


async def test_a_writer_that_is_cancelled_while_it_opens_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled while the file is opened on a slow disk, a writer removes it all the same."""
    opening, go_on = threading.Event(), threading.Event()
    acquire = FileLock.acquire

    def slowly(path: Path) -> FileLock:
        opening.set()
        go_on.wait(10)
        return acquire(path)

    monkeypatch.setattr(FileLock, "acquire", slowly)
    task = asyncio.create_task(make(tmp_path / "a"))
    await in_thread(opening.wait, 10)
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert names(tmp_path) == []


@pytest.mark.parametrize("later", ["flush", "sync", "commit"])
async def test_a_write_that_failed_is_not_forgotten(tmp_path: Path, later: str) -> None:
    """When the disk has room again the bytes that were lost stay lost, and the file is not kept."""
    (tmp_path / "a").write_bytes(b"old")
    async with AtomicFile(tmp_path / "a") as file:
        with files_no_longer_than(1_500_000):
            await file.write(b"x" * 3_000_000)
            with pytest.raises(OSError, match="too large") as first:
                await file.sync()
        await file.write(b"y")
        with pytest.raises(OSError, match="too large") as second:
            await getattr(file, later)()
        assert second.value is first.value
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


async def test_a_file_that_is_rewound_begins_anew(tmp_path: Path) -> None:
    """What is written again from the first byte on is whole, whatever was lost before."""
    async with AtomicFile(tmp_path / "a") as file:
        with files_no_longer_than(1_500_000):
            await file.write(b"x" * 3_000_000)
            with pytest.raises(OSError, match="too large"):
                await file.flush()
        await file.rewind()
        await file.write(b"new")
        assert await file.commit() == 3
    assert (tmp_path / "a").read_bytes() == b"new"


async def test_stop_iteration_in_a_thread_strands_nobody() -> None:
    """StopIteration, which no future can hold, is an error of another type for who waits."""
    with pytest.raises(RuntimeError, match="StopIteration"):
        await in_thread(next, iter(()))
