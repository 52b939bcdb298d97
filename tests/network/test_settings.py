"""TLS, client certificates, headers and addresses: real sockets, and a CA made for the test."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import (
    ClaroClient,
    CommunicationsMiningClient,
    ConfigurationError,
    ConnectionFailedError,
    Network,
)
from claro_async.transport.unreachable import unreachable
from tests.network.conftest import CONTENT, server_context
from tests.wire.operations import session_of
from tests.wire.raw_server import RawServer, answering, reply
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import trustme


async def test_a_certificate_that_is_not_trusted_is_final(
    server: RawServer, connect: Callable[..., ClaroClient]
) -> None:
    """One attempt, nothing sent, and the error says what to do."""
    client = connect(f"{server.origin}/api/v2")
    with pytest.raises(ConnectionFailedError, match=r"1 attempt: .*localhost.*Network\(ssl="):
        await client.request("GET", "/x")
    assert server.requests == []


BAD_CERTIFICATES: dict[str, tuple[str, dict[str, Any], str]] = {
    "another name": ("other.example", {}, "base URL must name a host"),
    "expired": ("localhost", {"not_after": datetime(2020, 1, 1, tzinfo=UTC)}, "get a new one"),
    "too early": ("localhost", {"not_before": datetime(2999, 1, 1, tzinfo=UTC)}, "clock"),
}


@pytest.mark.parametrize("kind", BAD_CERTIFICATES)
async def test_advice_goes_by_what_is_wrong_with_a_certificate(
    kind: str, authority: trustme.CA, ca_file: Path, connect: Callable[..., ClaroClient]
) -> None:
    """A certificate of a CA that is trusted is rejected once, with what would help."""
    name, times, advice = BAD_CERTIFICATES[kind]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, **times).configure_cert(context)
    async with RawServer(answering(reply()), tls=context) as server:
        client = connect(f"{server.origin}/api/v2", network=Network(ssl=ca_file))
        with pytest.raises(ConnectionFailedError, match=rf"1 attempt: .*localhost.*{advice}"):
            await client.request("GET", "/x")
        assert server.requests == []


@pytest.mark.parametrize("form", ["file", "text", "context", "system"])
async def test_a_private_ca_is_trusted(
    form: str,
    server: RawServer,
    ca_file: Path,
    connect: Callable[..., ClaroClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a file, as a context of the user's own, and as the operating system's store."""
    context = ssl.create_default_context(cafile=str(ca_file))
    # where OpenSSL, and by way of it truststore, looks for what Linux trusts
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file) if form == "system" else "/dev/null")
    given = {"file": ca_file, "text": str(ca_file), "context": context, "system": "system"}[form]
    network = Network(ssl=given)  # type: ignore[arg-type]
    assert await connect(f"{server.origin}/api/v2", network=network).request("GET", "/x")


