"""Requests through a real proxy, over real sockets and TLS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from claro_async import (
    ClaroClient,
    ConfigurationError,
    ConnectionFailedError,
    Network,
    RequestTimeoutError,
    RetryPolicy,
    Timeout,
)
from claro_async.transport.dialing import Bypass, ProxyRules
from tests.network.conftest import CONTENT, server_context
from tests.network.connect_proxy import ConnectProxy
from tests.wire.raw_server import RawServer, answering, reply
from tests.wire.test_key_hygiene import KEY, everything_about

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import trustme

VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")
PASSWORD = "pass-Word-9"


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see no proxy but their own."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


async def use_everything(client: ClaroClient, folder: Path) -> None:
    """An API call, and a file by a signed URL."""
    assert await client.request("GET", "/x") == {"ok": True}
    await client.datasource("s").download(folder / "trees.csv")
    assert (folder / "trees.csv").read_bytes() == CONTENT


@pytest.mark.parametrize("credentials", ["", f"ann:{PASSWORD}"])
async def test_api_and_signed_urls_go_through_the_proxy(
    credentials: str,
    server: RawServer,
    ca_file: Path,
    connect: Callable[..., ClaroClient],
    tmp_path: Path,
) -> None:
    """Both go by CONNECT, under names that only the proxy knows; it sees neither key nor token."""
    async with ConnectProxy(credentials) as proxy:
        url = f"http://{credentials}{'@' if credentials else ''}{proxy.address}"
        network = Network(proxy=url, ssl=ca_file)
        client = connect(f"{server.at('api.example')}/api/v2", KEY, network=network)
        await use_everything(client, tmp_path)
        ports = {f"api.example:{server.port}", f"files.example:{server.port}"}
        assert set(proxy.targets) == ports
        assert KEY.encode() not in proxy.seen
        assert b"token=signed" not in proxy.seen
    assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    assert all("Proxy-Authorization" not in each.headers for each in server.requests)
    assert PASSWORD not in repr(network)


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_proxy_that_is_spoken_to_by_tls(  # noqa: PLR0913, PLR0917 - fixtures
    trusted: bool,  # noqa: FBT001 - a parameter of the test
    server: RawServer,
    authority: trustme.CA,
    ca_file: Path,
    connect: Callable[..., ClaroClient],
    tmp_path: Path,
) -> None:
    """Its certificate is verified as a server's is, and its password is read by it alone."""
    async with ConnectProxy(f"ann:{PASSWORD}", tls=server_context(authority)) as proxy:
        url = f"https://ann:{PASSWORD}@localhost:{proxy.address.split(':')[1]}"
        network = Network(proxy=url, ssl=ca_file if trusted else None)
        client = connect(f"{server.at('api.example')}/api/v2", KEY, network=network)
        if trusted:
            await use_everything(client, tmp_path)
            assert len(server.requests) == 3
            return
        with pytest.raises(ConnectionFailedError, match="1 attempt: the certificate") as caught:
            await client.request("GET", "/x")
        assert proxy.seen == b""
        assert PASSWORD not in everything_about(caught.value)


async def test_the_environment_is_read_once_when_the_client_opens(
    server: RawServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`HTTPS_PROXY` as it is at the opening counts, whatever becomes of it afterwards."""
    async with ConnectProxy(f"ann:{PASSWORD}") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:{PASSWORD}@{proxy.address}")
        url = f"{server.at('api.example')}/api/v2"
        async with ClaroClient("key", url, network=Network(ssl=ca_file)) as client:
            monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
            assert await client.request("GET", "/x") == {"ok": True}
            assert await client.request("POST", "/x", json={}) == {"ok": True}
    assert proxy.targets == [f"api.example:{server.port}"] * 2


async def test_no_proxy_leads_around_it(
    server: RawServer,
    ca_file: Path,
    connect: Callable[..., ClaroClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A host that `NO_PROXY` lists is reached directly."""
    async with ConnectProxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.address)
        monkeypatch.setenv("NO_PROXY", "elsewhere.example, localhost")
        client = connect(f"{server.at('localhost')}/api/v2", network=Network(ssl=ca_file))
        assert await client.request("GET", "/x") == {"ok": True}
        assert proxy.targets == []


async def test_plain_http_is_never_sent_through_a_proxy(
    connect: Callable[..., ClaroClient],
) -> None:
    """A base URL on this machine is reached directly, since a proxy could read the key."""
    async with RawServer(answering(reply())) as plain, ConnectProxy() as proxy:
        client = connect(plain.base_url, network=Network(proxy=f"http://{proxy.address}"))
        await client.request("GET", "/x")
        assert proxy.seen == b""


@pytest.mark.parametrize("given", [None, ("ann", PASSWORD)])
async def test_a_407_names_the_proxy_without_its_password(
    given: tuple[str, str] | None, server: RawServer, connect: Callable[..., ClaroClient]
) -> None:
    """It is final after one attempt, says what to do, and no frame of it shows a secret."""
    async with ConnectProxy("other:word") as proxy:
        network = Network(proxy=f"http://{proxy.address}", proxy_auth=given)
        client = connect(f"{server.at('localhost')}/api/v2", KEY, network=network)
        with pytest.raises(ConnectionFailedError, match=r"1 attempt.*407.*proxy_auth") as caught:
            await client.request("POST", "/x", json={})
        assert f"http://{proxy.address}" in str(caught.value)
        assert len(proxy.targets) == 1
    assert server.requests == []
    assert PASSWORD not in everything_about(caught.value)
    assert KEY not in everything_about(caught.value)


