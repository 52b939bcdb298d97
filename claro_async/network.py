"""How a client reaches the servers: proxy, TLS, headers and addresses; checked at once.

.. code-block:: python

    ClaroClient(network=Network(proxy="http://proxy.example:3128", ssl="company.pem"))

The same in a profile, as a table of its own:

.. code-block:: toml

    [profiles.work.network]
    proxy = "http://proxy.example:3128"
    ssl = "/etc/ssl/company.pem"

Nobody can hand in a session of aiohttp: one attempt is one send, and the key goes to the API's own
origin only, which are promises about how that session works.
"""

from __future__ import annotations

import os
import re
import sys
from base64 import b64encode
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

import attrs

from claro_async._secret import Secret
from claro_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

    FilePath: TypeAlias = str | os.PathLike[str]

_SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103
_IPV4 = 4
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII).fullmatch
_HEADER_TEXT = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?", re.ASCII).fullmatch
_OWN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)


@attrs.frozen(kw_only=True)
class ProxyServer:
    """A proxy.

    Attributes:
        url: Its URL, without name and password.
        authorization: What goes out as ``Proxy-Authorization``, or None.
    """

    url: str
    authorization: Secret | None = None

    @classmethod
    def parse(cls, text: str, name: str, credentials: tuple[str, str] | None = None) -> ProxyServer:
        """Read a URL, which may hold a user name and a password.

        Args:
            text: The URL; without a scheme, ``http`` is meant.
            name: What it is called, for errors, which do not show it.
            credentials: User name and password, where they are not in the URL.

        Raises:
            ConfigurationError: Not the URL of an http or https proxy.
        """
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ConfigurationError(f"{name} is not a URL") from None
        if parts.scheme not in _DEFAULT_PORTS:
            raise ConfigurationError(
                f"{name} must be an http:// or https:// proxy, not {parts.scheme}://"
            )
        is_plain = text.isascii() and text.isprintable() and " " not in text
        is_bare = not parts.query and parts.path in {"", "/"}
        if not host or not is_plain or not is_bare or port == 0:
            raise ConfigurationError(f"{name} must be like http://host:port")
        if credentials is None and parts.username is not None:
            credentials = unquote(parts.username), unquote(parts.password or "")
        host = f"[{host}]" if ":" in host else host
        return cls(
            url=f"{parts.scheme}://{host}:{port or _DEFAULT_PORTS[parts.scheme]}",
            authorization=None if credentials is None else _basic(*credentials),
        )


def _basic(user: str, password: str) -> Secret:
    if ":" in user or not (user + password).isprintable():
        # RFC 7617, section 2: the first colon ends the name
        raise ConfigurationError(
            "the proxy's user name must not hold a colon, nor name or password a control character"
        )
    return Secret("Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii"))


def _frozen(headers: Mapping[str, str]) -> Mapping[str, str]:
    try:
        return MappingProxyType(dict(headers))
    except (TypeError, ValueError):
        raise ConfigurationError("headers must be a mapping of names to text") from None


def _shown_headers(headers: Mapping[str, str]) -> str:
    return repr(dict.fromkeys(headers, "***"))


