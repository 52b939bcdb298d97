"""Traces and metrics by OpenTelemetry; needs the extra ``[otel]``.

.. code-block:: python

    from claro_async.connectors.otel import OpenTelemetry

    async with ClaroClient(on_event=OpenTelemetry()) as claro:
        ...

Names are those of OpenTelemetry's conventions for HTTP clients, and begin with ``claro.`` where the
conventions have none. Nothing that is recorded holds a key, a token, a query, a signed URL, a
header, or the value of a cell.
"""

from claro_async.connectors.otel.instrumentation import OpenTelemetry

__all__ = ["OpenTelemetry"]
