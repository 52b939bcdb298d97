"""Traces and metrics, as exporters in memory see them: over real sockets, with faults on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import aclosing
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import (
    ClaroClient,
    ClaroError,
    ConfigurationError,
    OutcomeUnknownError,
    RetryPolicy,
)
from tests.watching import until
from tests.wire.operations import CELL, DATASET, DATASOURCE, fill
from tests.wire.raw_server import RawRequest, RawServer, answering, reply
from tests.wire.test_key_hygiene import FAILURES, KEY, VALUE

pytest.importorskip("opentelemetry.sdk", reason="the package opentelemetry-sdk is not installed")

from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from claro_async.connectors.otel import OpenTelemetry
from tests.connectors.telemetry import Collected, attributes_of, events_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from claro_async.emulator import Emulator
    from claro_async.transport.events import Event

EDIT = "PATCH /datasets/{datasetId}/cells/{cellId}"
READ = "GET /datasets/{datasetId}"
DURATION = "http.client.request.duration"


@pytest.fixture
def collected() -> Collected:
    """What is exported."""
    return Collected()


@pytest.fixture
def client(
    emulator: Emulator, connect: Callable[..., ClaroClient], collected: Collected
) -> ClaroClient:
    """A client of an emulator with one of each thing; its spans and metrics are collected."""
    fill(emulator)
    return connect(emulator.base_url, on_event=collected.instrumentation())


async def test_a_call_is_a_span_of_the_http_conventions(
    emulator: Emulator, client: ClaroClient, collected: Collected
) -> None:
    """Name, kind, method, template, URL, server and status stand where the conventions say."""
    await client.dataset(DATASET).get()
    (span,) = collected.spans
    assert (span.name, span.kind, span.parent) == (READ, SpanKind.CLIENT, None)
    assert span.status.status_code is StatusCode.UNSET
    port = int(emulator.base_url.split(":")[2].split("/")[0])
    assert attributes_of(span) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": port,
        "url.full": f"{emulator.base_url}/datasets/{DATASET}",
        "url.template": "/datasets/{datasetId}",
        "claro.operation": "getDataset",
        "claro.dataset.id": DATASET,
        "claro.outcome": "success",
    }
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.name == "claro_async"


async def test_attempts_are_events_of_the_span(
    emulator: Emulator, client: ClaroClient, collected: Collected
) -> None:
    """A retried call is one span; each attempt and each retry is an event, and they are counted."""
    emulator.faults.add("updateCell", "status", status=503, times=1)
    emulator.faults.add("updateCell", "reset", times=1, apply=True)
    await client.dataset(DATASET).update_cell(CELL, "x")
    (span,) = collected.spans
    kinds = [(name, found.get("claro.attempt")) for name, found in events_of(span)]
    assert kinds == [
        ("claro.attempt", 1), ("claro.retry", None), ("claro.attempt", 2), ("claro.retry", None),
        ("claro.attempt", 3),
    ]  # fmt: skip
    ends = [found for name, found in events_of(span) if name == "claro.attempt"]
    assert (ends[0]["http.response.status_code"], ends[0]["error.type"]) == (503, "503")
    assert ends[1]["error.type"] == "no_reply"
    assert ends[2]["http.response.status_code"] == 200
    found = attributes_of(span)
    assert found["http.request.resend_count"] == 2
    assert (found["claro.outcome"], "error.type" in found) == ("success", False)
    assert len(emulator.ledger.requests) == 3


ENDINGS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "rejected": ("status", {"status": 403}, "rejected", "403"),
    "5xx": ("status", {"status": 500}, "unknown", "500"),
    "in doubt": ("reset", {"apply": True}, "unknown", "OutcomeUnknownError"),
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_call_that_failed_is_an_error(
    ending: str, emulator: Emulator, client: ClaroClient, collected: Collected
) -> None:
    """Its span has the status of an error, and the type of it: the HTTP status, or the class."""
    kind, details, outcome, error = ENDINGS[ending]
    emulator.faults.add("updateCell", kind, **details)
    with pytest.raises(ClaroError):
        await client.dataset(DATASET).update_cell(CELL, "x")
    (span,) = collected.spans
    assert span.status.status_code is StatusCode.ERROR
    assert (attributes_of(span)["claro.outcome"], attributes_of(span)["error.type"]) == (
        outcome, error
    )  # fmt: skip


async def test_a_call_that_was_not_sent(
    connect: Callable[..., ClaroClient], collected: Collected
) -> None:
    """Where nobody listens, span and metric say that nothing was sent."""
    async with RawServer(answering(reply())) as server:
        gone = server.base_url
    policy = RetryPolicy(max_attempts=1)
    client = connect(gone, on_event=collected.instrumentation(), retry=policy)
    with pytest.raises(ClaroError):
        await client.request("GET", "/x")
    (span,) = collected.spans
    assert attributes_of(span)["error.type"] == "ConnectionFailedError"
    assert [found["error.type"] for _, found in events_of(span)] == ["not_sent"]
    (point,) = collected.points(DURATION)
    assert point.attributes["error.type"] == "not_sent"


async def test_raw_requests_have_few_names(
    connect: Callable[..., ClaroClient], collected: Collected
) -> None:
    """Neither a span's name nor a metric holds a path of the program's, or a method of its own."""
    async with RawServer(answering(reply(b'{"ok": true}'))) as server:
        base_url = server.base_url
        client = connect(base_url, on_event=collected.instrumentation())
        await client.request("GET", "/datasets/one")
        await client.request("PURGE", "/datasets/two")
    assert [span.name for span in collected.spans] == ["GET", "HTTP"]
    purge = attributes_of(collected.spans[1])
    assert purge["http.request.method"] == "_OTHER"
    assert purge["http.request.method_original"] == "PURGE"
    assert purge["url.full"] == f"{base_url}/datasets/two"
    assert all("url.template" not in point.attributes for point in collected.points(DURATION))
    assert "/datasets" not in str([point.attributes for point in collected.points(DURATION)])


async def test_each_call_belongs_to_the_span_around_it(
    client: ClaroClient, collected: Collected
) -> None:
    """Of calls that are made at once, each has the span of its own task for a parent."""
    dataset = client.dataset(DATASET)

    async def work(name: str) -> None:
        with collected.tracer.start_as_current_span(name):
            await dataset.get()

    await asyncio.gather(*(work(f"work {number}") for number in range(8)))
    spans = collected.spans
    parents = {span.context.span_id: span.name for span in spans if span.context is not None}
    calls = [span for span in spans if span.name == READ]
    assert len(calls) == 8
    named = [parents[span.parent.span_id] for span in calls if span.parent is not None]
    assert sorted(named) == [f"work {number}" for number in range(8)]


async def test_a_wait_for_the_quota_is_part_of_the_span_and_measured(
    emulator: Emulator, client: ClaroClient, collected: Collected
) -> None:
    """After a 429 the span covers the wait, which has a histogram; the request's time does not."""
    emulator.faults.add("getDataset", "rate_limit", times=1, retry_after=30)
    await client.dataset(DATASET).get()
    (span,) = collected.spans
    assert attributes_of(span)["claro.quota.wait"] == pytest.approx(30, abs=2)
    (waits,) = collected.points("claro.quota.wait")
    assert (waits.count, waits.sum) == (1, pytest.approx(30, abs=2))
    assert waits.explicit_bounds[-1] == 3600
    durations = collected.points(DURATION)
    assert sorted(each.attributes["http.response.status_code"] for each in durations) == [200, 429]
    assert sum(each.sum for each in durations) < 5