@attrs.frozen(kw_only=True)
class Network:
    """How a client reaches the servers.

    Attributes:
        proxy: ``env`` goes by ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` (lower case first),
            looked up once when the client opens; or the URL of an http or https proxy, which may
            hold user name and password; or None for no proxy. Plain http, which only this machine
            can be reached by, never goes through a proxy: it would show the key.
        proxy_auth: User name and password for the proxy, where they are not in its URL.
        ssl: A file of CA certificates in PEM form, to trust instead of the system's; ``system`` for
            the operating system's own trust store (needs the package ``truststore``); or an
            :class:`ssl.SSLContext`. For the API and for signed URLs.
        client_cert: A client certificate (mTLS): a PEM file that holds the key as well, or a pair
            of certificate and key, or both and the key's password.
        headers: Further headers of every API request, such as one that a gateway asks for. Those
            that the client sets itself are refused. Signed URLs are fetched without them.
        user_agent: What is appended to the client's own ``User-Agent``.
        socket_path: A Unix socket, through which the API is reached; the base URL then is
            ``http://localhost/…``.
        local_addr: The address of this machine from which connections are made: an IP address.
        ipv4_only: Whether names are resolved to IPv4 addresses only.
        lane: Whether small requests go out past aiohttp's `ClientSession`, which costs a fraction
            of the CPU; the connections are the same. False has all go the ordinary way.

    Raises:
        ConfigurationError: A setting that cannot work; nothing is opened.
    """

    proxy: str | None = attrs.field(default="env", repr=False)
    proxy_auth: tuple[str, str] | None = attrs.field(default=None, repr=False)
    ssl: SSLContext | FilePath | Literal["system"] | None = None
    client_cert: FilePath | tuple[FilePath, FilePath] | tuple[FilePath, FilePath, str] | None = (
        attrs.field(default=None, repr=False)
    )
    headers: Mapping[str, str] = attrs.field(factory=dict, converter=_frozen, repr=_shown_headers)
    user_agent: str = ""
    socket_path: FilePath | None = None
    local_addr: str | None = None
    ipv4_only: bool = False
    lane: bool = True
    proxy_server: ProxyServer | None = attrs.field(init=False, default=None)
    ssl_context: SSLContext | None = attrs.field(init=False, default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        _check_kinds(self)
        if self.proxy not in {"env", None}:
            server = ProxyServer.parse(self.proxy or "", "proxy", self.proxy_auth)
            object.__setattr__(self, "proxy_server", server)
        elif self.proxy_auth is not None:
            if self.proxy is None:
                raise ConfigurationError("proxy_auth is for a proxy, and proxy is None")
            _basic(*self.proxy_auth)
        check_headers(self.headers)
        if self.user_agent and not _HEADER_TEXT(self.user_agent):
            raise ConfigurationError("user_agent must be printable ASCII, such as 'my-service/1.0'")
        if self.socket_path is not None and (self.proxy_server or self.local_addr):
            raise ConfigurationError("socket_path goes neither with proxy nor with local_addr")
        _check_addresses(self)
        if self.ssl is not None or self.client_cert is not None:
            # it takes a while to load, and most clients have no settings of it
            from claro_async._tls import make_context  # noqa: PLC0415

            object.__setattr__(self, "ssl_context", make_context(self.ssl, self.client_cert))


def network_of(table: Mapping[str, Any]) -> Network:
    """The network settings of a profile.

    Raises:
        ConfigurationError: A name that is none of a profile's network settings, or a value that
            cannot work.
    """
    known = {"proxy", "ssl", "client_cert", "headers", "user_agent", "socket_path", "local_addr"}
    for name, value in table.items():
        if name in {"ipv4_only", "lane"} and isinstance(value, bool):
            continue
        if name == "headers" and isinstance(value, dict):
            continue
        if name == "client_cert" and isinstance(value, list):
            continue
        if name not in known or not isinstance(value, str):
            raise ConfigurationError(f"network setting {name!r} is unknown, or not of its type")
    values = dict(table)
    if isinstance(values.get("client_cert"), list):
        values["client_cert"] = tuple(values["client_cert"])
    if values.get("proxy") == "":
        values["proxy"] = None  # TOML has no null
    return Network(**values)


def _check_kinds(network: Network) -> None:
    """See that each setting is of its kind; no error shows a value, which may be a password."""
    cert = network.client_cert
    checks = {
        "proxy": _is_text(network.proxy),
        "proxy_auth": network.proxy_auth is None or _are_texts(network.proxy_auth, {2}),
        "ssl": _is_path(network.ssl) or _is_context(network.ssl),
        "client_cert": _are_texts(cert, {2, 3}) if isinstance(cert, tuple) else _is_path(cert),
        "user_agent": isinstance(network.user_agent, str),
        "socket_path": network.socket_path != "" and _is_path(network.socket_path),
        "local_addr": network.local_addr != "" and _is_text(network.local_addr),
        "ipv4_only": isinstance(network.ipv4_only, bool),
        "lane": isinstance(network.lane, bool),
    }
    for name, is_right in checks.items():
        if not is_right:
            hint = "; certificates are always verified" if name == "ssl" else ""
            raise ConfigurationError(f"{name} must be {_KINDS[name]}{hint}")


def _check_addresses(network: Network) -> None:
    """See that connections can be made from, and to, where they are to be made."""
    if network.socket_path is not None and not _fits_a_socket(os.fspath(network.socket_path)):
        raise ConfigurationError(
            f"socket_path must have at most {_SOCKET_PATH_BYTES} bytes, none of them NUL, which is"
            " what the operating system takes"
        )
    if network.local_addr is None:
        return
    import ipaddress  # noqa: PLC0415 - seldom wanted

    try:
        address = ipaddress.ip_address(network.local_addr)
    except ValueError:
        raise ConfigurationError(
            "local_addr must be an IP address of this machine, such as '192.0.2.7', without a port"
        ) from None
    if network.ipv4_only and address.version != _IPV4:
        raise ConfigurationError("local_addr is no IPv4 address, and ipv4_only asks for these")


def _fits_a_socket(path: str) -> bool:
    encoded = os.fsencode(Path(path).expanduser())
    return len(encoded) <= _SOCKET_PATH_BYTES and b"\0" not in encoded


def _is_context(value: object) -> bool:
    import ssl  # noqa: PLC0415 - takes a while, and most clients have no settings of it

    return isinstance(value, ssl.SSLContext)


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_path(value: object) -> bool:
    return value is None or isinstance(value, str | os.PathLike)


def _are_texts(value: object, counts: set[int]) -> bool:
    return (
        isinstance(value, tuple | list)
        and len(value) in counts
        and all(each is not None and _is_path(each) for each in value)
    )


_KINDS = {
    "proxy": "'env', a URL or None",
    "proxy_auth": "a user name and a password",
    "ssl": "a path, 'system' or an ssl.SSLContext",
    "client_cert": "a path, or a pair of paths, or these and a password",
    "user_agent": "text",
    "socket_path": "a path",
    "local_addr": "an address",
    "ipv4_only": "True or False",
    "lane": "True or False",
}


def check_headers(headers: Mapping[str, str]) -> None:
    """See that headers can be sent beside the client's own.

    Raises:
        ConfigurationError: They cannot.
    """
    seen: set[str] = set()
    parts: list[object] = [part for pair in headers.items() for part in pair]
    if not all(isinstance(part, str) for part in parts):
        raise ConfigurationError("headers must be text, names and values alike")
    for name, text in headers.items():
        if not _HEADER_NAME(name):
            raise ConfigurationError(f"headers: {name!r} cannot be the name of a header")
        if name.lower() in _OWN_HEADERS:
            raise ConfigurationError(f"headers: {name} is set by the client itself")
        if not _HEADER_TEXT(text):
            raise ConfigurationError(f"headers: the value of {name} must be printable ASCII")
        if name.lower() in seen:
            raise ConfigurationError(f"headers: {name} is there twice, in another spelling")
        seen.add(name.lower())
