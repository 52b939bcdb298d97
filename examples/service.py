"""A web service around one client: edits, rows, health, metrics, traces, and a gentle stop.

Run it against the emulator, or with CLARO_API_KEY set against the real API:

    pip install "claro-async[otel]" opentelemetry-exporter-prometheus
    python examples/service.py --port 8080 --jobs jobs --traces traces.jsonl

    PUT /jobs/{name}            {"dataset_id": "…", "edits": [["cell id", "value"], …]}: 202
    GET /jobs/{name}            its report, or how far it is
    GET /datasets/{id}/rows     rows as JSON lines
    GET /health                 whether the API answers
    GET /metrics                for Prometheus

A job's edits are on disk before the answer is given, and so is what becomes of each of them. On
SIGTERM nothing new begins, single calls are finished, jobs stop and leave their reports; the next
start goes on with them, as it does after a kill. Proxy and CA come from the environment or from the
profile that CLARO_PROFILE names: nothing here has to know of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import re
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web
from opentelemetry import metrics, trace
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from claro_async import (
    ClaroClient,
    ClaroError,
    ClientStateError,
    InvalidRequestError,
    NotFoundError,
    RateLimitError,
)
from claro_async.connectors.otel import OpenTelemetry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

GRACE = 10.0  # seconds; less than what stops the service waits before it kills
HEALTH_SECONDS = 5.0
LOGGER = logging.getLogger("service")


class Jobs:
    """Bulk edits in a folder: for each, its edits, its journal, and its report.

    Args:
        claro: Sends them.
        folder: Where they are.
    """

    def __init__(self, claro: ClaroClient, folder: Path) -> None:
        self._claro = claro
        self._folder = folder
        self._writing = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for edits in folder.glob("*.edits.json"):
            name = edits.name.removesuffix(".edits.json")
            if not self._is_done(name):
                LOGGER.info("going on with job %s", name)
                self._begin(name)

    def _file(self, name: str, kind: str) -> Path:
        return self._folder / f"{name}.{kind}"

    def _is_done(self, name: str) -> bool:
        report = self._file(name, "report.json")
        if not report.exists():
            return False
        result = json.loads(report.read_text("utf-8"))
        return not ("error" in result or result["not_sent"] or result["unknown"])

    async def put(self, name: str, order: dict[str, Any]) -> None:
        """Write a job down and begin it, unless there is one of that name."""
        edits = self._file(name, "edits.json")
        async with self._writing:
            if not edits.exists():
                await asyncio.to_thread(write_whole, edits, order)
                self._begin(name)

    def _begin(self, name: str) -> None:
        self._tasks[name] = asyncio.create_task(self._run(name))

    async def _run(self, name: str) -> None:
        text = await asyncio.to_thread(self._file(name, "edits.json").read_text, "utf-8")
        order = json.loads(text)
        try:
            report = await self._claro.dataset(order["dataset_id"]).update_cells(
                [(cell_id, value) for cell_id, value in order["edits"]],
                journal=self._file(name, "claro"),
                resume=True,  # or begins it, where nothing was done yet
                reserve=0.1,  # of the quota is left to rows and health checks
            )
            result = report.to_dict()
        except (ClaroError, ValueError) as error:
            LOGGER.exception("job %s", name)
            result = {"error": str(error)}
        await asyncio.to_thread(write_whole, self._file(name, "report.json"), result)
        del self._tasks[name]
        LOGGER.info("job %s ends: %s updated", name, result.get("updated", 0))

    async def state(self, name: str) -> dict[str, Any]:
        """A job's report, or how far it is.

        Raises:
            HTTPNotFound: There is no such job.
        """
        report = self._file(name, "report.json")
        if name in self._tasks and self._file(name, "claro").exists():
            status = await self._claro.journal_status(self._file(name, "claro"))
            return {"state": "running", "counts": status.to_dict()["counts"]}
        if report.exists():
            return {"state": "ended", "report": json.loads(report.read_text("utf-8"))}
        if self._file(name, "edits.json").exists():
            return {"state": "begins"}
        raise web.HTTPNotFound(text=f"no job {name!r}")

    async def finish(self) -> None:
        """Wait until every job that was told to stop has left its report."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def write_whole(path: Path, content: dict[str, Any]) -> None:
    """Write a file that is whole or not there."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content), "utf-8")
    part.replace(path)


CLARO = web.AppKey("claro", ClaroClient)
JOBS = web.AppKey("jobs", Jobs)
FOLDER = web.AppKey("folder", Path)
BEGAN = web.RequestKey("began", bool)
IS_JOB_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII).fullmatch


async def put_job(request: web.Request) -> web.Response:
    """Take edits; done when they are on disk."""
    name, order = request.match_info["name"], await request.json()
    if not IS_JOB_NAME(name) or not is_order(order):
        raise web.HTTPBadRequest(text="a name, and a dataset's id with edits, are wanted")
    await request.app[JOBS].put(name, order)
    return web.json_response(await request.app[JOBS].state(name), status=202)


def is_order(order: object) -> bool:
    """Whether it is a dataset's id and a list of pairs."""
    return (
        isinstance(order, dict)
        and isinstance(order.get("dataset_id"), str)
        and isinstance(order.get("edits"), list)
        and all(isinstance(edit, list) and len(edit) == 2 for edit in order["edits"])  # noqa: PLR2004
    )