async def test_a_span_begins_before_the_wait_for_its_first_attempt(
    emulator: Emulator, client: ClaroClient, collected: Collected
) -> None:
    """A call that had to wait before anything was sent began when it was made."""
    emulator.faults.add("getDataset", "rate_limit", times=1, retry_after=30)
    await asyncio.gather(client.dataset(DATASET).get(), client.dataset(DATASET).get())
    seconds = [
        ((span.end_time or 0) - (span.start_time or 0)) / 1e9
        for span in collected.spans
        if not span.attributes or "http.request.resend_count" not in span.attributes
    ]
    assert max(seconds) > 25


async def test_metrics_of_requests(
    emulator: Emulator, client: ClaroClient, collected: Collected
) -> None:
    """Each attempt is a measurement with the conventions' attributes and buckets."""
    emulator.faults.add("getDataset", "status", status=503, times=1)
    await client.dataset(DATASET).get()
    points = {
        point.attributes["http.response.status_code"]: point for point in collected.points(DURATION)
    }
    assert set(points) == {200, 503}
    assert points[503].attributes["error.type"] == "503"
    good = points[200]
    assert good.count == 1
    assert good.attributes["http.request.method"] == "GET"
    assert good.attributes["url.template"] == "/datasets/{datasetId}"
    assert good.attributes["server.address"] == "127.0.0.1"
    assert good.explicit_bounds == (
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0
    )  # fmt: skip


