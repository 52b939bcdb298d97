"""Events: every call and every attempt that begins ends, whatever becomes of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import (
    CallEnded,
    CallStarted,
    ClaroClient,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    Timeout,
)
from claro_async.testing import AttemptError, MockSession, json_reply
from claro_async.transport.events import AttemptFailed, ReplyReceived, RequestSent, RetryScheduled
from tests.wire.mocked import in_order
from tests.wire.raw_server import RawServer, answering, reply
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async.transport.events import Event


def client_of(answers: list[Any], events: list[Event], **options: Any) -> ClaroClient:
    """A client whose attempts meet these replies and exceptions, in order."""
    return ClaroClient("key", session=in_order(answers), on_event=events.append, **options)


async def test_a_call_from_its_first_attempt_to_its_end(events: list[Event]) -> None:
    """A retried call has one id, its operation, template and dataset in every event, in order."""
    reset = AttemptError("reset", sent=True)
    ok = json_reply({}, headers={"X-Request-Id": "r-7"})
    policy = RetryPolicy(base_delay=0)
    async with client_of([reset, ok, ok], events, retry=policy) as client:
        await client.dataset("d 1").update_cell("c", 1)
        await client.request("GET", "/x", params={"secret": "q"})
    kinds = [type(event) for event in events]
    assert kinds == [
        RequestSent, CallStarted, AttemptFailed, RetryScheduled, RequestSent, ReplyReceived,
        CallEnded, RequestSent, CallStarted, ReplyReceived, CallEnded,
    ]  # fmt: skip
    first: list[Any] = events[:7]
    assert {event.call_id for event in first} == {1}
    assert {event.operation for event in first} == {"updateCell"}
    assert {event.template for event in first} == {"/datasets/{datasetId}/cells/{cellId}"}
    assert {event.path for event in first} == {"/datasets/d%201/cells/c"}
    assert {event.dataset_id for event in first} == {"d 1"}
    assert [event.attempt for event in first] == [1, 1, 1, 1, 2, 2, 2]
    ended = first[-1]
    assert (ended.outcome, ended.status, ended.request_id, ended.error_type) == (
        "success", 200, "r-7", None
    )  # fmt: skip
    raw: Any = events[-1]
    assert (raw.call_id, raw.operation, raw.path) == (2, "GET /x", "/x")


ENDINGS: dict[str, tuple[list[Any], str, str, int | None]] = {
    "rejected": ([json_reply({}, status=403)], "rejected", "PermissionDeniedError", 403),
    "5xx": ([json_reply({}, status=500)], "failed", "ServerError", 500),
    "not sent": ([AttemptError("no", sent=False)], "failed", "ConnectionFailedError", None),
    "an error of its own": ([ValueError("odd")], "failed", "ValueError", None),
    "cancelled": ([asyncio.CancelledError()], "cancelled", "CancelledError", None),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_every_ending(ending: str, events: list[Event]) -> None:
    """Whatever ends a call, its attempt ends, and the call says how, with status and error."""
    answers, outcome, error, status = ENDINGS[ending]
    async with client_of(list(answers), events, retry=RetryPolicy(max_attempts=1)) as client:
        with pytest.raises(BaseException):  # noqa: B017, PT011 - whichever it is
            await client.request("GET", "/x")
    sent = sum(isinstance(event, RequestSent) for event in events)
    done = sum(isinstance(event, ReplyReceived | AttemptFailed) for event in events)
    assert sent == done == 1
    ended = events[-1]
    assert isinstance(ended, CallEnded)
    assert (ended.outcome, ended.error_type, ended.status) == (outcome, error, status)


async def test_a_change_that_may_have_been_applied(events: list[Event]) -> None:
    """Its call ends as unknown."""
    async with client_of([AttemptError("reset", sent=True)], events) as client:
        with pytest.raises(Exception, match="may or may not"):
            await client.request("POST", "/x", json={})
    assert isinstance(events[-1], CallEnded)
    assert events[-1].outcome == "unknown"


async def test_a_reply_that_is_too_large_ends_its_attempt(
    events: list[Event], connect: Callable[..., ClaroClient]
) -> None:
    """An oversized reply emits a failure after the request that was sent."""
    async with RawServer(answering(reply(b"x" * 2000))) as server:
        client = connect(server.base_url, max_reply_bytes=1000)
        with pytest.raises(Exception, match="more than 1,000 bytes"):
            await client.request("GET", "/x")
    assert [type(event) for event in events] == [
        RequestSent, CallStarted, AttemptFailed, CallEnded
    ]  # fmt: skip


async def test_a_call_that_never_sends_starts_and_ends(events: list[Event]) -> None:
    """Where the quota opens too late, the call reports both, with no attempt."""
    late = json_reply({}, status=429, headers={"Retry-After": "7200"})
    async with client_of([late], events) as client:
        for _ in range(2):
            with pytest.raises(RateLimitError, match="7,200 seconds") as caught:
                await client.request("GET", "/x")
            assert caught.value.retry_after == pytest.approx(7200, abs=5)
            assert caught.value.retry_at is not None
    last = [event for event in events if isinstance(event, CallStarted | CallEnded)][-2:]
    assert [(type(event), event.attempt) for event in last] == [(CallStarted, 0), (CallEnded, 0)]


async def test_a_hook_that_raises_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """What a hook raises ends nothing, and is logged once for all events."""

    def hook(_: Event) -> None:
        raise KeyError("label")

    session = MockSession(lambda _: json_reply({"ok": True}))
    async with ClaroClient("key", session=session, on_event=hook) as client:
        for _ in range(3):
            assert await client.request("GET", "/x") == {"ok": True}
    assert len([each for each in caplog.records if each.name == "claro_async"]) == 1


async def test_a_head_that_drips_is_given_up(connect: Callable[..., ClaroClient]) -> None:
    """Bytes of a header that never ends do not keep a call waiting beyond the first byte's time."""

    async def drip(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        timer = asyncio.get_running_loop().call_later
        while not writer.is_closing():
            writer.write(b"x")
            pause = asyncio.Event()
            timer(0.01, pause.set)
            await pause.wait()

    async with RawServer(drip) as server:
        client = connect(
            server.base_url, timeout=Timeout(first_byte=0.1), retry=RetryPolicy(max_attempts=1)
        )
        with pytest.raises(RequestTimeoutError, match="head of the reply"):
            await client.request("GET", "/x")


@pytest.mark.parametrize("size", [9_000, 60_000])
async def test_a_reply_with_a_long_header_is_read(
    size: int, connect: Callable[..., ClaroClient]
) -> None:
    """Headers of policies, which companies' proxies add, are no obstacle."""
    answer = answering(reply(b'{"ok": true}', Content_Security_Policy="x" * size))
    async with RawServer(answer) as server:
        assert await connect(server.base_url).request("GET", "/x") == {"ok": True}
