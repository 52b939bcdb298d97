"""No secret shows, whatever goes wrong behind a proxy: key, token, password, values of cells."""

from __future__ import annotations

import json
import logging
import pickle
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from claro_async import ClaroClient, ClaroError, Network, RetryPolicy
from tests.network.conftest import server_context
from tests.network.connect_proxy import ConnectProxy
from tests.wire.operations import CELL, DATASET, send
from tests.wire.raw_server import RawRequest, RawServer, always, reply
from tests.wire.test_key_hygiene import ECHOES, FAILURES, KEY, VALUE, everything_about
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    import trustme

    from claro_async.transport.events import Event

PASSWORD = "pass-Word-9"
TOKEN = "SIGNED-TOKEN-4711"


@pytest.mark.parametrize("operation", ["getDataset", "updateCell", "uploadDatasource"])
@pytest.mark.parametrize("failure", FAILURES)
async def test_no_failure_shows_key_or_password(  # noqa: PLR0913, PLR0917 - fixtures
    failure: str,
    operation: str,
    authority: trustme.CA,
    ca_file: Path,
    connect: Callable[..., ClaroClient],
    events: list[Event],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Errors, their frames' locals, logs at DEBUG and events are free of both."""
    caplog.set_level(logging.DEBUG)
    answer = always(FAILURES[failure])
    async with (
        RawServer(answer, tls=server_context(authority)) as server,
        ConnectProxy(f"ann:{PASSWORD}") as proxy,
    ):
        network = Network(proxy=f"http://ann:{PASSWORD}@{proxy.address}", ssl=ca_file)
        once_more = RetryPolicy(max_attempts=2)
        client = connect(server.base_url, KEY, network=network, retry=once_more)
        with pytest.raises(Exception) as caught:  # noqa: PT011 - whichever it is
            await send(client, operation)
        assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"
        server.requests.clear()
        assert KEY.encode() not in proxy.seen
    for secret in (KEY, PASSWORD):
        assert secret not in everything_about(caught.value)
        assert secret not in caplog.text
        assert secret not in repr(events)
        assert secret.encode() not in pickle.dumps(caught.value)


@pytest.mark.parametrize("status", [401, 403, 407, 500, 502])
async def test_no_answer_of_the_proxy_shows_a_secret(
    status: int, connect: Callable[..., ClaroClient], caplog: pytest.LogCaptureFixture
) -> None:
    """A proxy that says no quotes what it was sent; errors and logs do not."""
    caplog.set_level(logging.DEBUG)

    async def quote(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(str(request.headers).encode(), status))

    async with RawServer(quote) as proxy:
        network = Network(proxy=f"http://ann:{PASSWORD}@127.0.0.1:{proxy.port}")
        policy = RetryPolicy(max_attempts=2)
        client = connect("https://api.example/api/v2", KEY, network=network, retry=policy)
        with pytest.raises(ClaroError, match=f"HTTP {status}") as caught:
            await client.request("GET", "/x")
        assert proxy.requests[0].method == "CONNECT"
        proxy.requests.clear()
    for secret in (KEY, PASSWORD, "Basic"):
        assert secret not in everything_about(caught.value)
        assert secret not in caplog.text


@pytest.mark.parametrize("echo", ECHOES)
async def test_no_log_shows_a_cell_value(
    echo: str,
    authority: trustme.CA,
    ca_file: Path,
    connect: Callable[..., ClaroClient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At DEBUG, nothing of a body is logged, even where the server's failure quotes it."""
    caplog.set_level(logging.DEBUG)
    answer = always(ECHOES[echo])
    async with (
        RawServer(answer, tls=server_context(authority)) as server,
        ConnectProxy(f"ann:{PASSWORD}") as proxy,
    ):
        network = Network(proxy=f"http://ann:{PASSWORD}@{proxy.address}", ssl=ca_file)
        client = connect(server.base_url, KEY, network=network, retry=RetryPolicy(max_attempts=2))
        with suppress(ClaroError):  # a success of another shape is taken
            await client.dataset(DATASET).update_cell(CELL, VALUE)
        assert VALUE in str(server.requests[0].body)
        server.requests.clear()
    assert "PATCH" in caplog.text
    for secret in (VALUE, KEY, PASSWORD):
        assert secret not in caplog.text


@pytest.mark.parametrize("failure", ["403", "500", "reset", "not http", "truncated"])
async def test_no_failed_download_shows_the_signed_url(  # noqa: PLR0913, PLR0917 - fixtures
    failure: str,
    authority: trustme.CA,
    ca_file: Path,
    connect: Callable[..., ClaroClient],
    events: list[Event],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """Neither its path nor its token stands in errors, frames, logs or events."""
    caplog.set_level(logging.DEBUG)
    failures = {**FAILURES, "403": reply(b"no", 403), "500": reply(b"no", 500)}

    async def answer(request: RawRequest, writer: asyncio.StreamWriter) -> None:
        if request.target.startswith("/file"):
            await always(failures[failure])(request, writer)
            return
        link = {
            "downloadUrl": f"{server.at('files.example')}/file-secret?token={TOKEN}",
            "expiresAt": "2124-03-14T17:30:00Z",
            "fileName": "trees.csv",
            "fileSize": 100,
        }
        writer.write(reply(json.dumps(link).encode()))

    async with (
        RawServer(answer, tls=server_context(authority)) as server,
        ConnectProxy(f"ann:{PASSWORD}") as proxy,
    ):
        network = Network(proxy=f"http://ann:{PASSWORD}@{proxy.address}", ssl=ca_file)
        client = connect(server.base_url, KEY, network=network, retry=RetryPolicy(max_attempts=2))
        with pytest.raises(ClaroError) as caught:
            await client.datasource("s").download(tmp_path / "trees.csv")
        assert TOKEN in server.requests[1].target
        server.requests.clear()
        assert TOKEN.encode() not in proxy.seen
    for secret in (TOKEN, "file-secret", PASSWORD, KEY):
        assert secret not in everything_about(caught.value)
        assert secret not in caplog.text
        assert secret not in repr(events)
