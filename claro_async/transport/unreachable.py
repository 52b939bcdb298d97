"""Connections that could not be made: nothing was sent; the words hold no password and no URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aiohttp

from claro_async.transport.failures import AttemptError

if TYPE_CHECKING:
    from claro_async.network import ProxyServer

_PROXY_WANTS_PASSWORD = 407
_PROXY_SAYS_NO = frozenset({401, 403, 405, _PROXY_WANTS_PASSWORD})
_ADVICE = {
    9: "its time has not begun: see to this machine's clock",
    10: "the server must get a new one, unless this machine's clock is wrong",
    62: "the base URL must name a host that the certificate is for",
    64: "the base URL must name an address that the certificate is for",
}
"""By OpenSSL's code (X509_V_ERR_*); for all others the CA is not known."""
_TRUST = (
    "if the network has a CA of its own, name its file with Network(ssl='/path/to/ca.pem'), or"
    " trust what the operating system trusts with Network(ssl='system')"
)
# in TLS 1.3 it comes when the client believes the handshake to be complete; the server reads no
# request before it is
_ALERT = re.compile(
    r"ALERT_(?:CERTIFICATE_(?:REQUIRED|UNKNOWN|EXPIRED|REVOKED)|BAD_CERTIFICATE|UNKNOWN_CA"
    r"|HANDSHAKE_FAILURE)"
).search


def unreachable(error: Exception, proxy: ProxyServer | None) -> AttemptError | None:
    """The failure of an attempt whose connection was not made; None for any other error.

    Args:
        error: What aiohttp raised.
        proxy: The proxy that the request was to go through, if any.
    """
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _of_proxy(error.status, proxy)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return _untrusted(error.host, error.certificate_error)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        where = "the proxy" if proxy is None else f"the proxy {proxy.url}"
        return AttemptError(f"{where} cannot be reached: {error.os_error}", sent=False)
    alert = _ALERT(str(error)) if isinstance(error, OSError) else None
    if alert is not None:
        return AttemptError(
            f"the server wants a client certificate, or another one ({alert[0]}): name it with"
            " Network(client_cert=...)",
            sent=False,
            final=True,
        )
    return None


def _of_proxy(status: int, proxy: ProxyServer | None) -> AttemptError:
    text = f"the proxy {'' if proxy is None else proxy.url + ' '}answered HTTP {status}"
    if status == _PROXY_WANTS_PASSWORD:
        text += ": it wants another user name and password, which Network(proxy_auth=...) gives"
    return AttemptError(text, sent=False, final=status in _PROXY_SAYS_NO)


def _untrusted(host: str, error: Exception) -> AttemptError:
    reason = getattr(error, "verify_message", "") or type(error).__name__
    advice = _ADVICE.get(getattr(error, "verify_code", 0), _TRUST)
    return AttemptError(
        f"the certificate of {host} is not trusted: {reason.rstrip('.')}; {advice}",
        sent=False,
        final=True,
    )
