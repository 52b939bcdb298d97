"""What aiohttp's exceptions mean for an attempt, in words without key, password or token."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aiohttp

from claro_async.transport.connections import NotConnectedError
from claro_async.transport.failures import AttemptError
from claro_async.transport.unreachable import unreachable

if TYPE_CHECKING:
    from claro_async._secret import Secret
    from claro_async.network import ProxyServer

_TOKEN = re.compile(r"(token=)[^&\s'\")]+")
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, NotConnectedError)


class Explainer:
    """Makes failures of attempts.

    Args:
        key: The API's key, which no text may show.
        proxy: The proxy that requests go through, if any.
    """

    def __init__(self, key: Secret, proxy: ProxyServer | None = None) -> None:
        self._key = key
        self._proxy = proxy

    def before_reply(self, error: Exception, *, unwritten: bool) -> AttemptError:
        """The failure of an attempt that ended before its reply began.

        Args:
            error: What aiohttp raised.
            unwritten: Whether it is certain that no byte of the request went out.
        """
        return unreachable(error, self._proxy) or AttemptError(
            self.describe(error),
            sent=not (unwritten or isinstance(error, _NOT_SENT)),
            timed_out=isinstance(error, TimeoutError),
        )

    def within_reply(self, error: Exception) -> AttemptError:
        """The failure of an attempt whose reply broke off."""
        timed_out = isinstance(error, TimeoutError)
        return AttemptError(self.describe(error), sent=True, timed_out=timed_out)

    def describe(self, error: Exception) -> str:
        """The kind of an exception, and its text without secrets."""
        text = _TOKEN.sub(r"\1***", str(error)).replace(self._key.reveal(), "***")
        return f"{type(error).__name__}: {text}" if text else type(error).__name__

    def without_key(self, status: int, content: bytes) -> bytes:
        """A body that may quote the request: such as an error, or a page of something between."""
        if status < 400 and content[:1] == b"{":  # noqa: PLR2004 - a success
            return content
        return content.replace(self._key.reveal().encode(), b"***")


def is_unwritten(error: BaseException | None) -> bool:
    """Whether a kept connection was found closed before anything was written to it."""
    return isinstance(error, aiohttp.ClientConnectionResetError) and "closing transport" in str(
        error
    )