async def test_the_quota_that_remains_is_a_gauge(client: ClaroClient, collected: Collected) -> None:
    """It shows what the last reply's header says."""
    for _ in range(3):
        await client.dataset(DATASET).get()
    assert client.rate_limit.remaining is not None
    assert collected.values("claro.quota.remaining", "server.address") == {
        "127.0.0.1": client.rate_limit.remaining
    }


async def test_edits_are_counted_by_outcome(
    emulator: Emulator, client: ClaroClient, collected: Collected
) -> None:
    """The counts of single edits and of jobs, those that need no request among them."""
    dataset_id = emulator.add_dataset("table", ["name"], [["a"], ["b"], ["c"], ["d"]])
    dataset = client.dataset(dataset_id)
    await dataset.update_cell("cell_1_1", "A")
    report = await dataset.update_cells(
        [("cell_1_1", "A"), ("cell_2_1", "B"), ("cell_3_1", "C"), ("nowhere", "x")],
        skip_unchanged=True,
    )
    assert (report.updated, report.unchanged, report.failed) == (2, 1, 1)
    counts = collected.values("claro.edits", "claro.outcome")
    by_kind = {
        (point.attributes.get("claro.job.kind"), point.attributes["claro.outcome"]): point.value
        for point in collected.points("claro.edits")
    }
    assert set(counts) == {"updated", "unchanged", "failed"}
    assert by_kind == {
        (None, "updated"): 1,
        ("update", "updated"): 2,
        ("update", "unchanged"): 1,
        ("update", "failed"): 1,
    }


async def test_edits_are_counted_while_a_job_runs(
    emulator: Emulator, client: ClaroClient, collected: Collected
) -> None:
    """The counter moves before the job's end, and counts each edit once."""
    rows = 400
    dataset_id = emulator.add_dataset("table", ["name"], [["a"]] * rows)
    seen: list[int] = []

    async def edits() -> Any:
        for row in range(1, rows + 1):
            seen.append(sum(point.value for point in collected.points("claro.edits")))
            yield f"cell_{row}_1", "b"

    report = await client.dataset(dataset_id).update_cells(edits(), skip_unchanged=False)
    assert report.updated == rows
    assert 0 < seen[-1] < rows
    assert collected.values("claro.edits", "claro.outcome") == {"updated": rows}


async def test_a_resumed_job_counts_no_edit_twice(
    emulator: Emulator,
    connect: Callable[..., ClaroClient],
    collected: Collected,
    tmp_path: Path,
) -> None:
    """What an earlier run has done is not counted again."""
    dataset_id = emulator.add_dataset("table", ["name"], [["a"]] * 20)
    edits = [(f"cell_{row}_1", "b") for row in range(1, 21)]
    stop = asyncio.Event()
    telemetry = collected.instrumentation()
    client = connect(emulator.base_url, on_event=telemetry)
    report = await client.dataset(dataset_id).update_cells(
        edits,
        journal=tmp_path / "j.claro",
        stop=stop,
        max_concurrency=1,
        skip_unchanged=False,
        on_progress=lambda progress: stop.set() if progress.updated >= 1 else None,
    )
    assert 0 < report.updated < 20
    await client.resume_updates(tmp_path / "j.claro")
    updated = [
        (point.attributes["claro.job.kind"], point.value)
        for point in collected.points("claro.edits")
        if point.attributes["claro.outcome"] == "updated"
    ]
    assert sum(value for _, value in updated) == 20
    assert {kind for kind, _ in updated} == {"update", "resume"}


