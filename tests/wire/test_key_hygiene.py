"""The key goes to the API's own origin, and shows nowhere else."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import ClaroClient, ClaroError, ConfigurationError, RetryPolicy, Timeout
from claro_async._secret import Secret
from tests.wire.operations import CELL, DATASET, OPERATIONS, send, session_of, transport_of
from tests.wire.raw_server import RawRequest, RawServer, always, answering, reply
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from claro_async.emulator import Emulator
    from claro_async.transport.events import Event

KEY = "sk-live-THE-SECRET-0123456789"


def chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that hang on to it."""
    seen: list[BaseException] = [error]
    for each in seen:
        yield each
        linked = (each.__cause__, each.__context__, *getattr(each, "exceptions", ()))
        seen.extend(other for other in linked if other is not None and other not in seen)


def everything_about(error: BaseException) -> str:
    """What a crash reporter would print: frames with their locals, chained exceptions, notes."""
    assert error.__traceback__ is not None
    error = error.with_traceback(error.__traceback__.tb_next)  # without the test's own frame
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    parts = ["".join(shown.format())]
    for each in chain(error):
        parts += [repr(each), str(each), repr(vars(each)), repr(each.args)]
        for frame, _ in traceback.walk_tb(each.__traceback__):
            parts += [repr(value) for value in frame.f_locals.values()]
    return "\n".join(parts)


FAILURES: dict[str, bytes | None] = {
    "401": reply(b'{"error": "bad key", "code": "UNAUTHORIZED", "details": {}}', 401),
    "500": reply(b"<html>oops</html>", 500),
    "echo": reply(f"you sent Authorization: Bearer {KEY}".encode(), 500),
    "echo in envelope": reply(
        b'{"error": "Bearer %b is no good", "code": "X", "details": {"message": "%b"}}'
        % (KEY.encode(), KEY.encode()),
        400,
    ),
    "redirect": reply(b"", 302, Location="https://evil.example/"),
    "not http": b"hello\r\n\r\n",
    "not json": reply(b"<html>"),
    "truncated": reply(b"{}")[:-1],
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "bad header": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "reset": None,
}


