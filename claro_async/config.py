"""Settings: where they come from, and what they must be. No I/O but reading a profile.

The bearer key is that of Claro API v2, "Manage Dataset" (every call carries ``Authorization: Bearer
<key>``); the token and the tenants' own addresses are those of Communications Mining API v1,
"Datasets" (``https://<my_api_endpoint>/api/v1``, ``$REINFER_TOKEN``).
"""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import attrs

from claro_async.errors import ConfigurationError, MissingKeyError
from claro_async.network import Network
from claro_async.profile_file import Found, from_default_profile, from_profile, hide

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async._secret import Secret
    from claro_async.quota_place import QuotaPlace

DEFAULT_BASE_URL = "https://secure-api.getclaro.ai/api/v2"

MAX_REPLY_BYTES = 256 << 20
MAX_CONNECTIONS = 64
# urlsplit drops line breaks and tabs without a word, so the text itself is looked at
_CLEAN_URL = re.compile(r"(?:[!-$&-\[\]-~]|%[0-9A-Fa-f]{2})+", re.ASCII).fullmatch


def _check_number(name: str, value: object, kinds: tuple[type, ...]) -> None:
    if not isinstance(value, kinds) or isinstance(value, bool):
        wanted = "a whole number" if kinds == (int,) else "a number"
        raise ConfigurationError(f"{name} must be {wanted}, not {type(value).__name__}")


