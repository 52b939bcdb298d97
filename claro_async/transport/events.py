"""What a client tells of its work: typed events, handed to its ``on_event`` as they happen.

The hook is called in the event loop, between two steps of a request; it must be quick and must not
raise. Without a hook no event is made. Events never hold a key, a token or a body.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs


@attrs.frozen
class RequestSent:
    """An attempt is about to go out.

    Attributes:
        operation: The operation's id.
        method: The HTTP method.
        path: The path below the base URL, without its query.
        attempt: 1 for the first.
    """

    operation: str
    method: str
    path: str
    attempt: int


@attrs.frozen
class ReplyReceived:
    """A whole reply was read.

    Attributes:
        operation: The operation's id.
        status: The HTTP status.
        seconds: From sending to the last byte.
        attempt: 1 for the first.
    """

    operation: str
    status: int
    seconds: float
    attempt: int


@attrs.frozen
class AttemptFailed:
    """An attempt ended without a reply.

    Attributes:
        operation: The operation's id.
        sent: False when it is certain that nothing went out; True when the request may have been
            applied.
        reason: What happened, in words.
        attempt: 1 for the first.
    """

    operation: str
    sent: bool
    reason: str
    attempt: int


@attrs.frozen
class RetryScheduled:
    """Another attempt will be made.

    Attributes:
        operation: The operation's id.
        attempt: The attempt that failed.
        delay: Seconds until the next; 0 where only the quota is waited for.
        reason: Why, in words.
    """

    operation: str
    attempt: int
    delay: float
    reason: str


@attrs.frozen
class QuotaPaused:
    """The quota is used up: nothing is sent for a while.

    Attributes:
        seconds: How long, as far as is known.
        waiting: How many requests wait.
        limited: True when the server refused a request with 429, False when its headers were
            enough.
    """

    seconds: float
    waiting: int
    limited: bool


@attrs.frozen
class QuotaResumed:
    """Requests go out again.

    Attributes:
        waiting: How many requests had waited.
    """

    waiting: int


Event: TypeAlias = (
    RequestSent | ReplyReceived | AttemptFailed | RetryScheduled | QuotaPaused | QuotaResumed
)
EventHook: TypeAlias = Callable[[Event], None]
