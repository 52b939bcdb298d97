"""What callbacks of the caller raise, and the one record of progress."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle

import pytest

from claro_async._callbacks import CallbackGuard, check_callback
from claro_async.progress import BulkProgress, Progress


def test_a_callback_gets_each_value() -> None:
    """A guard hands every value on, and has nothing to note where nothing was raised."""
    seen: list[int] = []
    guard = CallbackGuard(seen.append, "on_progress")
    guard(1)
    guard(2)
    assert seen == [1, 2]
    assert (guard.failure, guard.failures, guard.note) == (None, 0, None)


@pytest.mark.parametrize("kind", [KeyError, StopIteration, StopAsyncIteration, TimeoutError])
def test_what_a_callback_raises_is_logged_once_and_dropped(
    kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    """The callback is called again after it raised; the log has one record, the note counts all."""
    calls = 0

    def fail(_: object) -> None:
        nonlocal calls
        calls += 1
        raise kind(f"call {calls}")

    guard = CallbackGuard(fail, "on_event")
    for _ in range(3):
        guard(None)
    assert calls == guard.failures == 3
    assert isinstance(guard.failure, kind)
    [record] = caplog.records
    assert (record.name, record.levelno) == ("claro_async", logging.ERROR)
    assert record.exc_info is not None
    assert record.exc_info[1] is guard.failure
    assert guard.note is not None
    assert guard.note.startswith(f"on_event raised 3 times, first {kind.__name__}")


def test_a_note_is_added_to_an_exception_only_where_the_callback_raised() -> None:
    """An exception that is raised anyway says that a callback had raised as well."""

    def fail(_: object) -> None:
        raise ZeroDivisionError("bar")

    guard, error = CallbackGuard(fail, "on_progress"), ValueError()
    guard.add_note_to(error)
    assert not hasattr(error, "__notes__")
    guard(None)
    guard.add_note_to(error)
    assert error.__notes__ == [
        "on_progress raised once, first ZeroDivisionError: bar; it was ignored"
    ]


def test_an_exception_without_a_text_is_named_by_its_type() -> None:
    """An exception whose ``__str__`` raises is noted all the same."""

    class UnprintableError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail(_: object) -> None:
        raise UnprintableError

    guard = CallbackGuard(fail, "on_progress")
    guard(None)
    assert guard.note == "on_progress raised once, first UnprintableError; it was ignored"


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt])
def test_a_cancellation_or_interrupt_goes_through(kind: type[BaseException]) -> None:
    """What is no :class:`Exception` leaves the callback as it is raised."""

    def interrupt(_: object) -> None:
        raise kind

    guard = CallbackGuard(interrupt, "on_progress")
    with pytest.raises(kind):
        guard(None)
    assert guard.failure is None


def test_no_callback_needs_no_guard() -> None:
    """Without a callback there is nothing to call."""
    assert CallbackGuard.wrap(None, "on_event") is None
    assert CallbackGuard.wrap(print, "on_event") is not None


def test_a_callback_that_nobody_would_await_is_refused() -> None:
    """A coroutine function, or what cannot be called, is a TypeError that names the argument."""

    async def later(_: object) -> None: ...

    check_callback("on_progress", None)
    check_callback("on_progress", print)
    with pytest.raises(TypeError, match="on_progress must be a plain function"):
        check_callback("on_progress", later)
    with pytest.raises(TypeError, match="on_progress must be callable, not int"):
        check_callback("on_progress", 1)


@pytest.mark.parametrize(
    ("done", "total", "fraction"), [(1, 4, 0.25), (0, 0, 1.0), (5, 4, 1.0), (3, None, None)]
)
def test_progress_knows_its_fraction(done: int, total: int | None, fraction: float | None) -> None:
    """The part that is done lies between 0 and 1, and is None without a total."""
    progress = Progress(unit="rows", done=done, total=total, seconds=1.5)
    assert progress.fraction == fraction


def test_progress_of_a_bulk_update_is_one_more_record_of_the_same_shape() -> None:
    """BulkProgress is a Progress in edits, pickles, and gives plain JSON values."""
    progress = BulkProgress(done=3, total=10, seconds=2.0, updated=2, failed=1, requests=4)
    assert isinstance(progress, Progress)
    assert progress.unit == "edits"
    assert pickle.loads(pickle.dumps(progress)) == progress  # noqa: S301 - our own bytes
    assert json.loads(json.dumps(progress.to_dict())) == {
        "unit": "edits",
        "done": 3,
        "total": 10,
        "seconds": 2.0,
        "fraction": 0.3,
        "updated": 2,
        "failed": 1,
        "requests": 4,
    }