async def get_job(request: web.Request) -> web.Response:
    """How far a job is."""
    return web.json_response(await request.app[JOBS].state(request.match_info["name"]))


async def get_rows(request: web.Request) -> web.StreamResponse:
    """Rows as they come, never more of them in memory than a few pages."""
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    dataset = request.app[CLARO].dataset(request.match_info["dataset_id"])
    async with aclosing(dataset.rows().pages()) as pages:
        async for page in pages:
            if not response.prepared:  # by now it is known that there is such a dataset
                await response.prepare(request)
                request[BEGAN] = True
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in page.to_dicts()]
            await response.write("".join(lines).encode())
    if not response.prepared:
        await response.prepare(request)
    await response.write_eof()
    return response


async def health(request: web.Request) -> web.Response:
    """Whether the API answers; a quota that is used up is no illness."""
    claro = request.app[CLARO]
    try:
        async with asyncio.timeout(HEALTH_SECONDS):
            result = await claro.ping()
    except TimeoutError:
        if claro.rate_limit.remaining != 0:
            return web.json_response({"status": "no answer"}, status=503)
        return web.json_response({"status": "waiting for the quota"})
    except ClaroError as error:
        return web.json_response({"status": str(error)}, status=503)
    return web.json_response({"status": "ok", "seconds": result.seconds})


async def show_metrics(_: web.Request) -> web.Response:
    """All metrics, as Prometheus reads them."""
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


@web.middleware
async def traced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A span around each request; the client's spans become its children."""
    route = request.match_info.route.resource
    name = f"{request.method} {route.canonical if route else ''}".strip()
    tracer = trace.get_tracer("service")
    with tracer.start_as_current_span(name, kind=trace.SpanKind.SERVER):
        return await handler(request)


@web.middleware
async def explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as answers, unless an answer has begun: then it breaks off, and so is seen to."""
    try:
        return await handler(request)
    except (ClaroError, ValueError) as error:
        if request.get(BEGAN):
            raise
        LOGGER.warning("%s %s: %s", request.method, request.path, error)
        return web.json_response({"error": str(error)}, status=status_of(error))


def status_of(error: Exception) -> int:
    """The status that says as much as the error."""
    kinds = {
        NotFoundError: 404,
        InvalidRequestError: 400,
        ValueError: 400,
        RateLimitError: 503,
        ClientStateError: 503,
    }
    return next((status for kind, status in kinds.items() if isinstance(error, kind)), 502)


async def with_client(app: web.Application) -> AsyncIterator[None]:
    """One client for the life of the service."""
    async with ClaroClient(on_event=OpenTelemetry()) as claro:
        app[CLARO] = claro
        app[JOBS] = Jobs(claro, app[FOLDER])
        yield


async def stop_gently(app: web.Application) -> None:
    """Finish what is under way; no request is taken any more."""
    await app[CLARO].aclose(grace=GRACE)
    await app[JOBS].finish()


def make_app(folder: Path) -> web.Application:
    """The service, with its jobs in a folder."""
    app = web.Application(middlewares=[traced, explained], client_max_size=1 << 26)
    app[FOLDER] = folder
    app.add_routes(
        [
            web.put("/jobs/{name}", put_job),
            web.get("/jobs/{name}", get_job),
            web.get("/datasets/{dataset_id}/rows", get_rows),
            web.get("/health", health),
            web.get("/metrics", show_metrics),
        ]
    )
    app.cleanup_ctx.append(with_client)
    app.on_shutdown.append(stop_gently)
    return app


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(description="A web service around one client.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--jobs", type=Path, default=Path("jobs"))
    parser.add_argument("--traces", type=Path, default=Path("traces.jsonl"))
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    metrics.set_meter_provider(MeterProvider([PrometheusMetricReader()]))
    with chosen.traces.open("a", encoding="utf-8") as file:
        # a collector takes OTLPSpanExporter() here, from opentelemetry-exporter-otlp-proto-http
        exporter = ConsoleSpanExporter(out=file, formatter=lambda span: span.to_json(None) + "\n")
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
        web.run_app(make_app(chosen.jobs), host="127.0.0.1", port=chosen.port)
        provider.shutdown()


if __name__ == "__main__":
    main()
