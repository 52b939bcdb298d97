"""How connections are made, for the API and for signed URLs alike: proxy, TLS, limits of a head."""

from __future__ import annotations

import ipaddress
import math
import os
import re
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import aiohttp
import attrs
from aiohttp import hdrs
from multidict import CIMultiDict

from claro_async.errors import ConfigurationError
from claro_async.network import Network, ProxyServer
from claro_async.transport.connections import Pool, UnixPool
from claro_async.transport.forms import SMALL_BODY
from claro_async.transport.limits import HeadLimits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.connector import Connection
    from yarl import URL

    from claro_async.config import Settings

_PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_NO_PROXY_VARIABLES = ("no_proxy", "NO_PROXY")
_HTTPS_PORT = 443

MAX_HEADER_BYTES = 1 << 16
"""Of one header or of the first line of a reply; aiohttp's own 8190 are too few for the policies
that companies' proxies add."""
MAX_HEADERS = 256

HEAD_LIMITS: Mapping[str, int] = {
    "max_line_size": MAX_HEADER_BYTES,
    "max_field_size": MAX_HEADER_BYTES,
    "max_headers": MAX_HEADERS,
}


@attrs.frozen
class Bypass:
    """Which hosts are reached without the proxy, as ``NO_PROXY`` lists them.

    Entries are separated by commas or blanks. ``*`` is every host; ``example.com`` and
    ``.example.com`` are the host and all below it; an address is that address, ``10.0.0.0/8`` every
    address of the network; ``:port`` at the end restricts an entry to that port.
    """

    entries: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Bypass:
        """Read the variable's text."""
        return cls(tuple(filter(None, (entry.lower() for entry in re.split(r"[,\s]+", text)))))

    def covers(self, host: str, port: int) -> bool:
        """Whether a host is reached without the proxy."""
        host = host.lower().strip("[]").rstrip(".")
        return any(_covers(entry, host, port) for entry in self.entries)


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, colon, text = entry.rpartition(":")
    if colon and text.isdigit() and (":" not in name or name.endswith("]")):
        if int(text) != port:
            return False
        entry = name
    entry = entry.strip("[]").lstrip(".").removeprefix("*.").rstrip(".")
    with suppress(ValueError):
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))


@attrs.frozen
class ProxyRules:
    """Which proxy a host is reached through."""

    server: ProxyServer | None = None
    bypass: Bypass = attrs.Factory(Bypass)

    @classmethod
    def of(cls, network: Network, environ: Mapping[str, str]) -> ProxyRules:
        """The rules of a client that opens now.

        Raises:
            ConfigurationError: A variable of the environment that is not the URL of a proxy.
        """
        if network.proxy != "env":
            return cls(network.proxy_server)
        name = next((name for name in _PROXY_VARIABLES if environ.get(name)), None)
        if name is None:
            return cls()
        server = ProxyServer.parse(environ[name], name, network.proxy_auth)
        skipped = next((environ[name] for name in _NO_PROXY_VARIABLES if environ.get(name)), "")
        return cls(server, Bypass.parse(skipped))

    def server_for(self, scheme: str, host: str, port: int) -> ProxyServer | None:
        """The proxy for a URL, or None for none; plain http never has one, to keep the key in."""
        if scheme != "https" or self.server is None or self.bypass.covers(host, port):
            return None
        return self.server


