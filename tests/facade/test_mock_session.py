"""The testing aid: a client on a function, with everything but the network real."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from claro_async import (
    ClaroClient,
    CommunicationsMiningClient,
    DatasetNotFoundError,
    OutcomeUnknownError,
)
from claro_async.testing import AttemptError, HttpReply, HttpRequest, MockSession, json_reply
from tests.clocks import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

EDITED = {"cellId": "c", "value": "new", "previousValue": "old", "metadataReset": True}
TIMES = {"updatedAt": "2024-03-14T17:30:00Z", "updatedBy": "user"}


def client_of(handler: Callable[[HttpRequest], HttpReply], clock: ManualClock) -> ClaroClient:
    """A client on a function, with time that jumps and the same delays each time."""
    random = Random(0)  # noqa: S311 - repeatable, not secret
    return ClaroClient("key", session=MockSession(handler), clock=clock, random=random)


async def test_the_reply_of_the_function_is_read_as_one_of_the_server() -> None:
    """What the handler returns becomes the error that a server's reply would be."""
    session = MockSession(lambda _: json_reply({"code": "DATASET_NOT_FOUND"}, status=404))
    async with ClaroClient("key", session=session) as claro:
        with pytest.raises(DatasetNotFoundError):
            await claro.dataset("d").get()
    assert [(request.method, request.target) for request in session.requests] == [
        ("GET", "/datasets/d")
    ]
    assert session.closed


async def test_an_attempt_that_fails_is_retried_as_over_a_network() -> None:
    """A handler's AttemptError, its Retry-After and its reply pass the client's own retry rule."""
    clock, times = ManualClock(), []

    def answer(_: HttpRequest) -> HttpReply:
        times.append(clock.monotonic())
        if len(times) == 1:
            raise AttemptError("reset", sent=True, timed_out=False)
        if len(times) == 2:
            return json_reply({}, status=429, headers={"Retry-After": "7"})
        return json_reply({**EDITED, **TIMES})

    with clock.automatic(grace=0):
        async with client_of(answer, clock) as claro:
            assert (await claro.dataset("d").update_cell("c", "new")).value == "new"
    assert len(times) == 3
    assert times[2] - times[1] >= 7


async def test_a_handler_may_be_a_coroutine_function() -> None:
    """What a handler returns is awaited where it can be; the Mining client takes a session, too."""

    async def answer(_: HttpRequest) -> HttpReply:
        return json_reply({"status": "ok", "sources": []})

    url = "https://mining.example.invalid/api/v1"
    async with CommunicationsMiningClient("token", url, session=MockSession(answer)) as mining:
        assert await mining.request("GET", "/sources") == {"status": "ok", "sources": []}


async def test_what_must_not_be_sent_twice_is_not() -> None:
    """After an attempt in doubt an upload is not sent again, and the handler sees it once."""

    def answer(_: HttpRequest) -> HttpReply:
        raise AttemptError("reset", sent=True, timed_out=False)

    session = MockSession(answer)
    async with ClaroClient("key", session=session) as claro:
        with pytest.raises(OutcomeUnknownError):
            await claro.request("POST", "/datasets/d/tasks/bulk", json={})
    assert len(session.requests) == 1
