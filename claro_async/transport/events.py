"""What a client reports of its work: typed events, handed to its ``on_event`` as they happen.

A *call* is one request as the program made it; an *attempt* is one send of it. The events of a call
share its ``call_id``, which is unique within the client, and come in this order:

.. code-block:: text

    RequestSent       the first attempt goes out
    CallStarted
    ReplyReceived     … or AttemptFailed: every attempt that was sent ends with one of the two
    RetryScheduled    then RequestSent again, and so on
    CallEnded         every call that started ends, however it ends

A call that ends before anything was sent, because it was cancelled while it waited for the quota
for example, reports ``CallStarted`` and ``CallEnded`` together.

A bulk job is reported by ``JobStarted``, ``JobProgressed`` now and then, and ``JobEnded``, which
share a ``job_number``; so do all events of the calls that it makes.

The hook is called in the event loop and the task of whoever made the call, between two steps of a
request: it must be quick. What it raises is logged once and dropped. Without a hook no event is
made. Events never hold a key, a token, a signed URL, a query or a body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from claro_async._plain import plain_value


class PlainStruct(msgspec.Struct, frozen=True):
    """What events have in common.

    Four are made for a request, so they are structs, and those of calls are made by position.
    """

    def to_dict(self) -> dict[str, Any]:
        """The event as plain JSON values, by attribute name."""
        return {name: plain_value(getattr(self, name)) for name in self.__struct_fields__}


CallOutcome: TypeAlias = Literal["success", "rejected", "failed", "unknown", "cancelled"]
"""How a call ended: a success; the server said no (4xx, 429); no usable answer, and nothing was
changed; a change that may have been applied; cancelled, by the program or a time limit of its own.
"""


class CallEvent(PlainStruct, frozen=True, gc=False):
    """What every event of a call says.

    Attributes:
        call_id: The same for all events of one call, and unique within the client.
        operation: The operation's id, such as ``getDataset``; method and path for a raw request;
            ``download`` for a signed URL.
        method: The HTTP method.
        base_url: What the path is below; for a signed URL, no more than scheme, host and port.
        path: The path below the base URL, without its query; empty for a signed URL.
        template: The path with names in place of ids, for labels of metrics: such as
            ``/datasets/{datasetId}``; empty for a raw request and a signed URL, which have none.
        dataset_id: The dataset that it is about (for Communications Mining, project and name with a
            slash between), or empty.
        job_number: The bulk job that makes the call, or None.
        attempt: 1 for the first; for the events of the whole call, how many were sent so far.
    """

    call_id: int
    operation: str
    method: str
    base_url: str
    path: str
    template: str
    dataset_id: str
    job_number: int | None
    attempt: int


class CallStarted(CallEvent, frozen=True, gc=False):
    """A call is under way: its first attempt was sent.

    Attributes:
        seconds: Since its beginning, such as those that it waited for the quota.
    """

    seconds: float


class RequestSent(CallEvent, frozen=True, gc=False):
    """An attempt is about to go out."""


class ReplyReceived(CallEvent, frozen=True, gc=False):
    """A whole reply was read.

    Attributes:
        status: The HTTP status.
        seconds: From sending to the last byte.
        remaining: Requests that the key has left, as the reply's ``X-RateLimit-Remaining`` says;
            None where it does not.
    """

    status: int
    seconds: float
    remaining: int | None


class AttemptFailed(CallEvent, frozen=True, gc=False):
    """An attempt ended without a whole reply.

    Attributes:
        sent: False when it is certain that nothing went out; True when the request may have been
            applied.
        timed_out: Whether it was a matter of time.
        reason: What happened, in words; ``cancelled`` where the program gave it up.
        seconds: From sending to the failure.
    """

    sent: bool
    timed_out: bool
    reason: str
    seconds: float


class RetryScheduled(CallEvent, frozen=True, gc=False):
    """Another attempt will be made.

    Attributes:
        delay: Seconds until the next; 0 where only the quota is waited for.
        reason: Why, in words.
    """

    delay: float
    reason: str


class CallEnded(CallEvent, frozen=True, gc=False):
    """A call ended.

    Attributes:
        outcome: How: ``success``, ``rejected``, ``failed``, ``unknown`` or ``cancelled``.
        status: The HTTP status of the last reply, or None where there was none.
        seconds: From the call's beginning, all waits included.
        seconds_waited: What of it was spent waiting for the quota.
        request_id: The ``X-Request-Id`` of the last reply, or None.
        error_type: The class of the error, such as ``RateLimitError``, or None for a success.
    """

    outcome: CallOutcome
    status: int | None
    seconds: float
    seconds_waited: float
    request_id: str | None
    error_type: str | None


class QuotaPaused(PlainStruct, frozen=True, gc=False):
    """The quota is used up: nothing is sent for a while.

    Attributes:
        seconds: How long, as far as is known.
        waiting: How many requests wait.
        throttled: True when the server answered a request with 429, False when its headers were
            enough.
    """

    seconds: float
    waiting: int
    throttled: bool


class QuotaResumed(PlainStruct, frozen=True, gc=False):
    """Requests go out again.

    Attributes:
        waiting: How many requests had waited.
    """

    waiting: int


JobKind: TypeAlias = Literal["update", "resume", "revert"]
"""What a bulk job does: carry edits out, go on with a job from its journal, or set one back."""


class JobEvent(PlainStruct, frozen=True, kw_only=True):
    """What every event of a bulk job says.

    Attributes:
        job_number: The same for all events of one job, and unique within the client.
        kind: What it does.
        dataset_id: The dataset.
        edits: How many edits have come to which end, by name: ``updated``, ``unchanged``,
            ``superseded``, ``failed``, and at the job's end ``not_sent`` and ``unknown``. They
            count the whole job, with what earlier runs of it did.
    """

    job_number: int
    kind: JobKind
    dataset_id: str
    edits: Mapping[str, int]


class JobStarted(JobEvent, frozen=True, kw_only=True):
    """A bulk job begins; its edits are those of earlier runs."""


class JobProgressed(JobEvent, frozen=True, kw_only=True):
    """A bulk job is under way; at most one event in a tenth of a second."""


class JobEnded(JobEvent, frozen=True, kw_only=True):
    """A bulk job ended.

    Attributes:
        seconds: From its beginning to its end.
        requests: Requests that were sent for edits.
        stopped: Whether it was stopped before its end: asked to, or by what every edit would get.
        error_type: The class of the exception that came out of it, or None.
    """

    seconds: float
    requests: int
    stopped: bool
    error_type: str | None


class ExportNotUsed(PlainStruct, frozen=True, kw_only=True, gc=False):
    """An export read the rows page by page, since the server's JSON exports do not hold the same.

    Attributes:
        dataset_id: The dataset.
        reason: What is different, in words and without values of cells.
    """

    dataset_id: str
    reason: str


class LaneNotUsed(PlainStruct, frozen=True, kw_only=True, gc=False):
    """Small requests go out through aiohttp's ``ClientSession``, which takes more CPU; said once.

    Attributes:
        reason: What stands in the lane's way, such as a method of aiohttp that a test replaced.
    """

    reason: str


Event: TypeAlias = (
    CallStarted
    | RequestSent
    | ReplyReceived
    | AttemptFailed
    | RetryScheduled
    | CallEnded
    | QuotaPaused
    | QuotaResumed
    | JobStarted
    | JobProgressed
    | JobEnded
    | ExportNotUsed
    | LaneNotUsed
)

EventHook: TypeAlias = Callable[[Event], object]


class TracingHook(Protocol):
    """A hook that also adds headers to requests, by which a trace goes on in the server."""

    def __call__(self, event: Event, /) -> object:
        """Take an event."""

    def request_headers(self, event: RequestSent, /) -> Mapping[str, str]:
        """Further headers of the attempt that is about to go out to the API.

        Those that the client sets itself are refused. Signed URLs are fetched without them.
        """


class Instrumentation(Protocol):
    """What gives each client a hook of its own, as tracing needs: ``on_event`` takes one, too."""

    def new_hook(self) -> TracingHook:
        """A hook for one client."""