@pytest.mark.parametrize("operation", ["getDataset", "updateCell", "uploadDatasource"])
@pytest.mark.parametrize("failure", FAILURES)
async def test_no_failure_shows_the_key(
    failure: str,
    operation: str,
    connect: Callable[..., ClaroClient],
    events: list[Event],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Errors, their frames' locals, their causes, logs and events are free of the key."""
    caplog.set_level(logging.DEBUG)
    async with RawServer(always(FAILURES[failure])) as server:
        client = connect(server.base_url, KEY, retry=RetryPolicy(max_attempts=2))
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever it is
            await send(client, operation)
        assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"
        server.requests.clear()
    assert KEY not in everything_about(caught.value)
    assert KEY not in caplog.text
    assert KEY not in repr(events)
    assert KEY.encode() not in pickle.dumps(caught.value)


VALUE = "THE-CELL-VALUE-987"
ECHOES: dict[str, bytes] = {
    "echo": reply(f"cannot take {VALUE} from {KEY}".encode(), 500),
    "rejection": reply(
        b'{"error": "%b", "code": "%b", "details": {"v": "%b"}}' % ((VALUE.encode(),) * 3), 400
    ),
    "throttled": reply(VALUE.encode(), 429, Retry_After="1"),
    "another shape": reply(b'{"cellId": ["%b"], "value": "%b"}' % ((VALUE.encode(),) * 2)),
    "not json": reply(VALUE.encode()),
    "not http": VALUE.encode() + b"\r\n\r\n",
    "bad header": b"HTTP/1.1 200 OK\r\n" + VALUE.encode() + b"\r\n\r\n",
    "bad status": b"HTTP/1.1 " + VALUE.encode() + b"\r\n\r\n",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n" % VALUE.encode(),
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n" % VALUE.encode(),
}


@pytest.mark.parametrize("job", ["one", "bulk"])
@pytest.mark.parametrize("echo", ECHOES)
async def test_no_log_shows_a_cell_value(
    echo: str, job: str, connect: Callable[..., ClaroClient], caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG, nothing of a body is logged, even where the server's failure quotes it."""
    caplog.set_level(logging.DEBUG)
    async with RawServer(always(ECHOES[echo])) as server:
        client = connect(server.base_url, KEY, retry=RetryPolicy(max_attempts=2))
        if job == "bulk":
            await client.dataset(DATASET).update_cells([(CELL, VALUE)], skip_unchanged=False)
        else:
            with suppress(ClaroError):  # a success of another shape is taken
                await client.dataset(DATASET).update_cell(CELL, VALUE)
        assert VALUE in str(server.requests[0].body)
    assert "PATCH" in caplog.text
    assert VALUE not in caplog.text
    assert KEY not in caplog.text


async def test_no_log_shows_a_signed_url(
    emulator: Emulator,
    connect: Callable[..., ClaroClient],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """At DEBUG, an export whose download fails in several ways shows neither URL nor content."""
    caplog.set_level(logging.DEBUG)
    for kind in ("reset", "truncate", "status"):
        emulator.faults.add("download", kind, times=1)
    client = connect(emulator.base_url)
    dataset = client.dataset(DATASET)
    await dataset.export(tmp_path / "out.csv")
    texts = "\n".join(each.message for each in caplog.records if each.name == "claro_async")
    assert "download: attempt 1 failed" in texts
    assert "Widget" not in texts
    assert "token" not in texts
    assert "://" not in texts


async def test_a_cancelled_or_slow_call_does_not_show_the_key(
    connect: Callable[..., ClaroClient],
) -> None:
    """Cancellation and timeouts pass through aiohttp's frames; none of them shows the key."""
    arrived = asyncio.Event()

    async def answer(_: RawRequest, __: asyncio.StreamWriter) -> None:
        arrived.set()
        await asyncio.Event().wait()

    async with RawServer(answer) as server:
        once = RetryPolicy(max_attempts=1)
        client = connect(server.base_url, KEY, retry=once, timeout=Timeout(first_byte=0.05))
        task = asyncio.ensure_future(send(client, "updateCell"))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await task
        with pytest.raises(Exception, match="may or may not") as caught:
            await send(client, "updateCell")
        server.requests.clear()
    assert KEY not in everything_about(cancelled.value)
    assert KEY not in everything_about(caught.value)


async def test_refused_arguments_do_not_show_the_key(connect: Callable[..., ClaroClient]) -> None:
    """A ValueError from deep inside the wire shows frames without the key."""
    client = connect("http://127.0.0.1:9/api/v2", KEY)
    with pytest.raises(ValueError, match=r"NaN|nan") as caught:
        await client.dataset(DATASET).update_cell(CELL, float("nan"))
    assert KEY not in everything_about(caught.value)


def test_nothing_that_holds_the_key_prints_it() -> None:
    """Client, settings and secret have reprs without the key, and cannot be pickled."""
    client = ClaroClient(KEY, "https://127.0.0.1/api/v2")
    core = client._core
    handles: list[Any] = [
        client,
        core,
        core.settings,
        client.datasets,
        client.dataset("a"),
        client.datasource("a"),
    ]
    for each in handles:
        assert KEY not in repr(each)
        assert KEY not in str(each)
        assert KEY not in repr(getattr(each, "__dict__", ""))
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(each)
    secret = Secret(KEY)
    assert KEY not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.deepcopy(secret)
    assert secret.reveal() == KEY


async def test_an_open_client_prints_nothing_either(connect: Callable[..., ClaroClient]) -> None:
    """After a call, too, no part of the client has the key in its attributes' reprs."""
    async with RawServer(answering(reply())) as server:
        client = connect(server.base_url, KEY)
        await client.request("GET", "/a")
        transport = transport_of(client)
        session = session_of(client)
        parts = (session._lane, session._session, session._session.connector)
        for each in (client, transport, session, *parts):
            assert KEY not in repr(each)
            assert KEY not in repr(vars(each)) if hasattr(each, "__dict__") else True
        assert KEY not in repr(session._session.headers)


async def test_the_key_is_sent_in_one_header_only(connect: Callable[..., ClaroClient]) -> None:
    """Every operation carries the key once, as a bearer, and nowhere else in the request."""
    async with RawServer(answering(reply(b'{"error":"x","code":"X","details":{}}', 400))) as server:
        client = connect(server.base_url, KEY)
        for operation in OPERATIONS:
            with pytest.raises(Exception, match="HTTP 400"):
                await send(client, operation)
        for request in server.requests:
            assert request.headers.getall("Authorization") == [f"Bearer {KEY}"]
            assert KEY not in request.target
            assert KEY.encode() not in request.body
            assert [name for name, text in request.headers.items() if KEY in text] == [
                "Authorization"
            ]


async def test_cookies_are_neither_kept_nor_sent(connect: Callable[..., ClaroClient]) -> None:
    """A server's cookies do not come back to it."""
    async with RawServer(answering(reply(Set_Cookie="session=1; Path=/"))) as server:
        client = connect(server.base_url, KEY)
        await client.request("GET", "/a")
        await client.request("GET", "/a")
        assert "Cookie" not in server.requests[1].headers


async def test_proxies_and_netrc_of_the_environment_are_left_alone(
    connect: Callable[..., ClaroClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key does not go through a proxy that the environment names."""
    async with RawServer(answering(reply())) as proxy, RawServer(answering(reply())) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        monkeypatch.setenv("http_proxy", proxy.origin)
        await connect(server.base_url, KEY).request("GET", "/a")
        assert (len(proxy.requests), len(server.requests)) == (0, 1)


@pytest.mark.parametrize(
    "url",
    [
        "http://secure-api.getclaro.ai/api/v2",
        "http://192.168.0.1/api/v2",
        "http://127.0.0.1.evil.example/api/v2",
        "http://localhost.evil.example/api/v2",
        "http://2130706433/api/v2",
        "http://0.0.0.0/api/v2",
        "http://[::]/api/v2",
        "https://user:secret@host/api/v2",
        "https://user@host/api/v2",
        "https://host/api/v2?token=1",
        "https://host/api/v2#x",
        "https://host\\@evil.example/api",
        "https://ho st/api",
        "https://host/a b",
        "https://host/\r\nX: y",
        "ftp://host/api",
        "//host/api",
        "host/api",
        "https://",
        "https://host:99999/api",
        "https://höst/api",
        "https://host/api/../admin",
        "https://host/%zz",
    ],
)
def test_base_urls_that_are_refused(url: str) -> None:
    """Plain http off this machine, passwords, and what is no clean URL are refused at once."""
    with pytest.raises(ConfigurationError) as caught:
        ClaroClient(KEY, url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8765/api/v2",
        "http://127.0.0.1:8765/api/v2/",
        "http://127.1.2.3/api",
        "http://[::1]:8765/api/v2",
        "https://claro.example",
        "https://claro.example:8443/a/b%20c/",
    ],
)
def test_base_urls_that_are_taken(url: str) -> None:
    """Https anywhere and plain http to this machine are fine, with or without a last slash."""
    assert ClaroClient(KEY, url)._core.settings.base_url == url.rstrip("/")
