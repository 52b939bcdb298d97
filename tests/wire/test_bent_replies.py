"""Whatever bytes come, each public method gives a value or a `ClaroError`, and ends.

A small share of the bent replies runs always. In full, 100,000 of them, they take some minutes::

    python -m pytest tests/wire/test_bent_replies.py -m slow
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from claro_async import APIStatusError, ClaroClient, CommunicationsMiningClient
from claro_async.communications_mining import datasets as mining_datasets
from claro_async.dataset import Dataset, Datasets
from claro_async.datasource import Datasource, Datasources
from tests.wire.bent import Bench, Clients, Method, sample

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable
    from pathlib import Path

SMALL, FULL = 25, 100_000
EDITS: list[tuple[str, Any] | tuple[str, str, Any]] = [
    ("cell_1_1", "new"),
    ("row_2", "product_name", "newer"),
]


async def every(stream: AsyncIterable[Any]) -> list[Any]:
    """All items of a stream."""
    return [item async for item in stream]


async def result(transfer: Awaitable[Any]) -> Any:
    """What is awaitable without being a coroutine."""
    return await transfer


def complete(page: Any, items: str) -> Any:
    """A sample of a page as the whole listing: the documents show less than they count."""
    count = len(page[items])
    return {**page, "pagination": {**page["pagination"], "total": count, "totalPages": 1}}


PAGE = complete(sample("claro", "getDatasetData"), "rows")
RECORDS = complete(sample("claro", "getDatasourceData"), "data")
DATASETS = complete(sample("claro", "listDatasets"), "datasets")
SOURCES = complete(sample("claro", "listDatasources"), "dataSources")
DETAILS = {**sample("claro", "getDataset"), "rowCount": len(PAGE["rows"])}
NOWHERE = {"downloadUrl": "http://127.0.0.1:9/file?token=t"}
LINK = {**sample("claro", "createDatasourceDownload"), **NOWHERE}
EDITED = sample("claro", "updateCell")
COLUMN = "col_1"


async def rows(clients: Clients, _: Path) -> Any:
    """Every row, with its cells."""
    found = await every(clients.claro.dataset("d").rows())
    return [(dict(row), row.row_id, row.cells()) for row in found]


async def pages(clients: Clients, _: Path) -> Any:
    """Every page, with its columns."""
    return await every(clients.claro.dataset("d").rows().pages())


async def table(clients: Clients, _: Path) -> Any:
    """A table with metadata."""
    pytest.importorskip("pyarrow")
    found = await clients.claro.dataset("d").to_arrow(include_metadata=True, on_type_error="string")
    return found.to_pylist()


async def schema(dataset: Dataset) -> Any:
    """The schema of its tables, as text."""
    pytest.importorskip("pyarrow")
    return str(await dataset.arrow_schema())


async def records_table(clients: Clients, _: Path) -> Any:
    """A table of records."""
    pytest.importorskip("pyarrow")
    found = await clients.claro.datasource("s").to_arrow(on_type_error="string")
    return found.to_pylist()


async def plan(clients: Clients, _: Path) -> Any:
    """The changes of a plan."""
    planned = await clients.claro.dataset("d").plan_updates(EDITS, skip_unchanged=True)
    return list(planned.changes)


async def plan_of_rows(clients: Clients, _: Path) -> Any:
    """The changes of a plan that is made from a table."""
    rows = [{"product_name": "Widget A", "description": "new"}]
    planned = await clients.claro.dataset("d").plan_from(rows, key="product_name")
    return list(planned.changes)


async def outcomes(clients: Clients, _: Path) -> Any:
    """The outcomes of edits."""
    async with clients.claro.dataset("d").iter_updates(EDITS) as found:
        return await every(found)


async def resumed(clients: Clients, folder: Path) -> Any:
    """The report of a job that goes on."""
    journal = folder / "run.claro"
    await clients.claro.dataset("d").update_cells(EDITS[:1], skip_unchanged=False, journal=journal)
    return await clients.claro.resume_updates(journal)


async def reverted(clients: Clients, folder: Path) -> Any:
    """The report of a job that is set back."""
    journal = folder / "run.claro"
    await clients.claro.dataset("d").update_cells(EDITS[:1], skip_unchanged=False, journal=journal)
    return await clients.claro.revert_updates(journal)


async def rejected(clients: Clients, _: Path) -> Any:
    """What an error reply says."""
    try:
        return await clients.claro.datasource("s").get()
    except APIStatusError as error:
        return str(error), error.status, error.code, error.details, error.request_id


async def comments(clients: Clients, _: Path) -> Any:
    """Comments with all their parts."""
    found = await every(clients.mining.dataset("p", "n").export())
    return [(each.comment, each.assigned_labels, each.predicted_labels) for each in found]


async def folder_upload(clients: Clients, folder: Path) -> Any:
    """The report of a folder that is uploaded."""
    (folder / "Widget A.pdf").write_bytes(b"%PDF")
    upload = clients.claro.dataset("d").upload_folder
    return await upload(folder, key="product_name", column="col_2")


async def file_upload(clients: Clients, folder: Path) -> Any:
    """The report of files that are uploaded."""
    (folder / "a.pdf").write_bytes(b"%PDF")
    return await clients.claro.dataset("d").upload_datasources({"cell_2_2": folder / "a.pdf"})


UPDATES = {"updateCell": EDITED, "getDatasetData": PAGE}
UPLOADED = {**sample("claro", "uploadDatasource"), "cellId": "cell_2_2", "fileSize": 4}
UPLOADS = {"uploadDatasource": UPLOADED, "getDatasetData": PAGE}
LINKS = {"linkDatasource": sample("claro", "linkDatasource")}
TASK_TYPE = {
    "updateColumnTaskType": sample("claro", "updateColumnTaskType"),
    "getDataset": DETAILS,
}
READING = {"getDatasetData": PAGE, "getDataset": DETAILS}
UNREADY = (TimeoutError,)
NO_COLUMN = (KeyError,)


def mined(operation: str) -> dict[str, Any]:
    """The reply of an operation of Communications Mining."""
    body = sample("communications_mining", operation)
    body.pop("continuation", None)  # all there is stands on one page
    return {operation: body}


# fmt: off
METHODS = {
    "claro.ping": Method(call=lambda c, _: c.claro.ping(), replies={"listDatasets": DATASETS}),
    "mining.ping": Method(call=lambda c, _: c.mining.ping(), replies=mined("listAllDatasets")),
    "datasets.list": Method(
        call=lambda c, _: every(c.claro.datasets.list()), replies={"listDatasets": DATASETS}
    ),
    "dataset.get": Method(
        call=lambda c, _: c.claro.dataset("d").get(), replies={"getDataset": DETAILS}
    ),
    "dataset.rows": Method(call=rows, replies={"getDatasetData": PAGE}),
    "dataset.rows, pages": Method(call=pages, replies={"getDatasetData": PAGE}),
    "dataset.to_arrow": Method(call=table, replies={"getDatasetData": PAGE}),
    "dataset.wait_until_ready": Method(
        call=lambda c, _: c.claro.dataset("d").wait_until_ready(timeout=60),
        replies={"getDataset": DETAILS, "getDatasetData": PAGE}, documented=UNREADY,
    ),
    "dataset.update_cell": Method(
        call=lambda c, _: c.claro.dataset("d").update_cell("cell_1_1", "new"),
        replies={"updateCell": EDITED},
    ),
    "dataset.update_column": Method(
        call=lambda c, _: c.claro.dataset("d").update_column(COLUMN, name="n"),
        replies={"updateColumn": sample("claro", "updateColumn")},
    ),
    "dataset.set_task_type": Method(
        call=lambda c, _: c.claro.dataset("d").set_task_type(COLUMN, "raw", confirm=COLUMN),
        replies=TASK_TYPE,
    ),
    "dataset.set_task_type, details": Method(
        call=lambda c, _: c.claro.dataset("d").set_task_type(COLUMN, "raw", confirm=COLUMN),
        replies=TASK_TYPE, bend="getDataset",
    ),
    "dataset.link_datasource": Method(
        call=lambda c, _: c.claro.dataset("d").link_datasource("cell_2_2", "s"), replies=LINKS
    ),
    "dataset.link_datasources": Method(
        call=lambda c, _: c.claro.dataset("d").link_datasources({"cell_2_2": "s"}), replies=LINKS
    ),
    "dataset.update_cells": Method(
        call=lambda c, _: c.claro.dataset("d").update_cells(EDITS), replies=UPDATES
    ),
    "dataset.update_cells, pages": Method(
        call=lambda c, _: c.claro.dataset("d").update_cells(EDITS, skip_unchanged=True),
        replies=UPDATES, bend="getDatasetData",
    ),
    "dataset.plan_updates": Method(call=plan, replies=UPDATES, bend="getDatasetData"),
    "dataset.iter_updates": Method(call=outcomes, replies=UPDATES),
    "dataset.update_from": Method(
        call=lambda c, _: c.claro.dataset("d").update_from(
            [{"product_name": "Widget A", "description": "new"}], key="product_name"
        ),
        replies=UPDATES, bend="getDatasetData", documented=NO_COLUMN,
    ),
    "dataset.plan_from": Method(
        call=plan_of_rows, replies=UPDATES, bend="getDatasetData", documented=NO_COLUMN
    ),
    "claro.resume_updates": Method(call=resumed, replies=UPDATES),
    "claro.revert_updates": Method(call=reverted, replies=UPDATES),
    "dataset.upload_datasource": Method(
        call=lambda c, _: c.claro.dataset("d").upload_datasource(
            "cell_2_2", b"%PDF", filename="a.pdf"
        ),
        replies=UPLOADS,
    ),
    "dataset.upload_datasources": Method(
        call=file_upload, replies=UPLOADS
    ),
    "dataset.upload_folder": Method(
        call=folder_upload, replies=UPLOADS, bend="getDatasetData", documented=NO_COLUMN
    ),
    "dataset.create_export": Method(
        call=lambda c, _: c.claro.dataset("d").create_export(format="csv", row_count=2),
        replies={"exportDataset": sample("claro", "exportDataset")},
    ),
    "dataset.export": Method(
        call=lambda c, folder: result(c.claro.dataset("d").export(folder / "a.jsonl")),
        replies=READING,
    ),
    "dataset.export, details": Method(
        call=lambda c, folder: result(c.claro.dataset("d").export(folder / "a.jsonl")),
        replies=READING, bend="getDataset",
    ),
    "dataset.export, CSV": Method(
        call=lambda c, folder: result(c.claro.dataset("d").export(folder / "a.csv")),
        replies={"exportDataset": {**sample("claro", "exportDataset"), **NOWHERE}, **READING},
        works=False,
    ),
    "dataset.export, CSV, details": Method(
        call=lambda c, folder: result(c.claro.dataset("d").export(folder / "a.csv")),
        replies={"exportDataset": {**sample("claro", "exportDataset"), **NOWHERE}, **READING},
        bend="getDataset", works=False,
    ),
    "dataset.export_window": Method(
        call=lambda c, _: result(c.claro.dataset("d").export_window(0, 2)),
        replies={"exportDataset": {**sample("claro", "exportDataset"), **NOWHERE}},
        works=False,
    ),
    "dataset.arrow_schema": Method(
        call=lambda c, _: schema(c.claro.dataset("d")), replies=READING
    ),
    "claro.export_all": Method(
        call=lambda c, folder: c.claro.export_all(folder / "all", format="jsonl"),
        replies={"listDatasets": DATASETS, **READING},
    ),
    "claro.download_all": Method(
        call=lambda c, folder: c.claro.download_all(folder / "all"),
        replies={"listDatasources": SOURCES, "createDatasourceDownload": LINK},
    ),
    "dataset.delete": Method(
        call=lambda c, _: c.claro.dataset("d").delete(confirm="d"),
        replies={"deleteDataset": sample("claro", "deleteDataset")},
    ),
    "datasources.list": Method(
        call=lambda c, _: every(c.claro.datasources.list()), replies={"listDatasources": SOURCES}
    ),
    "datasource.get": Method(
        call=lambda c, _: c.claro.datasource("s").get(),
        replies={"getDatasource": sample("claro", "getDatasource")},
    ),
    "datasource.rows": Method(
        call=lambda c, _: every(c.claro.datasource("s").rows().pages()),
        replies={"getDatasourceData": RECORDS},
    ),
    "datasource.to_arrow": Method(call=records_table, replies={"getDatasourceData": RECORDS}),
    "datasource.wait_until_ready": Method(
        call=lambda c, _: c.claro.datasource("s").wait_until_ready(timeout=60),
        replies={"getDatasource": sample("claro", "getDatasource"), "getDatasourceData": RECORDS},
        documented=UNREADY,
    ),
    "datasource.create_download_link": Method(
        call=lambda c, _: c.claro.datasource("s").create_download_link(),
        replies={"createDatasourceDownload": LINK},
    ),
    "datasource.download": Method(
        call=lambda c, folder: result(c.claro.datasource("s").download(folder)),
        replies={"createDatasourceDownload": LINK}, works=False,
    ),
    "datasource.stream": Method(
        call=lambda c, _: every(c.claro.datasource("s").stream()),
        replies={"createDatasourceDownload": LINK}, works=False,
    ),
    "datasource.delete": Method(
        call=lambda c, _: c.claro.datasource("s").delete(confirm="s"),
        replies={"deleteDatasource": sample("claro", "deleteDatasource")},
    ),
    "claro.request": Method(
        call=lambda c, _: c.claro.request("GET", "/x"), replies={"GET /x": DETAILS}
    ),
    "an error": Method(
        call=rejected, replies={"getDatasource": (409, sample("claro", "getDatasource", "error"))}
    ),
    "an error with an estimate": Method(
        call=rejected,
        replies={"getDatasource": (409, sample("claro", "getDatasourceData", "error"))},
    ),
    "mining datasets.list": Method(
        call=lambda c, _: every(c.mining.datasets.list()), replies=mined("listAllDatasets")
    ),
    "mining dataset.get": Method(
        call=lambda c, _: c.mining.dataset("p", "n").get(), replies=mined("getProjectDataset")
    ),
    "mining dataset.model_tags": Method(
        call=lambda c, _: c.mining.dataset("p", "n").model_tags(), replies=mined("getModelTags")
    ),
    "mining dataset.create": Method(
        call=lambda c, _: c.mining.dataset("p", "n").create(title="t"),
        replies=mined("createDataset"),
    ),
    "mining dataset.update": Method(
        call=lambda c, _: c.mining.dataset("p", "n").update(title="t"),
        replies=mined("updateDataset"),
    ),
    "mining dataset.delete": Method(
        call=lambda c, _: c.mining.dataset("p", "n").delete(confirm="p/n"),
        replies=mined("deleteDataset"),
    ),
    "mining dataset.export": Method(call=comments, replies=mined("exportDataset")),
    "mining dataset.time_ranges": Method(
        call=lambda c, _: c.mining.dataset("p", "n").time_ranges(4), replies=mined("exportDataset")
    ),
    "mining dataset.export_to": Method(
        call=lambda c, folder: c.mining.dataset("p", "n").export_to(folder / "a.jsonl"),
        replies=mined("exportDataset"),
    ),
    "mining dataset.export_to, Parquet": Method(
        call=lambda c, folder: c.mining.dataset("p", "n").export_to(
            folder / "a.parquet", format="parquet"
        ),
        replies=mined("exportDataset"),
    ),
}
# fmt: on

ELSEWHERE = {
    "claro.dataset": "makes a handle",
    "claro.datasource": "makes a handle",
    "claro.aclose": "sends nothing",
    "claro.close": "sends nothing",
    "claro.close_run": "asks the shared quota, not the API: tests/quota",
    "claro.journal_status": "reads a file: tests/bulk",
    "dataset.restore_column": "as dataset.update_cells, of a file's values",
    "dataset.open_reader": "blocks, and reads as an export does: tests/transfers",
    "claro.rate_limit": "sends nothing",
    "mining.dataset": "makes a handle",
    "mining.aclose": "sends nothing",
    "mining.close": "sends nothing",
    "mining.close_run": "asks the shared quota, not the API: tests/quota",
    "mining.rate_limit": "sends nothing",
    "mining.request": "as claro.request",
}


def public_methods() -> set[str]:
    """The methods of both clients and of their handles."""
    kinds: dict[str, type[Any]] = {
        "claro": ClaroClient,
        "datasets": Datasets,
        "dataset": Dataset,
        "datasources": Datasources,
        "datasource": Datasource,
        "mining": CommunicationsMiningClient,
        "mining datasets": mining_datasets.Datasets,
        "mining dataset": mining_datasets.Dataset,
    }
    return {
        f"{name}.{method}"
        for name, kind in kinds.items()
        for method in dir(kind)
        if not method.startswith("_") and callable(getattr(kind, method))
    }


def test_every_public_method_is_here() -> None:
    """A new public method gets its bent replies, or a reason why it needs none."""
    here = {name.partition(",")[0] for name in METHODS}
    assert public_methods() - here - ELSEWHERE.keys() == set()


@pytest.mark.parametrize("name", METHODS)
async def test_a_bent_reply_is_a_value_or_an_error(name: str, tmp_path: Path) -> None:
    """A share of all bent replies, spread evenly, gives a value or a `ClaroError`."""
    assert await Bench(METHODS[name]).faults(SMALL, tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
async def test_100_000_bent_replies(name: str, tmp_path: Path) -> None:
    """Every field bent in every way, and then random pairs of them: 100,000 replies in all."""
    assert await Bench(METHODS[name]).faults(-(-FULL // len(METHODS)), tmp_path) == []
