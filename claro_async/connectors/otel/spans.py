"""Spans of a client: one a call, one a bulk job, and one each of a sample of the job's calls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from claro_async.connectors.otel import attributes
from claro_async.transport.events import (
    AttemptFailed,
    CallEnded,
    CallStarted,
    JobEnded,
    JobStarted,
    ReplyReceived,
    RetryScheduled,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from claro_async.transport.events import CallEvent, Event

_NANOSECONDS = 1_000_000_000


class Spans:
    """Makes the spans of one client.

    A hook is called in the task of whoever made the call, so the span that is current there is the
    parent.

    Args:
        tracer: Makes them.
        common: Attributes of every span.
        is_chosen: Whether the next call of a job has a span of its own.
    """

    def __init__(
        self, tracer: Tracer, common: Mapping[str, str], is_chosen: Callable[[], bool]
    ) -> None:
        self._tracer = tracer
        self._common = common
        self._is_chosen = is_chosen
        self._calls: dict[int, Span] = {}
        self._jobs: dict[int, Span] = {}
        self._handlers: dict[type, Callable[[Any], None]] = {
            CallStarted: self._start,
            ReplyReceived: self._note_attempt,
            AttemptFailed: self._note_attempt,
            RetryScheduled: self._note_retry,
            CallEnded: self._end,
            JobStarted: self._start_job,
            JobEnded: self._end_job,
        }

    def take(self, event: Event) -> None:
        """Note what an event says."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def context_of(self, call: CallEvent) -> Context | None:
        """The context that a call's request belongs to; None for the one that is current."""
        job = None if call.job_number is None else self._jobs.get(call.job_number)
        span = self._calls.get(call.call_id, job)
        return None if span is None else trace.set_span_in_context(span)

    def _start(self, event: CallStarted) -> None:
        job = None if event.job_number is None else self._jobs.get(event.job_number)
        if job is not None and not self._is_chosen():
            return
        self._calls[event.call_id] = self._tracer.start_span(
            attributes.span_name(event),
            None if job is None else trace.set_span_in_context(job),
            trace.SpanKind.CLIENT,
            {**self._common, **attributes.of_span(event)},
            start_time=time.time_ns() - int(event.seconds * _NANOSECONDS),
        )

    def _note_attempt(self, event: ReplyReceived | AttemptFailed) -> None:
        span = self._calls.get(event.call_id)
        if span is not None and span.is_recording():
            ended = attributes.of_attempt(event)
            ended |= {"claro.attempt": event.attempt, "claro.seconds": event.seconds}
            span.add_event("claro.attempt", ended)

    def _note_retry(self, event: RetryScheduled) -> None:
        span = self._calls.get(event.call_id)
        if span is not None and span.is_recording():
            span.add_event("claro.retry", {"claro.delay": event.delay})

    def _end(self, event: CallEnded) -> None:
        span = self._calls.pop(event.call_id, None)
        if span is None:
            return
        if span.is_recording():
            span.set_attributes(attributes.of_end(event))
            if event.error_type is not None:
                span.set_status(trace.StatusCode.ERROR)
        span.end()

    def _start_job(self, event: JobStarted) -> None:
        described = {"claro.job.kind": event.kind, "claro.dataset.id": event.dataset_id}
        self._jobs[event.job_number] = self._tracer.start_span(
            f"bulk {event.kind}", attributes={**self._common, **described}
        )

    def _end_job(self, event: JobEnded) -> None:
        span = self._jobs.pop(event.job_number)
        edits = {f"claro.edits.{outcome}": number for outcome, number in event.edits.items()}
        span.set_attributes(
            {**edits, "claro.requests": event.requests, "claro.stopped": event.stopped}
        )
        if event.error_type is not None:
            span.set_attribute("error.type", event.error_type)
            span.set_status(trace.StatusCode.ERROR)
        span.end()