@pytest.mark.parametrize(("share", "children"), [(0.0, 0), (1.0, 31), (0.2, None)])
async def test_a_job_is_one_span_with_a_sample_of_its_calls(
    share: float,
    children: int | None,
    emulator: Emulator,
    connect: Callable[..., ClaroClient],
    collected: Collected,
) -> None:
    """The job's span has the report's counts; so many of its calls are children of it."""
    dataset_id = emulator.add_dataset("table", ["name"], [["a"]] * 30)
    random = Random(7)  # noqa: S311 - repeatable, not secret
    telemetry = collected.instrumentation(job_calls=share, random=random)
    client = connect(emulator.base_url, on_event=telemetry)
    with collected.tracer.start_as_current_span("program"):
        report = await client.dataset(dataset_id).update_cells(
            [(f"cell_{row}_1", "b") for row in range(1, 31)], skip_unchanged=True
        )
    job, program = collected.span("bulk update"), collected.span("program")
    assert job.parent is not None
    assert program.context is not None
    assert job.parent.span_id == program.context.span_id
    found = attributes_of(job)
    assert found["claro.dataset.id"] == dataset_id
    assert (found["claro.edits.updated"], found["claro.requests"]) == (30, report.requests)
    calls = [span for span in collected.spans if span.name not in {"bulk update", "program"}]
    assert len(calls) == children if children is not None else 0 < len(calls) < 20
    assert job.context is not None
    assert {call.parent.span_id for call in calls if call.parent} <= {job.context.span_id}
    assert sum(point.count for point in collected.points(DURATION)) == 31


async def test_calls_beside_a_job_are_no_children_of_it(
    emulator: Emulator, connect: Callable[..., ClaroClient], collected: Collected
) -> None:
    """Another client that a job's input uses has calls, and jobs, of its own."""
    dataset_id = emulator.add_dataset("table", ["name"], [["a"]] * 3)
    telemetry = collected.instrumentation(job_calls=1)
    client = connect(emulator.base_url, on_event=telemetry)
    other = connect(emulator.base_url, on_event=telemetry)

    async def edits() -> Any:
        await other.dataset(dataset_id).get()
        yield "cell_1_1", "b"

    await client.dataset(dataset_id).update_cells(edits(), skip_unchanged=False)
    assert collected.span(READ).parent is None
    assert collected.span(EDIT).parent is not None


async def test_two_clients_share_one_instrumentation(
    emulator: Emulator, connect: Callable[..., ClaroClient], collected: Collected
) -> None:
    """Calls of either at once, whose numbers are the same, each have a span."""
    fill(emulator)
    telemetry = collected.instrumentation(attributes={"claro.key": "team-a"})
    clients = [connect(emulator.base_url, on_event=telemetry) for _ in range(2)]
    await asyncio.gather(*(each.dataset(DATASET).get() for each in clients for _ in range(3)))
    assert len(collected.spans) == 6
    assert all(attributes_of(span)["claro.outcome"] == "success" for span in collected.spans)
    assert {attributes_of(span)["claro.key"] for span in collected.spans} == {"team-a"}
    (point,) = collected.points(DURATION)
    assert (point.count, point.attributes["claro.key"]) == (6, "team-a")


@pytest.mark.parametrize("propagate", [True, False])
async def test_the_trace_goes_on_in_the_server_if_wanted(
    propagate: bool,  # noqa: FBT001 - a parameter of the test
    connect: Callable[..., ClaroClient],
    collected: Collected,
) -> None:
    """`traceparent` names the span of the call, the same for each of its attempts."""
    answers = [reply(b"{}", 503), reply(b'{"ok": true}')]

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(answers.pop(0))

    async with RawServer(answer) as server:
        telemetry = collected.instrumentation(propagate=propagate)
        policy = RetryPolicy(base_delay=0)
        client = connect(server.base_url, on_event=telemetry, retry=policy)
        await client.request("GET", "/x", headers={"X-Mine": "1"})
    (span,) = collected.spans
    assert span.context is not None
    wanted = f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}" if propagate else ""
    found = [each.headers.get("traceparent", "")[:-3] for each in server.requests]
    assert found == [wanted] * 2
    assert [each.headers["X-Mine"] for each in server.requests] == ["1", "1"]


