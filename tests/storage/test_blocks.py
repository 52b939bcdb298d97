"""Files of any make: those that take little, nothing for a while, or nothing at all."""

from __future__ import annotations

import io
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.errors import TransferError
from claro_async.storage.blocks import StreamFile, check_writable, write_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DATA = bytes(range(256)) * 4


class Slow:
    """A file that does with each write what it was given for that.

    Attributes:
        held: The bytes that it took.
    """

    def __init__(self, *answers: Callable[[Slow, bytes], Any]) -> None:
        self.held = b""
        self._answers = list(answers)

    def write(self, data: bytes) -> Any:
        """Answer as the next answer says, and in the end take all."""
        return (self._answers.pop(0) if self._answers else take_all)(self, data)


def take_all(file: Slow, data: bytes) -> int:
    """As files in memory and on disks."""
    file.held += data
    return len(data)


def take_ten(file: Slow, data: bytes) -> int:
    """As a socket."""
    file.held += data[:10]
    return 10


def take_all_and_say_nothing(file: Slow, data: bytes) -> None:
    """As many a class of somebody's own."""
    file.held += data


def block(file: Slow, data: bytes) -> int:
    """As a buffered file over a pipe that is full: some went out before."""
    file.held += data[:7]
    raise BlockingIOError(11, "would block", 7)


def block_at_once(_: Slow, __: bytes) -> int:
    """The same with nothing written."""
    raise BlockingIOError(11, "would block", 0)


def nothing(_: Slow, __: bytes) -> int:
    """As a file at some limit."""
    return 0


@pytest.mark.parametrize(
    "answers",
    [
        *((), (take_ten, take_ten), (take_all_and_say_nothing,)),
        *((block, take_ten), (block_at_once,), (nothing, nothing, take_ten)),
    ],
)
def test_every_byte_is_written_once(answers: tuple[Any, ...]) -> None:
    """Whatever a file takes at a time, and however it says so, the rest follows."""
    file = Slow(*answers)
    write_all(file, DATA)
    assert file.held == DATA


def test_a_file_that_never_takes_anything_is_an_error() -> None:
    """It is not written to for ever."""
    with pytest.raises(TransferError, match="takes no more bytes"):
        write_all(Slow(*[nothing] * 100), DATA)


def test_a_write_that_has_to_be_awaited_is_refused() -> None:
    """That shows in what comes back only; nothing warns of a coroutine that was never awaited."""

    async def later() -> int:
        return len(DATA)

    with pytest.raises(TypeError, match=r"stream\(\)"):
        write_all(Slow(lambda _, __: later()), DATA)


def test_writing_can_be_stopped() -> None:
    """What is left out is not written, however long the file takes nothing."""
    stop = threading.Event()

    def stopped(file: Slow, data: bytes) -> int:
        stop.set()
        return take_ten(file, data)

    file = Slow(stopped)
    write_all(file, DATA, stop)
    assert file.held == DATA[:10]


def test_a_pipe_that_is_full_is_waited_for(tmp_path: Path) -> None:
    """More than a pipe holds goes through it, as fast as it is read."""
    path, read = tmp_path / "pipe", bytearray()
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)

    def drain() -> None:
        while block := os.read(reader, 4096):
            read.extend(block)

    thread = threading.Thread(target=drain)
    data = DATA * 1000
    with StreamFile(path) as file:
        thread.start()
        write_all(file, data)
    thread.join()
    os.close(reader)
    assert bytes(read) == data


@pytest.mark.parametrize(
    ("target", "error"),
    [
        *((io.StringIO(), TypeError), (io.BufferedReader(io.BytesIO()), ValueError)),
        *((5, TypeError), (object(), TypeError)),
    ],
    ids=["text", "reading", "number", "object"],
)
def test_what_bytes_cannot_be_written_to(target: object, error: type[Exception]) -> None:
    """It is refused before anything is fetched."""
    with pytest.raises(error, match="target"):
        check_writable(target)


def test_a_file_that_writes_asynchronously_is_refused() -> None:
    """Such files have libraries of their own; the error names the way to use them."""

    class Asynchronous:
        async def write(self, data: bytes) -> int:
            return len(data)

    with pytest.raises(TypeError, match=r"stream\(\)"):
        check_writable(Asynchronous())