async def test_a_cancelled_call_through_a_proxy_shows_no_password(
    connect: Callable[..., ClaroClient],
) -> None:
    """Cancelled while the proxy is silent, no frame of aiohttp shows password or key."""
    async with ConnectProxy(silent=True) as proxy:
        network = Network(proxy=f"http://ann:{PASSWORD}@{proxy.address}")
        client = connect("https://api.example/api/v2", KEY, network=network)
        call = asyncio.ensure_future(client.request("GET", "/x"))
        await proxy.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
    assert PASSWORD not in everything_about(caught.value)
    assert KEY not in everything_about(caught.value)


async def test_a_proxy_that_never_answers_is_given_up(connect: Callable[..., ClaroClient]) -> None:
    """The time for connecting covers the proxy's answer, too, and nothing was sent."""
    async with ConnectProxy(silent=True) as proxy:
        client = connect(
            "https://api.example/api/v2",
            network=Network(proxy=f"http://{proxy.address}"),
            timeout=Timeout(connect=0.05),
            retry=RetryPolicy(max_attempts=2),
        )
        with pytest.raises(RequestTimeoutError, match="nothing was changed, after 2 attempts"):
            await client.request("POST", "/x", json={})
        assert len(proxy.targets) == 2


async def test_a_proxy_that_is_not_there_is_tried_again(
    connect: Callable[..., ClaroClient],
) -> None:
    """Nothing was sent, so any request goes again; the error names the proxy, not its password."""
    network = Network(proxy=f"http://ann:{PASSWORD}@127.0.0.1:1")
    client = connect("https://api.example/api/v2", network=network)
    with pytest.raises(
        ConnectionFailedError, match=r"4 attempts.*http://127\.0\.0\.1:1 "
    ) as caught:
        await client.request("POST", "/x", json={})
    assert PASSWORD not in everything_about(caught.value)


COVERED = [
    ("*", "anything.example", 443, True),
    ("example.com", "example.com", 443, True),
    ("example.com", "api.example.com", 443, True),
    (".example.com", "api.EXAMPLE.com", 443, True),
    ("*.example.com", "api.example.com", 443, True),
    ("example.com", "notexample.com", 443, False),
    ("example.com", "example.com.evil.net", 443, False),
    ("a.net, example.com:8443", "example.com", 8443, True),
    ("example.com:8443", "example.com", 443, False),
    ("10.0.0.0/8", "10.1.2.3", 443, True),
    ("10.0.0.0/8", "11.1.2.3", 443, False),
    ("10.0.0.0/8", "ten.example", 443, False),
    ("127.0.0.1", "127.0.0.1", 443, True),
    ("[::1]:8443", "::1", 8443, True),
    ("::1", "::1", 443, True),
    ("", "example.com", 443, False),
    (" , ", "example.com", 443, False),
    ("a.net b.net\tc.net", "b.net", 443, True),
]


@pytest.mark.parametrize(("text", "host", "port", "covered"), COVERED)
def test_what_no_proxy_covers(text: str, host: str, port: int, *, covered: bool) -> None:
    """Names with all below them, addresses, networks, ports and the star are known."""
    assert Bypass.parse(text).covers(host, port) is covered


ENVIRONMENTS = [
    ({}, None),
    ({"HTTPS_PROXY": "http://a:1"}, "http://a:1"),
    ({"ALL_PROXY": "http://b:2"}, "http://b:2"),
    ({"ALL_PROXY": "http://b:2", "HTTPS_PROXY": "http://a:1"}, "http://a:1"),
    ({"https_proxy": "http://c:3", "HTTPS_PROXY": "http://a:1"}, "http://c:3"),
    ({"HTTP_PROXY": "http://d:4"}, None),
    ({"HTTPS_PROXY": ""}, None),
    ({"HTTPS_PROXY": "proxy.example:3128"}, "http://proxy.example:3128"),
    ({"HTTPS_PROXY": "https://proxy.example"}, "https://proxy.example:443"),
    ({"HTTPS_PROXY": "http://[::1]:8"}, "http://[::1]:8"),
    ({"HTTPS_PROXY": "http://a:1", "no_proxy": "api.example"}, None),
]


@pytest.mark.parametrize(("environ", "url"), ENVIRONMENTS)
def test_which_variable_counts(environ: dict[str, str], url: str | None) -> None:
    """`HTTPS_PROXY` counts before `ALL_PROXY`, lower case before upper, `NO_PROXY` before both."""
    found = ProxyRules.of(Network(), environ).server_for("https", "api.example", 443)
    assert (found and found.url) == url


def test_a_setting_goes_before_the_environment() -> None:
    """An explicit proxy, and None, are not changed by the environment."""
    environ = {"HTTPS_PROXY": "http://a:1", "NO_PROXY": "*"}
    assert ProxyRules.of(Network(proxy=None), environ).server_for("https", "x", 443) is None
    chosen = ProxyRules.of(Network(proxy="http://b:2"), environ).server_for("https", "x", 443)
    assert chosen is not None
    assert chosen.url == "http://b:2"
    assert ProxyRules.of(Network(proxy="http://b:2"), {}).server_for("http", "x", 80) is None


@pytest.mark.parametrize(
    "url", ["socks5://x:1", "http://", "http://x:99999", "http://x/path", "http://é:1"]
)
def test_a_proxy_that_cannot_be_one(url: str) -> None:
    """What is not the URL of an http proxy is refused, in the argument and in a variable."""
    with pytest.raises(ConfigurationError, match="proxy"):
        Network(proxy=url)
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY"):
        ProxyRules.of(Network(), {"HTTPS_PROXY": url})
