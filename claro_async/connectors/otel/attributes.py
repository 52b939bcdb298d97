"""What spans and metrics say of a call, by OpenTelemetry's conventions for HTTP clients: pure.

Semantic conventions for HTTP, sections "HTTP client span" and "Metric:
http.client.request.duration".
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from claro_async.transport.events import AttemptFailed

if TYPE_CHECKING:
    from claro_async.transport.events import CallEnded, CallEvent, ReplyReceived

    Attributes = dict[str, str | int | float | bool]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_KNOWN_METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
_OTHER = "_OTHER"
_FIRST_ERROR = 400


def span_name(call: CallEvent) -> str:
    """Method and path template; never anything of which there are many."""
    method = call.method if call.method in _KNOWN_METHODS else "HTTP"
    return f"{method} {call.template}" if call.template else method


def of_span(call: CallEvent) -> Attributes:
    """What a call's span says from its beginning."""
    found = {
        **of_metric(call),
        "url.full": f"{call.base_url}{call.path}",
        "claro.operation": call.operation,
    }
    if call.method not in _KNOWN_METHODS:
        found["http.request.method_original"] = call.method
    if call.dataset_id:
        found["claro.dataset.id"] = call.dataset_id
    return found


def of_metric(call: CallEvent) -> Attributes:
    """What tells a metric's series apart: nothing of which there are many."""
    address, port = server_of(call.base_url)
    found: Attributes = {
        "http.request.method": call.method if call.method in _KNOWN_METHODS else _OTHER,
        "server.address": address,
        "server.port": port,
    }
    if call.template:
        found["url.template"] = call.template
    return found


@lru_cache(maxsize=64)  # a client has few servers; pure, so it may be shared
def server_of(base_url: str) -> tuple[str, int]:
    """Host and port."""
    parts = urlsplit(base_url)
    return parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)


def of_attempt(attempt: ReplyReceived | AttemptFailed) -> Attributes:
    """How an attempt ended."""
    if isinstance(attempt, AttemptFailed):
        return {"error.type": _why_it_failed(attempt)}
    found: Attributes = {"http.response.status_code": attempt.status}
    if attempt.status >= _FIRST_ERROR:
        found["error.type"] = str(attempt.status)
    return found


def _why_it_failed(attempt: AttemptFailed) -> str:
    if attempt.reason == "cancelled":
        return "cancelled"
    if attempt.timed_out:
        return "timeout"
    return "no_reply" if attempt.sent else "not_sent"


def of_end(call: CallEnded) -> Attributes:
    """How a call ended."""
    found: Attributes = {"claro.outcome": call.outcome}
    if call.attempt > 1:
        found["http.request.resend_count"] = call.attempt - 1
    if call.status is not None:
        found["http.response.status_code"] = call.status
    if call.error_type is not None:
        is_status = call.status is not None and call.status >= _FIRST_ERROR
        found["error.type"] = str(call.status) if is_status else call.error_type
    if call.seconds_waited:
        found["claro.quota.wait"] = call.seconds_waited
    if call.request_id is not None:
        found["claro.request.id"] = call.request_id
    return found
