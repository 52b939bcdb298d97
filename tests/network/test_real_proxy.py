"""Requests through proxy.py, a proxy of somebody else's making, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from claro_async import ClaroClient, ConnectionFailedError, Network
from tests.network.conftest import CONTENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.wire.raw_server import RawServer

pytest.importorskip("proxy", reason="the package proxy.py is not installed")

CREDENTIALS = ("ann", "pass-Word-9")


@contextmanager
def running_proxy(folder: Path, *options: str) -> Iterator[str]:
    """``127.0.0.1:port`` of a proxy that runs meanwhile."""
    port_file = folder / "port"
    command = (
        *(sys.executable, "-m", "proxy", "--hostname", "127.0.0.1", "--port", "0"),
        *("--port-file", str(port_file), "--num-workers", "1", "--num-acceptors", "1"),
        *("--log-level", "c", *options),
    )
    with subprocess.Popen(command) as process:  # noqa: S603 - a fixed command
        try:
            yield f"127.0.0.1:{_port(port_file, process)}"
        finally:
            process.terminate()


def _port(file: Path, process: subprocess.Popen[bytes]) -> str:
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        if process.poll() is not None:
            break
        lines = file.read_text().split() if file.exists() else []
        if lines:
            return lines[0]
        time.sleep(0.02)  # another process starts meanwhile
    raise AssertionError("the proxy did not start")


@pytest.fixture(scope="module")
def open_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A proxy for everybody."""
    with running_proxy(tmp_path_factory.mktemp("open")) as address:
        yield address


@pytest.fixture(scope="module")
def closed_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A proxy that wants a password."""
    folder = tmp_path_factory.mktemp("closed")
    with running_proxy(folder, "--basic-auth", ":".join(CREDENTIALS)) as address:
        yield address


async def use_everything(client: ClaroClient, folder: Path) -> None:
    """A read, a change, which goes on a connection of its own, and a file by a signed URL."""
    assert await client.request("GET", "/x") == {"ok": True}
    assert await client.request("POST", "/x", json={}) == {"ok": True}
    await client.datasource("s").download(folder / "trees.csv")
    assert (folder / "trees.csv").read_bytes() == CONTENT


async def test_without_a_password(
    open_proxy: str,
    local_server: RawServer,
    ca_file: Path,
    connect: Callable[..., ClaroClient],
    tmp_path: Path,
) -> None:
    """Reads, changes and signed URLs pass, and nothing is sent to the server beside them."""
    network = Network(proxy=f"http://{open_proxy}", ssl=ca_file)
    await use_everything(connect(local_server.base_url, network=network), tmp_path)
    assert [each.method for each in local_server.requests] == ["GET", "POST", "POST", "GET"]


@pytest.mark.parametrize("way", ["url", "setting", "environment"])
async def test_with_a_password(  # noqa: PLR0913, PLR0917 - fixtures
    way: str,
    closed_proxy: str,
    local_server: RawServer,
    ca_file: Path,
    connect: Callable[..., ClaroClient],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the URL, beside it, or in the environment: it reaches the proxy, and no server."""
    user, password = CREDENTIALS
    url = f"http://{user}:{password}@{closed_proxy}"
    if way == "url":
        network = Network(proxy=url, ssl=ca_file)
    elif way == "setting":
        network = Network(proxy=f"http://{closed_proxy}", proxy_auth=CREDENTIALS, ssl=ca_file)
    else:
        monkeypatch.setenv("https_proxy", url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        network = Network(ssl=ca_file)
    await use_everything(connect(local_server.base_url, network=network), tmp_path)
    assert len(local_server.requests) == 4
    assert all("Proxy-Authorization" not in each.headers for each in local_server.requests)


async def test_a_wrong_password(
    closed_proxy: str, local_server: RawServer, connect: Callable[..., ClaroClient]
) -> None:
    """The 407 is final after one attempt, and names the proxy without the password."""
    network = Network(proxy=f"http://ann:guessed-it@{closed_proxy}")
    client = connect(local_server.base_url, network=network)
    with pytest.raises(ConnectionFailedError, match=r"1 attempt: .*HTTP 407.*proxy_auth") as caught:
        await client.request("GET", "/x")
    assert f"http://{closed_proxy}" in str(caught.value)
    assert "guessed-it" not in str(caught.value)
    assert local_server.requests == []