async def test_signed_urls_carry_no_trace(
    emulator: Emulator,
    connect: Callable[..., ClaroClient],
    collected: Collected,
    tmp_path: Path,
) -> None:
    """Their span names the server only; no header of the trace goes to it."""
    fill(emulator)
    client = connect(emulator.base_url, on_event=collected.instrumentation(propagate=True))
    await client.datasource(DATASOURCE).download(tmp_path / "file.csv")
    download = collected.span("GET")
    origin = emulator.base_url.removesuffix("/api/v2")
    assert attributes_of(download)["url.full"] == origin
    assert attributes_of(download)["claro.operation"] == "download"
    traced = ["traceparent" in request.headers for request in emulator.ledger.requests]
    assert traced == [True, False]


async def test_a_job_whose_calls_are_not_chosen_carries_its_own_span_on(
    connect: Callable[..., ClaroClient], collected: Collected
) -> None:
    """An edit without a span of its own belongs to the job's."""
    async with RawServer(answering(reply(b'{"cellId": "c", "value": 1}'))) as server:
        telemetry = collected.instrumentation(propagate=True, job_calls=0)
        client = connect(server.base_url, on_event=telemetry)
        await client.dataset("d").update_cells([("c", 1)], skip_unchanged=False)
    job = collected.span("bulk update")
    assert job.context is not None
    (request,) = server.requests
    assert f"-{job.context.span_id:016x}-" in request.headers["traceparent"]


async def test_a_cancelled_call_ends_its_span(
    connect: Callable[..., ClaroClient], collected: Collected
) -> None:
    """Cancelled on its way, the span ends as cancelled."""
    async with RawServer(hang) as server:
        client = connect(server.base_url, on_event=collected.instrumentation())
        call = asyncio.ensure_future(client.request("GET", "/x"))
        await until(lambda: bool(server.requests))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    (span,) = collected.spans
    assert attributes_of(span)["claro.outcome"] == "cancelled"
    assert [found["error.type"] for _, found in events_of(span)] == ["cancelled"]