async def test_client_certificates(
    authority: trustme.CA, ca_file: Path, connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """A server that wants one gets it; without, nothing is sent, and the call says so."""
    context = server_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # later ones may reset before they say why
    authority.configure_trust(context)
    pem, key, cert = tmp_path / "both.pem", tmp_path / "key.pem", tmp_path / "cert.pem"
    made = authority.issue_cert("client@service.example")
    made.private_key_and_cert_chain_pem.write_to_path(pem)
    made.private_key_pem.write_to_path(key)
    made.cert_chain_pems[0].write_to_path(cert)
    async with RawServer(answering(reply()), tls=context) as server:
        url = f"{server.origin}/api/v2"
        for given in (pem, (cert, key), (str(cert), str(key), "unused")):
            network = Network(ssl=ca_file, client_cert=given)
            await connect(url, network=network).request("POST", "/x", json={})
        server.requests.clear()
        with pytest.raises(ConnectionFailedError, match="nothing was changed"):
            await connect(url, network=Network(ssl=ca_file)).request("POST", "/x", json={})
        assert server.requests == []


async def test_headers_and_user_agent(
    server: RawServer, ca_file: Path, connect: Callable[..., ClaroClient]
) -> None:
    """They go out with every API request, beside the client's own."""
    network = Network(ssl=ca_file, headers={"X-Gateway": "door-7"}, user_agent="my-service/2")
    client = connect(f"{server.origin}/api/v2", network=network)
    await client.request("GET", "/x")
    (request,) = server.requests
    assert request.headers["X-Gateway"] == "door-7"
    assert request.headers["User-Agent"].startswith("claro-async/")
    assert request.headers["User-Agent"].endswith(" my-service/2")
    assert request.headers["Accept"] == "application/json"
    assert "door-7" not in repr(network)


async def test_signed_urls_are_fetched_without_those_headers(
    connect: Callable[..., ClaroClient], tmp_path: Path
) -> None:
    """A header for the API's gateway, which may be secret, does not go to a file server."""

    async def answer(request: Any, writer: asyncio.StreamWriter) -> None:
        link: dict[str, object] = {"expiresAt": "2124-03-14T17:30:00Z"}
        link |= {"downloadUrl": f"{server.origin}/file"}
        link |= {"fileName": "a.csv", "fileSize": len(CONTENT)}
        writer.write(reply(CONTENT if request.target == "/file" else json.dumps(link).encode()))

    async with RawServer(answer) as server:
        network = Network(headers={"X-Gateway": "door-7"}, user_agent="my-service/2")
        client = connect(server.base_url, network=network)
        await client.datasource("s").download(tmp_path / "a.csv")
    asked, fetched = server.requests
    assert "X-Gateway" in asked.headers
    assert "X-Gateway" not in fetched.headers
    assert "Authorization" not in fetched.headers
    assert fetched.headers["User-Agent"].endswith(" my-service/2")


@pytest.mark.skipif(not hasattr(asyncio, "start_unix_server"), reason="no Unix sockets here")
async def test_a_unix_socket(connect: Callable[..., ClaroClient], tmp_path: Path) -> None:
    """The API is reached through the socket, and signed URLs of the same origin as well."""
    content = b"a\r\n1\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if head.startswith(b"GET /file"):
                writer.write(reply(content))
            elif b"/download" in head:
                link = (
                    b'{"downloadUrl": "http://localhost/file", "fileName": "a.csv",'
                    b' "expiresAt": "2124-03-14T17:30:00Z", "fileSize": %d}' % len(content)
                )
                await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
                writer.write(reply(link))
            else:
                writer.write(reply(b'{"ok": true}'))

    path = tmp_path / "api.sock"
    async with await asyncio.start_unix_server(serve, path):
        client = connect("http://localhost/api/v2", network=Network(socket_path=path))
        assert await client.request("GET", "/x") == {"ok": True}
        await client.datasource("s").download(tmp_path / "a.csv")
        assert (tmp_path / "a.csv").read_bytes() == content
        await client.aclose()


async def test_local_address_and_ipv4(connect: Callable[..., ClaroClient]) -> None:
    """Connections come from the address that was asked for, to IPv4 addresses only."""
    peers: list[Any] = []

    async def answer(_: Any, writer: asyncio.StreamWriter) -> None:
        peers.append(writer.get_extra_info("peername"))
        writer.write(reply(b"{}"))

    async with RawServer(answer) as server:
        network = Network(local_addr="127.0.0.2", ipv4_only=True)
        url = f"http://localhost:{server.port}/api/v2"
        await connect(url, network=network).request("GET", "/x")
    assert peers[0][0] == "127.0.0.2"


async def test_a_local_address_of_another_machine() -> None:
    """It is refused when the client opens, before any request."""
    network = Network(local_addr="192.0.2.7")  # set aside for documents
    with pytest.raises(ConfigurationError, match=r"local_addr is 192\.0\.2\.7, from which"):
        async with ClaroClient("key", "https://localhost/api/v2", network=network):
            pass


async def test_a_profile_has_network_settings(
    server: RawServer, ca_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A profile's table counts for both clients, unless `network=` is given."""
    (tmp_path / "claro").mkdir()
    (tmp_path / "claro" / "config.toml").write_text(
        f'[profiles.work]\napi_key = "key"\ntoken = "key"\nbase_url = "{server.origin}/api/v2"\n'
        f'[profiles.work.network]\nssl = "{ca_file}"\nproxy = ""\nuser_agent = "from-profile/1"\n'
        'headers = { X-Gateway = "door-7" }\nipv4_only = true\nlane = false\n'
    )
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with (
        ClaroClient(profile="work") as client,
        CommunicationsMiningClient(profile="work") as mining,
    ):
        await client.request("GET", "/x")
        await mining.request("GET", "/x")
        assert session_of(client)._lane is None
    assert [each.headers["X-Gateway"] for each in server.requests] == ["door-7"] * 2
    assert server.requests[1].headers["User-Agent"].endswith(" from-profile/1")
    async with ClaroClient(profile="work", network=Network(ssl=ca_file, proxy=None)) as client:
        await client.request("GET", "/x")
    assert "X-Gateway" not in server.requests[2].headers


def test_network_settings_of_a_profile_that_cannot_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An unknown name or a wrong type is an error that names profile and setting."""
    (tmp_path / "claro").mkdir()
    path = tmp_path / "claro" / "config.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    wrong = (
        ("proxi = 'x'", "'proxi'"),
        ("ssl = 5", "'ssl'"),
        ("ipv4_only = 'no'", "ipv4"),
        ("lane = 1", "'lane'"),
    )
    for line, named in wrong:
        path.write_text(f'[profiles.w]\napi_key = "k"\n[profiles.w.network]\n{line}\n')
        with pytest.raises(ConfigurationError, match=f"profile 'w': .*{named}"):
            ClaroClient(profile="w")


UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"ssl": "/no/such/file.pem"}, "ssl: cannot read"),
    ({"client_cert": "/no/such/file.pem"}, "client_cert: cannot load"),
    ({"proxy": None, "proxy_auth": ("a", "b")}, "proxy_auth"),
    ({"headers": {"Authorization": "x"}}, "Authorization is set by the client"),
    ({"headers": {"proxy-authorization": "x"}}, "set by the client"),
    ({"headers": {"user-agent": "x"}}, "set by the client"),
    ({"headers": {"X Y": "x"}}, "cannot be the name"),
    ({"headers": {"X": "a\r\nEvil: b"}}, "printable ASCII"),
    ({"headers": {"X": ""}}, "printable ASCII"),
    ({"user_agent": "a\nb"}, "user_agent"),
    ({"socket_path": "/x", "local_addr": "127.0.0.1"}, "socket_path"),
    ({"socket_path": "/x", "proxy": "http://x:1"}, "socket_path"),
    ({"socket_path": "/" + "x" * 200}, "socket_path must have at most"),
    ({"socket_path": "/x\0"}, "socket_path must have at most"),
    ({"ssl": "/x\0"}, "ssl: cannot read"),
    ({"ssl": ""}, "ssl: cannot read"),
    ({"client_cert": "/x\0"}, "client_cert: cannot load"),
    ({"local_addr": "nonsense"}, "local_addr must be an IP address"),
    ({"local_addr": "192.0.2.256"}, "local_addr must be an IP address"),
    ({"local_addr": "127.0.0.1:80"}, "local_addr must be an IP address"),
    ({"local_addr": "::1", "ipv4_only": True}, "local_addr is no IPv4 address"),
    ({"proxy": "http://x:0"}, "proxy must be like"),
    ({"proxy_auth": ("a:b", "c")}, "colon"),
    ({"proxy": "http://x:1", "proxy_auth": ("a", "b\r\nX: y")}, "control character"),
    ({"proxy": "http://x:1", "proxy_auth": ("a", "half \ud83d")}, "control character"),
    ({"proxy": "http://a%0Ab:c@x:1"}, "control character"),
]


@pytest.mark.parametrize(("settings", "named"), UNUSABLE)
def test_settings_that_cannot_work(settings: dict[str, Any], named: str) -> None:
    """They are refused when they are made, before anything is opened, and say which it is."""
    with pytest.raises(ConfigurationError, match=named):
        Network(**settings)


def test_certificates_are_always_verified(tmp_path: Path) -> None:
    """A context that verifies nothing is refused, and so is a certificate beside a context."""
    context = ssl.create_default_context()
    with pytest.raises(ConfigurationError, match="load client_cert into"):
        Network(ssl=context, client_cert=tmp_path / "x")
    context.check_hostname = False
    with pytest.raises(ConfigurationError, match="must check host names"):
        Network(ssl=context)
    context.verify_mode = ssl.CERT_NONE
    with pytest.raises(ConfigurationError, match="must verify"):
        Network(ssl=context)


def test_the_system_store_needs_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without truststore, the error names it."""
    monkeypatch.setitem(sys.modules, "truststore", None)
    with pytest.raises(ConfigurationError, match="pip install truststore"):
        Network(ssl="system")


def test_a_socket_goes_with_plain_http_only() -> None:
    """TLS to the other end of a Unix socket is not spoken, so https is refused."""
    with pytest.raises(ConfigurationError, match="http://localhost"):
        ClaroClient("key", "https://api.example/api/v2", network=Network(socket_path="/x"))


def test_an_alert_after_the_handshake_is_not_in_doubt() -> None:
    """In TLS 1.3 a missing client certificate shows when reading; no request was read then."""
    text = "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required"
    failure = unreachable(OSError(1, text), None)
    assert failure is not None
    assert (failure.sent, failure.final) == (False, True)
    assert unreachable(OSError(104, "Connection reset by peer"), None) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("proxy", 5),
        ("proxy", "http://a b:1"),
        ("proxy", "http://proxy:1?secret"),
        ("proxy_auth", "ab"),
        ("proxy_auth", ("only a name",)),
        ("ssl", False),
        ("ssl", 5),
        ("client_cert", ()),
        ("client_cert", ("cert", None)),
        ("client_cert", ("a", "b", "c", "d")),
        ("headers", None),
        ("headers", {"X-Id": 5}),
        ("headers", {b"X-Id": "5"}),
        ("headers", {"X-Id": "5", "x-id": "6"}),
        ("user_agent", 5),
        ("socket_path", ""),
        ("socket_path", 5),
        ("local_addr", ""),
        ("local_addr", 5),
        ("ipv4_only", "no"),
        ("lane", "no"),
    ],
)
def test_a_setting_of_another_kind_is_named(name: str, value: Any) -> None:
    """Whatever is given, the error is ours, names the setting, and comes before anything opens."""
    with pytest.raises(ConfigurationError, match=name):
        Network(**{name: value})
