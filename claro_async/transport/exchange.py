"""A request on its way: what has happened to it, and what ended it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

import msgspec

from claro_async import errors
from claro_async.transport.observing import ObservedCall
from claro_async.transport.retry import FRESH, History
from claro_async.wire.replies import HttpReply
from claro_async.wire.requests import HttpRequest


class Exchange(msgspec.Struct):
    """A request, what has happened to it, and the reply that ended it: a success or a rejection.

    Attributes:
        request: The request.
        read: Makes `value` of a success. Where it raises :class:`UnreadableReplyError`, the attempt
            counts as one without a reply.
        attempts: How many attempts were made, those with a 429 included.
        history: What became of those that had no success.
        unanswered: Whether the last attempt has neither a reply nor a known failure: it is on its
            way, or was cancelled there.
        seconds: From sending the last attempt to its whole reply, or to its failure.
        error: The rejection as an error, or None for a success.
        reply: The last reply; None before the first one, when nobody asks for it.
        value: What `read` made of a success.
        observed: Where its events are made; None where nobody asked for any.
    """

    request: HttpRequest
    read: Callable[[HttpReply], Any] | None = None
    attempts: int = 0
    history: History = FRESH
    unanswered: bool = False
    seconds: float = 0.0
    error: errors.APIStatusError | None = None
    reply: HttpReply = cast("HttpReply", None)
    value: Any = None
    observed: ObservedCall | None = None

    @property
    def failures(self) -> int:
        """How many attempts had no reply, or one with 5xx, or one that could not be read."""
        return self.history.failures

    @property
    def throttled(self) -> int:
        """How many attempts were answered with 429."""
        return self.history.throttled

    @property
    def maybe_applied(self) -> bool:
        """Whether an attempt before the last may have been applied."""
        return self.history.maybe_applied


Admission: TypeAlias = Callable[[Exchange, float], Awaitable[None]]
"""Returns when the next attempt of an exchange may go: so many seconds later, with a permit of the
quota. Whoever has an admission of its own decides what is done meanwhile."""
