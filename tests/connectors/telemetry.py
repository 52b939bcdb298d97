"""OpenTelemetry in memory: what would be exported, as plain records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from claro_async.connectors.otel import OpenTelemetry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Tracer


class Collected:
    """Exporters in memory, and an instrumentation that leads to them.

    Args:
        sampler: Of the traces, if not all are wanted.
    """

    def __init__(self, sampler: Any = None) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(sampler)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader])

    def instrumentation(self, **options: Any) -> OpenTelemetry:
        """What a client is given."""
        return OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters, **options)

    @property
    def tracer(self) -> Tracer:
        """That of a program around the client."""
        return self.tracers.get_tracer("program")

    @property
    def spans(self) -> list[ReadableSpan]:
        """Those that ended, in that order."""
        return list(self._exporter.get_finished_spans())

    def span(self, name: str) -> ReadableSpan:
        """The one of that name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def points(self, name: str) -> list[Any]:
        """The data points of a metric."""
        data = self._reader.get_metrics_data()
        resources = [] if data is None else data.resource_metrics
        return [
            point
            for resource in resources
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def values(self, name: str, label: str) -> dict[Any, Any]:
        """A counter's or a gauge's values by one of the attributes."""
        return {point.attributes.get(label): point.value for point in self.points(name)}

    def everything(self) -> str:
        """All that would be exported, as text."""
        points = [
            (name, point.attributes)
            for name in ("http.client.request.duration", "claro.quota.wait", "claro.edits")
            for point in self.points(name)
        ]
        return "\n".join([*(span.to_json() for span in self.spans), str(points)])


def attributes_of(span: ReadableSpan) -> Mapping[str, Any]:
    """What a span says."""
    return dict(span.attributes or {})


def events_of(span: ReadableSpan) -> list[tuple[str, dict[str, Any]]]:
    """Names and attributes of a span's events."""
    return [(event.name, dict(event.attributes or {})) for event in span.events]