async def hang(_: RawRequest, __: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def test_a_download_that_is_left_ends_its_span(
    emulator: Emulator, client: ClaroClient, collected: Collected
) -> None:
    """Rows that are not read to their end leave no span open."""
    table = b"a,b\n" + b"1,2\n" * 1_000_000
    source = client.datasource(emulator.add_datasource(table, file_name="t.csv"))
    async with aclosing(source.stream()) as pieces:
        async for _ in pieces:
            break
    download = collected.span("GET")
    assert attributes_of(download)["claro.outcome"] == "cancelled"


@pytest.mark.parametrize("failure", FAILURES)
async def test_no_secret_is_recorded(
    failure: str, connect: Callable[..., ClaroClient], collected: Collected
) -> None:
    """Whatever a server answers, spans and metrics hold neither key, query nor cell value."""
    content = FAILURES[failure]

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        if content is None:
            writer.transport.abort()
        else:
            writer.write(content)
            writer.close()

    async with RawServer(answer) as server:
        telemetry = collected.instrumentation(propagate=True, job_calls=1)
        policy = RetryPolicy(max_attempts=2)
        client = connect(server.base_url, KEY, on_event=telemetry, retry=policy)
        dataset = client.dataset(DATASET)
        for call in (
            client.request("GET", "/x", params={"token": "SECRET-QUERY"}),
            dataset.update_cell(CELL, VALUE),
            dataset.update_cells([(CELL, VALUE)], skip_unchanged=False),
        ):
            try:
                await call
            except ClaroError:
                continue
        server.requests.clear()
    everything = collected.everything()
    assert "PATCH" in everything
    for secret in (KEY, "SECRET-QUERY", VALUE, "Bearer"):
        assert secret not in everything


async def test_no_signed_url_is_recorded(
    emulator: Emulator, client: ClaroClient, collected: Collected, tmp_path: Path
) -> None:
    """An export whose download fails in several ways shows neither path nor token."""
    for kind in ("reset", "truncate", "status"):
        emulator.faults.add("download", kind, times=1)
    await client.dataset(DATASET).export(tmp_path / "out.csv")
    assert '"http.request.resend_count": 3' in collected.everything()
    assert "token" not in collected.everything()
    assert "/downloads" not in collected.everything()


async def test_traces_that_are_not_sampled_cost_little_and_are_counted(
    emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """Where the program samples nothing, no span is exported; metrics are complete."""
    collected = Collected(ALWAYS_OFF)
    fill(emulator)
    client = connect(emulator.base_url, on_event=collected.instrumentation())
    await client.dataset(DATASET).get()
    assert collected.spans == []
    assert len(collected.points(DURATION)) == 1


async def test_a_further_hook_gets_every_event(
    emulator: Emulator, connect: Callable[..., ClaroClient], collected: Collected
) -> None:
    """Beside the spans; what it raises is logged and costs neither spans nor metrics."""
    fill(emulator)
    events: list[Event] = []

    def hook(event: Event) -> None:
        events.append(event)
        raise KeyError("label")

    telemetry = collected.instrumentation(on_event=hook)
    client = connect(emulator.base_url, on_event=telemetry)
    await client.dataset(DATASET).get()
    assert len(events) == 4
    assert len(collected.spans) == len(collected.points(DURATION)) == 1


async def test_an_exporter_that_raises_ends_nothing(
    emulator: Emulator,
    connect: Callable[..., ClaroClient],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What goes wrong in the SDK is logged once; the job's report is whole."""

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("the tracer is broken")

    collected = Collected()
    telemetry = collected.instrumentation(propagate=True)
    telemetry._tracer = Broken()  # type: ignore[assignment]
    dataset_id = emulator.add_dataset("table", ["name"], [["a"]] * 3)
    client = connect(emulator.base_url, on_event=telemetry)
    report = await client.dataset(dataset_id).update_cells(
        [("cell_1_1", "b"), ("cell_2_1", "b")], skip_unchanged=False
    )
    assert report.updated == 2
    assert caplog.text.count("on_event raised") == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"job_calls": 1.5}, "job_calls"),
        ({"job_calls": True}, "job_calls"),
        ({"attributes": {"a": 1}}, "attributes"),
    ],
)
def test_settings_that_cannot_work(options: dict[str, Any], named: str) -> None:
    """They are refused at once, by name."""
    with pytest.raises(ConfigurationError, match=named):
        OpenTelemetry(**options)
    with pytest.raises(TypeError, match="on_event"):
        OpenTelemetry(on_event="x")  # type: ignore[arg-type]


def test_nothing_is_imported_unless_it_is_used() -> None:
    """A client without it does not bring OpenTelemetry in."""
    code = (
        "import sys, claro_async.client, claro_async.transport.transport\n"
        "claro_async.ClaroClient('key', 'http://127.0.0.1/api/v2')\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run((sys.executable, "-c", code), check=False).returncode == 0  # noqa: S603


def test_a_missing_package_is_named() -> None:
    """Without opentelemetry-api, the import says which extra has it."""
    code = (
        "import sys\nsys.modules['opentelemetry'] = None\n"
        "try:\n    import claro_async.connectors.otel\n"
        "except ImportError as error:\n    sys.exit('claro-async[otel]' not in str(error))"
    )
    assert subprocess.run((sys.executable, "-c", code), check=False).returncode == 0  # noqa: S603


async def test_in_doubt_edits_are_counted_as_unknown(
    emulator: Emulator, client: ClaroClient, collected: Collected
) -> None:
    """A change whose reply never came counts as unknown, a rejected one as failed."""
    emulator.faults.add("updateCell", "reset", apply=True, times=4)
    with pytest.raises(OutcomeUnknownError):
        await client.dataset(DATASET).update_cell(CELL, "x")
    with pytest.raises(ClaroError):
        await client.dataset(DATASET).update_cell("nowhere", "x")
    assert collected.values("claro.edits", "claro.outcome") == {"unknown": 1, "failed": 1}
