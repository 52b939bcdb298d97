"""What a program hands to its clients to have traces and metrics."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

try:
    from opentelemetry import metrics, propagate, trace
except ImportError as _error:
    raise ImportError(
        "traces and metrics need the package opentelemetry-api: pip install 'claro-async[otel]'"
    ) from _error

from claro_async._callbacks import CallbackGuard, check_callback
from claro_async._version import __version__
from claro_async.connectors.otel.metrics import Instruments, Metrics
from claro_async.connectors.otel.spans import Spans
from claro_async.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from claro_async.transport.events import Event, EventHook, RequestSent

_SCOPE = "claro_async"
_SCHEMA = "https://opentelemetry.io/schemas/1.27.0"
_NO_HEADERS: dict[str, str] = {}


class OpenTelemetry:
    """Traces and metrics, by OpenTelemetry; pass it to any number of clients as ``on_event``.

    A call is one span, whose events are its attempts; its parent is the span that is current where
    the call is made. A bulk job is one span with the counts of its report, and a sample of its
    calls are children. Of attempts, ``http.client.request.duration`` is the time from sending to
    the last byte, waits not included; the span of a call covers all of it.

    Args:
        tracer_provider: Makes the spans; else the global one.
        meter_provider: Takes the metrics; else the global one.
        propagate: Whether requests to the API carry the trace on, in the headers that the global
            propagator writes (``traceparent``). Signed URLs are fetched without.
        job_calls: The share of a bulk job's calls that have a span of their own, from 0 to 1.
        attributes: Of every span and measurement, such as which of several keys a client uses.
        on_event: A further hook, which is called with every event as well.
        random: Chooses the sample.

    Raises:
        ConfigurationError: A share that is none, or attributes that are not text.
        TypeError: A hook that is not a plain function.
    """

    def __init__(  # noqa: PLR0913 - settings
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        propagate: bool = False,
        job_calls: float = 0.01,
        attributes: Mapping[str, str] | None = None,
        on_event: EventHook | None = None,
        random: Random | None = None,
    ) -> None:
        if isinstance(job_calls, bool) or not 0 <= job_calls <= 1:
            raise ConfigurationError(f"job_calls must be from 0 to 1, not {job_calls!r}")
        self._common = dict(attributes or {})
        if not all(isinstance(part, str) for pair in self._common.items() for part in pair):
            raise ConfigurationError("attributes must be text, names and values alike")
        check_callback("on_event", on_event)
        self._on_event = CallbackGuard.wrap(on_event, "on_event")
        self._propagate = propagate
        self._job_calls = job_calls
        self._random = random or Random()  # noqa: S311 - chooses a sample, keeps no secret
        self._tracer = trace.get_tracer(_SCOPE, __version__, tracer_provider, _SCHEMA)
        self._instruments = Instruments(
            metrics.get_meter(_SCOPE, __version__, meter_provider, _SCHEMA), self._common
        )

    def new_hook(self) -> ClientTelemetry:
        """A hook for one client, which asks for it."""
        return ClientTelemetry(
            Spans(self._tracer, self._common, self._chooses),
            Metrics(self._instruments),
            self._on_event,
            propagate=self._propagate,
        )

    def _chooses(self) -> bool:
        return self._random.random() < self._job_calls


class ClientTelemetry:
    """The hook of one client: see :class:`OpenTelemetry`."""

    def __init__(
        self, spans: Spans, measured: Metrics, on_event: EventHook | None, *, propagate: bool
    ) -> None:
        self._spans = spans
        self._metrics = measured
        self._on_event = on_event
        self._propagate = propagate

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if self._on_event is not None:
            self._on_event(event)
        self._spans.take(event)
        self._metrics.take(event)

    def request_headers(self, event: RequestSent) -> Mapping[str, str]:
        """The headers by which the trace goes on in the server."""
        if not self._propagate:
            return _NO_HEADERS
        headers: dict[str, str] = {}
        propagate.inject(headers, self._spans.context_of(event))
        return headers
