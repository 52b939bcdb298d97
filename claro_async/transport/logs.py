"""What a client logs, with the logger ``claro_async``.

==========  =====================================================================================
``WARNING``  a call that is given up; a change that may or may not have been applied
``INFO``     a retry; a pause of the quota and its end; what reading back showed of a lost reply;
             rows that are read page by page, since exports hold something else; what keeps
             small requests off the lane
``DEBUG``    each attempt, its end, and the end of each call
==========  =====================================================================================

A rejection (4xx) is an answer, which the program gets as an error: it is logged at ``DEBUG`` only.

No record holds a key, a token, a signed URL, a query, a body or a text of the server's, which may
quote any of these. Whether ``DEBUG`` is wanted is asked once, when a client opens; the other levels
cost nothing unless something went wrong.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from claro_async import errors
from claro_async._logging import LOGGER
from claro_async.transport.events import (
    AttemptFailed,
    CallEnded,
    CallEvent,
    ReplyReceived,
    RequestSent,
)
from claro_async.transport.failures import AttemptError

if TYPE_CHECKING:
    from claro_async.transport.events import Event, EventHook

_QUOTE = re.compile(r"""[\n"']|, message""")


def with_attempts(hook: EventHook | None) -> EventHook | None:
    """A hook that logs attempts, too, where the level wants that; else the hook as it is."""
    if not LOGGER.isEnabledFor(logging.DEBUG):
        return hook
    if hook is None:
        return _log_event

    def log_and_pass_on(event: Event) -> None:
        _log_event(event)
        hook(event)

    return log_and_pass_on


def retry(operation: str, attempts: int, cause: Exception, delay: float | None) -> None:
    """Another attempt will be made: after a delay, or (None) when the quota allows."""
    when = "when the quota allows" if delay is None else f"in {delay:.1f} seconds"
    LOGGER.info("%s: attempt %d failed (%s); another %s", operation, attempts, _name(cause), when)


def given_up(operation: str, attempts: int, cause: Exception, *, in_doubt: bool = False) -> None:
    """A call ended without a usable answer; in doubt, it may have been applied."""
    if in_doubt:
        text = "%s may or may not have been applied; attempts: %d; the last: %s"
    else:
        text = "%s is given up, nothing was changed; attempts: %d; the last: %s"
    LOGGER.warning(text, operation, attempts, _name(cause))


def quota_paused(seconds: float, waiting: int, *, throttled: bool) -> None:
    """Nothing is sent for a while."""
    why = "429" if throttled else "quota headers"
    LOGGER.info("requests pause for %.1f seconds (%s); waiting: %d", seconds, why, waiting)


def quota_resumed(waiting: int) -> None:
    """Requests go out again."""
    LOGGER.info("requests go out again; had waited: %d", waiting)


def read_back(operation: str, *, confirmed: bool) -> None:
    """A reply was lost, and what it was about was read."""
    shown = "shows the change" if confirmed else "does not show the change, or does not tell"
    LOGGER.info("%s: the reply was lost; reading back %s", operation, shown)


def export_not_used(dataset_id: str) -> None:
    """Rows are read page by page, since the server's exports do not hold the same."""
    LOGGER.info("dataset %s: rows are read page by page, not by exports", dataset_id)


def lane_not_used(reason: str) -> None:
    """Small requests go out the ordinary way."""
    LOGGER.info("small requests take more CPU than they need: %s", reason)


def _name(cause: Exception) -> str:
    """What happened, without any text that a server chose."""
    if isinstance(cause, errors.APIStatusError):
        return f"{type(cause).__name__}, HTTP {cause.status}"
    if isinstance(cause, AttemptError):
        return _unquoted(str(cause))
    return type(cause).__name__


def _unquoted(text: str) -> str:
    """The kind of a failure, as far as what aiohttp quotes of a reply, which may be anything."""
    return _QUOTE.split(text, maxsplit=1)[0]


def _log_event(event: Event) -> None:
    if isinstance(event, CallEvent):
        text = _text(event)
        if text:
            LOGGER.debug(
                "call %d, %s, attempt %d: %s", event.call_id, event.operation, event.attempt, text
            )


def _text(event: CallEvent) -> str:
    if isinstance(event, RequestSent):
        return f"{event.method} {event.path}".rstrip()
    if isinstance(event, ReplyReceived):
        return f"HTTP {event.status} after {event.seconds:.3f} seconds"
    if isinstance(event, AttemptFailed):
        sent = "" if event.sent else ", nothing was sent"
        return f"{_unquoted(event.reason)} after {event.seconds:.3f} seconds{sent}"
    if isinstance(event, CallEnded):
        waited = f", {event.seconds_waited:.3f} of them for the quota"
        return f"{event.outcome} after {event.seconds:.3f} seconds{waited}"
    return ""
