"""SQLite files of ours: marks, locks, and errors that are never SQLite's own."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from claro_async.errors import ClaroError
from claro_async.storage.sqlite import DatabaseKind, LockedSqlite, Mode, Trouble

if TYPE_CHECKING:
    from pathlib import Path


class DatabaseError(ClaroError):
    """What the caller of `LockedSqlite` raises."""

    def __init__(self, trouble: Trouble, path: Path, text: str) -> None:
        super().__init__(f"{path}: {trouble.value}: {text}")
        self.trouble = trouble


KIND = DatabaseKind(
    application_id=0x74657374,
    version=3,
    schema="CREATE TABLE words (word TEXT); -- one table\nCREATE TABLE more (a);",
    settings=("PRAGMA synchronous = FULL",),
    error=DatabaseError,
)


def make(path: Path) -> None:
    """Make a database with one word in it."""
    database = LockedSqlite.open(path, KIND, "create")
    assert database.is_new
    with database.transaction():
        database.execute("INSERT INTO words VALUES ('hello')")
    database.close()


def trouble_with(path: Path, mode: Mode = "open", *, check: bool = False) -> Trouble:
    """What is wrong with a file."""
    with pytest.raises(DatabaseError) as raised:
        LockedSqlite.open(path, KIND, mode, check=check)
    return raised.value.trouble


def test_a_file_is_made_once_and_opened_again(tmp_path: Path) -> None:
    """A file keeps what was written, is not made a second time, and leaves nothing beside it."""
    path = tmp_path / "a.db"
    assert trouble_with(path) is Trouble.MISSING
    make(path)
    assert path.stat().st_mode & 0o077 == 0
    assert trouble_with(path, "create") is Trouble.EXISTS
    for mode in ("open", "open or create", "share", "read"):
        database = LockedSqlite.open(path, KIND, mode, check=True)
        assert database.execute("SELECT word FROM words") == [("hello",)]
        assert not database.is_new
        database.close()
        database.close()
    assert [each.name for each in tmp_path.iterdir()] == ["a.db"]


def test_one_has_it_open(tmp_path: Path) -> None:
    """A second one is refused, in this process and another, even when the bytes were read."""
    path = tmp_path / "a.db"
    make(path)
    database = LockedSqlite.open(path, KIND, "open")
    path.read_bytes()  # closing the file again drops SQLite's own locks
    for mode in ("open", "create", "open or create"):
        assert trouble_with(path, mode) is Trouble.IN_USE
    child = (
        "import sys; from pathlib import Path; from tests.storage.test_sqlite import *\n"
        "try: LockedSqlite.open(Path(sys.argv[1]), KIND, 'open')\n"
        "except DatabaseError as error: print(error.trouble.value)"
    )
    ran = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", child, path], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "in use"
    reader = LockedSqlite.open(path, KIND, "read")  # a look is possible meanwhile
    assert reader.execute("SELECT count(*) FROM words") == [(1,)]
    reader.close()
    database.close()
    LockedSqlite.open(path, KIND, "open").close()


@pytest.mark.parametrize("how", ["empty", "journal mode set"])
def test_a_file_that_was_killed_at_birth(tmp_path: Path, how: str) -> None:
    """A file in which nothing was written yet says so, and can be made after all."""
    path = tmp_path / "a.db"
    path.touch()
    if how != "empty":
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
    assert trouble_with(path) is Trouble.UNBORN
    assert trouble_with(path, "read") is Trouble.UNBORN
    make(path)


def test_files_of_others_are_left_as_they_are(tmp_path: Path) -> None:
    """Another program's database, another version, and no database at all are told apart."""
    foreign, newer, text = tmp_path / "foreign", tmp_path / "newer", tmp_path / "text"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE words (word)")
    connection.close()
    make(newer)
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 4")
    connection.close()
    text.write_bytes(b"no database\n" * 100)
    (tmp_path / "short").write_bytes(b"short")
    found = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert trouble_with(foreign) is Trouble.FOREIGN
    assert trouble_with(foreign, "share") is Trouble.FOREIGN
    assert trouble_with(newer) is Trouble.OTHER_VERSION
    assert trouble_with(text) is Trouble.FOREIGN
    assert trouble_with(tmp_path / "short", "share") is Trouble.FOREIGN
    assert trouble_with(tmp_path, "create") is Trouble.FOREIGN
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == found


def test_a_damaged_file(tmp_path: Path) -> None:
    """Pages that were overwritten are found when the file is checked."""
    path = tmp_path / "a.db"
    make(path)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    assert trouble_with(path, check=True) is Trouble.DAMAGED


def test_every_error_is_the_caller_s(tmp_path: Path) -> None:
    """Errors of statements, of a transaction and after closing are the caller's."""
    make(tmp_path / "a.db")
    database = LockedSqlite.open(tmp_path / "a.db", KIND, "open")
    with pytest.raises(DatabaseError, match="no such table") as raised:
        database.execute("SELECT * FROM absent")
    assert raised.value.__cause__ is None

    def fail(error: Exception | None) -> None:
        with database.transaction():
            database.execute("INSERT INTO words VALUES ('lost')")
            if error is not None:
                raise error
            database.execute_many("INSERT INTO absent VALUES (?)", [(1,)])

    with pytest.raises(DatabaseError, match="no such table"):
        fail(None)
    with pytest.raises(KeyError):
        fail(KeyError())
    assert database.execute("SELECT count(*) FROM words") == [(1,)]
    database.close()
    with pytest.raises(DatabaseError), database.transaction():
        pass


def test_a_file_that_cannot_be_made(tmp_path: Path) -> None:
    """A folder that does not exist is an error that names the trouble."""
    assert trouble_with(tmp_path / "nowhere" / "a.db", "create") is Trouble.MISSING
    assert trouble_with(tmp_path / "nowhere" / "a.db", "share") is Trouble.UNUSABLE


def test_a_disk_that_is_full_when_it_is_made(tmp_path: Path) -> None:
    """A file for whose tables there is no room is an error of the caller's, and is removed."""
    child = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from tests.storage.test_sqlite import *\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: LockedSqlite.open(Path(sys.argv[1]), KIND, 'create')\n"
        "except DatabaseError as error: print(error.trouble.value)"
    )
    ran = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", child, tmp_path / "a.db"], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "unusable"
    assert list(tmp_path.iterdir()) == []
