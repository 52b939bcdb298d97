"""Choices: documented words and enums pass, anything else is an error of the type check.

Each ``type: ignore`` is a case that must fail: the check has ``warn_unused_ignores``.
"""

from __future__ import annotations

from typing import assert_type

from claro_async import (
    BulkReport,
    CellEdit,
    ClaroClient,
    CommunicationsMiningClient,
    DatasetStatus,
    DatasetType,
    ExportFormat,
    ExportResult,
    PingResult,
    Row,
    SortOrder,
    TaskType,
)
from claro_async.models import DatasetDetails, SignedLink, TaskTypeChange


async def accepted(claro: ClaroClient) -> None:
    """Words, enums and None, with the types of what comes back."""
    dataset, source = claro.dataset("d"), claro.datasource("s")
    claro.datasets.list(status="completed", type="analysis")
    claro.datasets.list(status=DatasetStatus.COMPLETED, type=DatasetType.ANALYSIS)
    claro.datasources.list(status="processing")
    source.rows(sort="price", order="desc")
    source.rows(sort="price", order=SortOrder.ASC)
    assert_type(await dataset.get(), DatasetDetails)
    assert_type(await dataset.create_export(format="csv", row_count=1), SignedLink)
    assert_type(await dataset.export("x.parquet", format="parquet"), ExportResult)
    assert_type(await dataset.export("x.csv", format=ExportFormat.CSV), ExportResult)
    await claro.export_all("folder", format="jsonl")
    change = await dataset.set_task_type("c", TaskType.AI_ENRICH, confirm="c")
    assert_type(change, TaskTypeChange)
    await dataset.set_task_type("c", "ai_enrich", confirm="c")
    report = await dataset.update_cells([CellEdit("c", 1), ("d", 2)], on_error="raise")
    assert_type(report, BulkReport)
    await dataset.update_cells({"c": 1}, skip_unchanged="auto")
    assert_type(await claro.ping(), PingResult)
    await claro.aclose(grace=10)
    async for row in dataset.rows():
        assert_type(row, Row)


async def rejected(claro: ClaroClient) -> None:
    """Words that the documents do not have."""
    dataset, source = claro.dataset("d"), claro.datasource("s")
    claro.datasets.list(status="complete")  # type: ignore[arg-type]
    claro.datasets.list(type="extract")  # type: ignore[arg-type]
    claro.datasources.list(status="done")  # type: ignore[arg-type]
    source.rows(order="down")  # type: ignore[arg-type]
    await dataset.create_export(format="cvs", row_count=1)  # type: ignore[arg-type]
    await dataset.create_export(format="parquet", row_count=1)  # type: ignore[arg-type]
    await dataset.export("x", format="cvs")  # type: ignore[arg-type]
    await claro.export_all("folder", format="cvs")  # type: ignore[arg-type]
    await dataset.set_task_type("c", "ai-enrich", confirm="c")  # type: ignore[arg-type]
    await dataset.update_cells([], on_error="ignore")  # type: ignore[arg-type]
    await dataset.update_cells([], skip_unchanged="maybe")  # type: ignore[arg-type]
    await dataset.update_cells([], max_concurency=3)  # type: ignore[call-arg]
    await dataset.upload_datasource("c", "a.pdf", on_unknown="again")  # type: ignore[arg-type]
    await dataset.to_arrow(on_type_error="skip")  # type: ignore[arg-type]
    await claro.aclose(grace="10")  # type: ignore[arg-type]


async def mining(client: CommunicationsMiningClient) -> None:
    """The second client's words: accepted, then rejected."""
    dataset = client.dataset("p", "n")
    dataset.export(order_by="timestamp")
    await dataset.export_to("x", format="jsonl")
    dataset.export(order_by="time")  # type: ignore[arg-type]
    await dataset.export_to("x", format="xlsx")  # type: ignore[arg-type]