def _positive(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    _check_number(attribute.name, value, (int, float))
    if not value > 0:
        raise ConfigurationError(f"{attribute.name} must be more than 0, not {value!r}")


def _at_least_one(_: object, attribute: attrs.Attribute[Any], value: int) -> None:
    _check_number(attribute.name, value, (int,))
    if value < 1:
        raise ConfigurationError(f"{attribute.name} must be at least 1, not {value!r}")


def _count(_: object, attribute: attrs.Attribute[Any], value: int) -> None:
    _check_number(attribute.name, value, (int,))
    _not_negative(_, attribute, value)


def _not_negative(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    _check_number(attribute.name, value, (int, float))
    if not value >= 0:  # NaN is refused, too
        raise ConfigurationError(f"{attribute.name} must not be negative, not {value!r}")


@attrs.frozen
class Timeout:
    """How long each phase of one attempt may take, in seconds.

    There is no total, so a long transfer may take long. Waiting for the quota, for a free
    connection or between attempts does not count. ``math.inf`` is no limit.

    Attributes:
        connect: Opening a connection (TCP and TLS).
        first_byte: From the last byte sent to the first byte of the reply.
        idle: Between two pieces of a reply, and between two pieces of an upload.
    """

    connect: float = attrs.field(default=10.0, validator=_positive)
    first_byte: float = attrs.field(default=60.0, validator=_positive)
    idle: float = attrs.field(default=30.0, validator=_positive)


@attrs.frozen
class RetryPolicy:
    """How often, and how soon, an attempt is followed by another.

    What may be retried at all is not a setting. Delays grow as ``base_delay * 2 ** n``, are cut at
    ``max_delay`` and drawn at random from the upper half. A ``Retry-After`` of the server is never
    undercut.

    Attributes:
        max_attempts: Attempts in all for one request, those answered with 429 not counted.
        base_delay: Seconds before the second attempt, at the most.
        max_delay: Seconds before any attempt, at the most, where the server names no time.
        max_rate_limit_waits: How often one request may be answered with 429 and wait for the quota
            again.
        max_wait: The longest wait in seconds that the server may ask for, by ``Retry-After`` or the
            end of the quota's period. A longer one ends the call with an error that tells it:
            :class:`~claro_async.errors.RateLimitError` for the quota.
    """

    max_attempts: int = attrs.field(default=4, validator=_at_least_one)
    base_delay: float = attrs.field(default=0.5, validator=_not_negative)
    max_delay: float = attrs.field(default=30.0, validator=_not_negative)
    max_rate_limit_waits: int = attrs.field(default=10, validator=_count)
    max_wait: float = attrs.field(default=3600.0, validator=_not_negative)


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that a client needs to know before it opens a connection.

    Attributes:
        api_key: The bearer key.
        base_url: The API's root with its version, without a slash at the end.
        timeout: Limits of one attempt.
        retry: What follows a failed attempt.
        max_connections: Connections open at once.
        max_reply_bytes: The largest JSON reply, decompressed, that is read.
        quota: Where the quota is shared with other clients of the key; None where it is not.
        network: How servers are reached.
    """

    api_key: Secret
    base_url: str
    timeout: Timeout = attrs.Factory(Timeout)
    retry: RetryPolicy = attrs.Factory(RetryPolicy)
    max_connections: int = attrs.field(default=MAX_CONNECTIONS, validator=_at_least_one)
    max_reply_bytes: int = attrs.field(default=MAX_REPLY_BYTES, validator=_at_least_one)
    quota: QuotaPlace | None = None
    network: Network = attrs.Factory(Network)

    def __attrs_post_init__(self) -> None:
        if self.network.socket_path is not None and not self.base_url.startswith("http://"):
            raise ConfigurationError(
                "socket_path leads to a plain http server on this machine: base_url must be like"
                " http://localhost/api/v2"
            )


@attrs.frozen
class Names:
    """What the settings of one API are called.

    Attributes:
        api_key: Names of the key in the environment; the first that is set counts.
        base_url: Name of the base URL in the environment.
        profile: Name of the profile in the environment.
        default_base_url: Where the API is when nobody says, if that can be known.
        argument: Name of the key as an argument and in a profile.
    """

    api_key: tuple[str, ...]
    base_url: str
    profile: str
    default_base_url: str | None
    argument: str = "api_key"


CLARO = Names(("CLARO_API_KEY",), "CLARO_BASE_URL", "CLARO_PROFILE", DEFAULT_BASE_URL)
COMMUNICATIONS_MINING = Names(
    ("COMMUNICATIONS_MINING_TOKEN", "REINFER_TOKEN"),
    "COMMUNICATIONS_MINING_BASE_URL",
    "COMMUNICATIONS_MINING_PROFILE",
    None,  # each tenant has its own
    argument="token",
)


@attrs.frozen
class Credentials:
    """A key, and where alone it goes.

    Attributes:
        key: The bearer key.
        base_url: The API's root with its version, without a slash at the end.
        network: How a profile says that servers are reached, or None.
        key_from: Where the key comes from, in words.
        base_url_from: Where the base URL comes from, in words.
    """

    key: Secret
    base_url: str
    network: Network | None = None
    key_from: str = ""
    base_url_from: str = ""


def resolve(
    names: Names,
    api_key: Secret | None,
    base_url: str | None,
    profile: str | None,
    *,
    environ: Mapping[str, str] | None = None,
) -> Credentials:
    """Key and base URL: from the arguments, else the profile asked for, else the environment.

    Where none of them has a key, the profile counts that the file names as ``default_profile``. A
    key does not go to the base URL of a profile that it does not belong to: a profile given as
    an argument stands for both, and a key of the environment is not combined with one's base URL.

    Raises:
        MissingKeyError: No key.
        ConfigurationError: No such profile, a base URL that cannot be used, or a key and a base URL
            that do not belong together.
    """
    # errors are raised here, where no variable holds the text of a key
    found = _look_up(names, api_key, base_url, profile, environ)
    if found.objection:
        raise ConfigurationError(found.objection)
    key = api_key or found.key
    if key is None:
        raise MissingKeyError(
            f"no {names.argument}: pass {names.argument}=, set {names.api_key[0]}, or name a"
            " profile that holds one"
        )
    if not _is_sendable(key):
        raise ConfigurationError(f"{names.argument} must be printable ASCII without spaces")
    url = base_url or found.base_url or names.default_base_url
    if not url:
        raise ConfigurationError(f"no base URL: pass base_url= or set {names.base_url}")
    return Credentials(
        key,
        check_base_url(url),
        found.network,
        key_from=f"{names.argument}=" if api_key else found.key_from,
        base_url_from="base_url=" if base_url else found.base_url_from or "the default",
    )


def _look_up(
    names: Names,
    api_key: Secret | None,
    base_url: str | None,
    profile: str | None,
    environ: Mapping[str, str] | None,
) -> Found:
    env = os.environ if environ is None else environ
    if profile is not None:
        return from_profile(profile, names.argument, env)
    variable = next((name for name in names.api_key if env.get(name)), "")
    key = hide(env.get(variable))
    url = env.get(names.base_url) or None
    inherited = Found()
    if env.get(names.profile):
        inherited = from_profile(env[names.profile], names.argument, env)
    elif not (api_key or key):
        inherited = from_default_profile(names.argument, env)
    if key and not api_key and inherited.base_url and not (base_url or url):
        return Found(
            objection=f"{names.api_key[0]} would go to the base URL of the profile that"
            f" {names.profile} names: unset one of the two, or set {names.base_url}"
        )
    return attrs.evolve(
        inherited,
        key=key or inherited.key,
        base_url=url or inherited.base_url,
        key_from=variable or inherited.key_from,
        base_url_from=names.base_url if url else inherited.base_url_from,
    )


def _is_sendable(key: Secret) -> bool:
    text: object = key.reveal()
    return isinstance(text, str) and text.isascii() and text.isprintable() and " " not in text


def check_base_url(url: str) -> str:
    """The base URL without its last slash.

    Raises:
        ConfigurationError: Not an absolute http(s) URL, carries a query, fragment or password, or
            is plain http to another machine, which would show the key to the network.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"base_url must be a str, not {type(url).__name__}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"base_url is not a URL: {error}") from None
    if parts.scheme not in {"http", "https"} or not host or not _CLEAN_URL(url):
        raise ConfigurationError("base_url must be an absolute http or https URL in plain ASCII")
    if not {".", ".."}.isdisjoint(unquote(parts.path).split("/")):
        raise ConfigurationError("base_url must not hold the segments '.' and '..'")
    if parts.query or parts.fragment or parts.username is not None:
        raise ConfigurationError("base_url must not hold a query, a fragment or a password")
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(
            f"base_url is plain http to {host}: the key would be readable on the way; use https"
        )
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine itself."""
    if host == "localhost":
        return True
    import ipaddress  # noqa: PLC0415 - seldom wanted: most base URLs are https

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def log_level(environ: Mapping[str, str] | None = None) -> int | None:
    """The level of ``CLARO_LOG``, or None where it is not set.

    Raises:
        ConfigurationError: It is neither ``debug`` nor ``info``.
    """
    wanted = (os.environ if environ is None else environ).get("CLARO_LOG", "").strip().casefold()
    if not wanted:
        return None
    level = {"debug": logging.DEBUG, "info": logging.INFO}.get(wanted)
    if level is None:
        raise ConfigurationError(f"CLARO_LOG is {wanted!r}, but must be 'debug' or 'info'")
    return level
