"""Logs: one record a retry, pause, end of a pause, reading back and giving up."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import ClaroClient, ConfigurationError, OutcomeUnknownError, RetryPolicy
from claro_async._logging import LOGGER
from claro_async.testing import AttemptError, json_reply
from tests.wire.mocked import in_order
from tests.wire.operations import COLUMN, DATASET
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async.emulator import Emulator

FAST = RetryPolicy(base_delay=0)


def client_of(answers: list[Any], **options: Any) -> ClaroClient:
    """A client whose attempts meet these replies and exceptions, in order."""
    return ClaroClient("key", session=in_order(answers), retry=FAST, **options)


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Level and text of what the package logged."""
    return [(each.levelname, each.message) for each in caplog.records if each.name == LOGGER.name]


async def test_a_retry_is_one_record(caplog: pytest.LogCaptureFixture) -> None:
    """INFO names the operation, the attempt and what happened; no attempt is logged."""
    caplog.set_level(logging.INFO)
    answers = [json_reply({}, status=503), AttemptError("reset", sent=True), json_reply({})]
    async with client_of(answers) as client:
        await client.request("GET", "/x")
    assert logged(caplog) == [
        ("INFO", "GET /x: attempt 1 failed (ServerError, HTTP 503); another in 0.0 seconds"),
        ("INFO", "GET /x: attempt 2 failed (reset); another in 0.0 seconds"),
    ]


async def test_giving_up_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """WARNING says whether the last of the attempts may have been applied."""
    caplog.set_level(logging.WARNING)
    resets = [AttemptError("reset", sent=True) for _ in range(5)]
    async with client_of(resets) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.request("POST", "/x", json={})
        with pytest.raises(Exception, match="nothing was changed"):
            await client.request("GET", "/y")
    assert logged(caplog) == [
        (
            "WARNING",
            "POST /x may or may not have been applied; attempts: 1; the last: reset",
        ),
        (
            "WARNING",
            "GET /y is given up, nothing was changed; attempts: 4; the last: reset",
        ),
    ]


async def test_a_rejection_is_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    """A 404 is the program's own business, and logs nothing above DEBUG."""
    caplog.set_level(logging.INFO)
    async with client_of([json_reply({}, status=404)]) as client:
        with pytest.raises(Exception, match="404"):
            await client.request("GET", "/x")
    assert logged(caplog) == []


async def test_a_pause_and_its_end(
    emulator: Emulator, connect: Callable[..., ClaroClient], caplog: pytest.LogCaptureFixture
) -> None:
    """A 429 logs the pause, the attempt that follows, and the pause's end, once each."""
    caplog.set_level(logging.INFO)
    emulator.faults.add("getDataset", "rate_limit", times=1, retry_after=30)
    await connect(emulator.base_url).dataset(DATASET).get()
    texts = [text for _, text in logged(caplog)]
    assert [text.split(" ")[0] for text in texts] == ["requests", "getDataset:", "requests"]
    assert "(429)" in texts[0]
    assert "when the quota allows" in texts[1]
    assert "go out again" in texts[2]


async def test_reading_back_says_what_it_showed(
    emulator: Emulator, connect: Callable[..., ClaroClient], caplog: pytest.LogCaptureFixture
) -> None:
    """A task type whose reply was lost is in doubt, and then confirmed."""
    caplog.set_level(logging.INFO)
    emulator.faults.add("updateColumnTaskType", "reset", times=1, apply=True)
    await (
        connect(emulator.base_url)
        .dataset(DATASET)
        .set_task_type(COLUMN, "web_enrich", confirm=COLUMN)
    )
    levels = [level for level, _ in logged(caplog)]
    assert levels == ["WARNING", "INFO"]
    assert logged(caplog)[1][1] == (
        "updateColumnTaskType: the reply was lost; reading back shows the change"
    )


async def test_attempts_are_logged_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """DEBUG has each attempt, its end, and the call's end, also beside a hook."""
    caplog.set_level(logging.DEBUG)
    events: list[Any] = []
    async with client_of([json_reply({})], on_event=events.append) as client:
        await client.request("GET", "/x", params={"secret": "q"})
    texts = [text for _, text in logged(caplog)]
    assert texts[0] == "call 1, GET /x, attempt 1: GET /x"
    assert "HTTP 200 after" in texts[1]
    assert "success after" in texts[2]
    assert len(texts) == 3
    assert len(events) == 4


async def test_without_debug_no_event_is_made() -> None:
    """Where nothing asks for attempts, requests are not observed at all."""
    async with client_of([json_reply({})]) as client:
        await client.request("GET", "/x")
        assert client._core.transport.observer is None


async def test_the_shortcut_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CLARO_LOG is read when a client opens, and writes to standard error, once for all clients."""
    monkeypatch.setenv("CLARO_LOG", "DEBUG")
    for _ in range(2):
        async with client_of([json_reply({})]) as client:
            await client.request("GET", "/x")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert "DEBUG claro_async: call 1, GET /x, attempt 1: GET /x" in lines[0]


@pytest.mark.parametrize("there", [True, False])
async def test_a_standard_error_that_is_closed_stops_no_call(
    monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    """A service whose standard error was closed, or that has none, works as before."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setenv("CLARO_LOG", "DEBUG")
    monkeypatch.setattr("sys.stderr", closed if there else None)
    monkeypatch.setattr("logging.raiseExceptions", False)
    async with client_of([json_reply({"a": 1})]) as client:
        assert await client.request("GET", "/x") == {"a": 1}


async def test_a_wrong_level_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another value of CLARO_LOG is an error that names both."""
    monkeypatch.setenv("CLARO_LOG", "loud")
    with pytest.raises(ConfigurationError, match="CLARO_LOG is 'loud', but must be 'debug' or"):
        async with client_of([]):
            pass


def test_the_package_prints_nothing_by_itself() -> None:
    """A NullHandler keeps warnings from standard error where a program set nothing up."""
    assert any(isinstance(each, logging.NullHandler) for each in LOGGER.handlers)