def proxy_of(network: Network, url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy through which a URL would be reached, without its password; None for none.

    Raises:
        ConfigurationError: A variable of the environment that is not the URL of a proxy.
    """
    parts = urlsplit(url)
    port = parts.port or _HTTPS_PORT
    server = ProxyRules.of(network, environ).server_for(parts.scheme, parts.hostname or "", port)
    return None if server is None else server.url


class Dialer:
    """Makes the connections of one client.

    Args:
        settings: The client's settings.
        environ: The environment, which is read here and never again.

    Raises:
        ConfigurationError: A proxy of the environment that cannot be used, or a `local_addr` that
            this machine does not have.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str] | None = None) -> None:
        self._network = settings.network
        self._settings = settings
        self._rules = ProxyRules.of(settings.network, os.environ if environ is None else environ)
        _check_local_addr(settings.network.local_addr)

    def session_options(self) -> dict[str, Any]:
        """What every session has in common, as arguments of :class:`aiohttp.ClientSession`."""
        timeout = self._settings.timeout
        connect = timeout.connect if math.isfinite(timeout.connect) else None
        return {
            "cookie_jar": aiohttp.DummyCookieJar(),
            # no sock_read, for which aiohttp starts a timer twice a reply: the time for the whole
            # head is shorter, and what follows the head has a limit of its own
            "timeout": aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=None),
            "response_class": _bounded_response(timeout.first_byte),
            **HEAD_LIMITS,
        }

    def connector(self, *, keep: bool = True) -> aiohttp.BaseConnector:
        """A pool of connections to servers.

        Args:
            keep: Whether connections are used again.
        """
        network = self._network
        return Pool(
            self._settings.timeout.connect,
            limit=self._settings.max_connections,
            force_close=not keep,
            ssl=network.ssl_context or True,
            family=socket.AF_INET if network.ipv4_only else socket.AF_UNSPEC,
            local_addr=None if network.local_addr is None else (network.local_addr, 0),
        )

    def api_connector(self, *, keep: bool = True) -> aiohttp.BaseConnector:
        """A pool of connections to the API, which may be behind a Unix socket."""
        path = self._network.socket_path
        if path is None:
            return self.connector(keep=keep)
        limit = self._settings.max_connections
        path = os.fspath(Path(path).expanduser())
        return UnixPool(path=path, limit=limit, force_close=not keep)

    def proxy_for(self, url: URL) -> ProxyServer | None:
        """The proxy through which a URL is reached."""
        return self._rules.server_for(url.scheme, url.host or "", url.port or _HTTPS_PORT)

    @property
    def has_socket(self) -> bool:
        """Whether the API is behind a Unix socket."""
        return self._network.socket_path is not None

    @property
    def user_agent_suffix(self) -> str:
        """What follows the client's own ``User-Agent``."""
        return f" {self._network.user_agent}" if self._network.user_agent else ""


def _check_local_addr(address: str | None) -> None:
    """See that connections can be made from an address.

    Raises:
        ConfigurationError: This machine does not have it.
    """
    if address is None:
        return
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.bind((address, 0))
    except OSError as error:
        raise ConfigurationError(
            f"local_addr is {address}, from which this machine cannot make connections:"
            f" {error.strerror}"
        ) from None


def authorize_proxy(request: aiohttp.ClientRequest, proxy: ProxyServer | None) -> None:
    """Add the proxy's password at the last moment, where no frame's variables show it."""
    if proxy is not None and proxy.authorization is not None:
        authorization = proxy.authorization.reveal()
        request.proxy_headers = CIMultiDict({"Proxy-Authorization": authorization})


def _bounded_response(seconds: float) -> type[aiohttp.ClientResponse]:
    """The class of the replies of one session."""
    if math.isinf(seconds):
        return aiohttp.ClientResponse

    class Response(BoundedResponse):
        limits = HeadLimits(seconds)

    return Response


class BoundedResponse(aiohttp.ClientResponse):
    """A reply whose whole head must come in the time that its first byte has.

    The time between two bytes alone would let a head drip in for ever. It counts from the last byte
    of the request.

    Attributes:
        limits: Those of the session.
    """

    limits: ClassVar[HeadLimits]
    _waits_for_head = False

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Wait for the head."""
        protocol = connection.protocol
        if protocol is None:
            return await super().start(connection)
        writer, limits = self._writer, self.limits
        if writer is None or self._went_out_at_once:
            limits.begin(protocol, self._loop)
        else:
            self._waits_for_head = True
            writer.add_done_callback(partial(self._begin_limit, protocol))
        try:
            return await super().start(connection)
        finally:
            self._waits_for_head = False
            limits.end(protocol)

    def _begin_limit(self, protocol: ResponseHandler, _: object) -> None:
        if self._waits_for_head:  # else it came before the whole request was sent
            self.limits.begin(protocol, self._loop)

    @property
    def _went_out_at_once(self) -> bool:
        """Whether headers and body were one write: the last byte of the request is out already.

        aiohttp ends its task a moment later, and to learn of that costs each request a callback.
        A form is never meant: its file may come slowly, however small it is.
        """
        headers = self.request_info.headers
        is_json = headers.get(hdrs.CONTENT_TYPE) == "application/json"
        return is_json and int(headers.get(hdrs.CONTENT_LENGTH, SMALL_BODY + 1)) <= SMALL_BODY
