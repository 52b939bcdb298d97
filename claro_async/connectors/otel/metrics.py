"""Metrics of a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import Observation

from claro_async.connectors.otel import attributes
from claro_async.transport.events import (
    AttemptFailed,
    CallEnded,
    JobEnded,
    JobProgressed,
    JobStarted,
    ReplyReceived,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter

    from claro_async.transport.events import Event

# the conventions' advice for http.client.request.duration
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
# a quota counts for a minute or more
_WAITS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
_EDIT = "updateCell"
# what a call that edits one cell says of the edit, as a bulk update's report counts it
_EDIT_OF = {"success": "updated", "rejected": "failed", "unknown": "unknown"}


class Instruments:
    """The instruments, once for all clients.

    Args:
        meter: Makes them.
        common: Attributes of every measurement.
    """

    def __init__(self, meter: Meter, common: Mapping[str, str]) -> None:
        self.common: Mapping[str, str] = common
        self.duration: Histogram = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.wait: Histogram = meter.create_histogram(
            "claro.quota.wait",
            unit="s",
            description="Time that calls waited for the quota, of those that did.",
            explicit_bucket_boundaries_advisory=_WAITS,
        )
        # asked for when metrics are collected, so that no reply costs a measurement
        self.remaining: dict[str, int] = {}
        meter.create_observable_gauge(
            "claro.quota.remaining",
            [self._observe_remaining],
            unit="{request}",
            description="Requests that the key has left, as the server reported last.",
        )
        self.edits: Counter = meter.create_counter(
            "claro.edits", unit="{edit}", description="Edits of cells, by outcome."
        )

    def _observe_remaining(self, _: CallbackOptions) -> Iterator[Observation]:
        for address, remaining in list(self.remaining.items()):
            yield Observation(remaining, {**self.common, "server.address": address})


class Metrics:
    """Measures what one client does.

    Args:
        instruments: Where to.
    """

    def __init__(self, instruments: Instruments) -> None:
        self._to = instruments
        self._common = instruments.common
        self._counted: dict[int, dict[str, int]] = {}  # edits of the jobs that run
        self._handlers: dict[type, Callable[[Any], None]] = {
            ReplyReceived: self._reply,
            AttemptFailed: self._attempt,
            CallEnded: self._call,
            JobStarted: self._begin_job,
            JobProgressed: self._count,
            JobEnded: self._end_job,
        }

    def take(self, event: Event) -> None:
        """Measure what an event says."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _reply(self, event: ReplyReceived) -> None:
        self._attempt(event)
        if event.remaining is not None:
            address, _ = attributes.server_of(event.base_url)
            self._to.remaining[address] = event.remaining

    def _attempt(self, event: ReplyReceived | AttemptFailed) -> None:
        described = attributes.of_metric(event) | attributes.of_attempt(event)
        described |= self._common
        self._to.duration.record(event.seconds, described)

    def _call(self, event: CallEnded) -> None:
        if event.seconds_waited > 0:
            self._to.wait.record(event.seconds_waited, self._common)
        if event.operation == _EDIT and event.job_number is None:
            outcome = _EDIT_OF.get(event.outcome)
            if outcome is not None:  # else nothing was changed, and the caller may try again
                self._to.edits.add(1, {**self._common, "claro.outcome": outcome})

    def _begin_job(self, event: JobStarted) -> None:
        self._counted[event.job_number] = dict(event.edits)

    def _count(self, event: JobProgressed | JobEnded) -> None:
        """Count what came to its end since the last event of the job."""
        counted = self._counted[event.job_number]
        for outcome, number in event.edits.items():
            more = number - counted.get(outcome, 0)
            if more > 0:
                counted[outcome] = number
                self._to.edits.add(
                    more,
                    {**self._common, "claro.outcome": outcome, "claro.job.kind": event.kind},
                )

    def _end_job(self, event: JobEnded) -> None:
        self._count(event)
        del self._counted[event.job_number]
