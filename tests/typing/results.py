"""What calls return: each has its own type, down to the parts of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

from claro_async import (
    CallEnded,
    CellEdit,
    ClaroClient,
    CommunicationsMiningClient,
    DatasetStatus,
    EditOutcome,
    EditStatus,
    Event,
    ExportResult,
    JournalStatus,
    ManifestEntry,
    Page,
    RateLimit,
    RevertReport,
    Row,
    SyncPlan,
    UpdatePlan,
    journal_status,
)
from claro_async.communications_mining import ExportedComment
from claro_async.models import DatasetDetails, DatasetList, DatasetSummary


async def reading(claro: ClaroClient) -> None:
    """Listings, pages and rows."""
    async for summary in claro.datasets.list():
        assert_type(summary, DatasetSummary)
        assert_type(summary.status, DatasetStatus)
    assert_type(await claro.datasets.list(), DatasetList)
    dataset = claro.dataset("d")
    details = await dataset.get()
    assert_type(details, DatasetDetails)
    assert_type(details.to_dict(), dict[str, Any])
    async for page in dataset.rows().pages():
        assert_type(page, Page)
        assert_type(page.rows[0], Row)
    assert_type(claro.rate_limit, RateLimit)
    assert_type(claro.rate_limit.resets_at, datetime | None)
    async for record in claro.datasource("s").rows():
        assert_type(record, dict[str, Any])


async def editing(claro: ClaroClient) -> None:
    """Plans, outcomes and reports of bulk edits."""
    dataset = claro.dataset("d")
    plan = await dataset.plan_updates([("c", 1)])
    assert_type(plan, UpdatePlan)
    assert_type(plan.duration, timedelta | None)
    assert_type(plan.unknown_cells, list[str])
    assert_type(await dataset.plan_from([{"k": 1}], key="k"), SyncPlan)
    async with dataset.iter_updates([("c", 1)]) as outcomes:
        async for outcome in outcomes:
            assert_type(outcome, EditOutcome)
            assert_type(outcome.edit, CellEdit)
            assert_type(outcome.status, EditStatus)
            assert_type(outcome.error, Exception | None)
    report = await dataset.update_cells([("c", 1)], journal="j")
    assert_type(report.failures, list[EditOutcome])
    assert_type(report.updated, int)
    assert_type(await claro.revert_updates("j"), RevertReport)
    assert_type(journal_status("j"), JournalStatus)


async def files(claro: ClaroClient) -> None:
    """Exports and their manifests."""
    dataset = claro.dataset("d")
    assert_type(await dataset.export("x.csv"), ExportResult)
    everything = await claro.export_all("folder", format="csv")
    assert_type(everything.results, dict[str, ManifestEntry])
    assert_type(everything.manifest, Path)


async def mining(client: CommunicationsMiningClient) -> None:
    """The second client."""
    async for comment in client.dataset("p", "n").export():
        assert_type(comment, ExportedComment)
        assert_type(comment.uid, str)


def hook(event: Event) -> None:
    """An event is told by its class."""
    if isinstance(event, CallEnded):
        assert_type(event.operation, str)
        assert_type(event.error_type, str | None)


async def not_to_be(claro: ClaroClient) -> None:
    """What the types keep out."""
    dataset = claro.dataset("d")
    await dataset.delete()  # type: ignore[call-arg]
    await dataset.set_task_type("c", "raw")  # type: ignore[call-arg]
    await dataset.update_cells([("c",)])  # type: ignore[list-item]
    await dataset.update_cells([("c", 1)], stop=3)  # type: ignore[arg-type]
    await dataset.wait_until_ready(timeout="5")  # type: ignore[arg-type]
    details = await dataset.get()
    details.no_such_field = 1  # type: ignore[attr-defined]
    await claro.export_all("folder")  # type: ignore[call-arg]
