"""All documented operations as calls, for tests that go through every one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claro_async._generated.claro_api import operations as api
from claro_async._generated.claro_api.models import (
    CellUpdate,
    ColumnUpdate,
    DownloadRequest,
    ExportFormat,
    ExportRequest,
    LinkDatasource,
    TaskType,
    TaskTypeUpdate,
)
from claro_async.transport.aiohttp_session import AiohttpSession
from claro_async.transport.bodies import Upload
from claro_async.transport.quota.gate import QuotaGate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claro_async import ClaroClient
    from claro_async._generated.claro_api.operation import Operation
    from claro_async.emulator import Emulator
    from claro_async.transport.transport import Transport

DATASET = "dataset-1"
DATASOURCE = "datasource-1"
CELL = "cell_1_1"
COLUMN = "col_1"
TABLE = b"product,price\nWidget A,29.99\nWidget B,39.99\n"

OPERATIONS: Mapping[str, Callable[[], Operation[Any]]] = {
    "listDatasets": api.list_datasets,
    "getDataset": lambda: api.get_dataset(DATASET),
    "getDatasetData": lambda: api.get_dataset_data(DATASET),
    "updateCell": lambda: api.update_cell(DATASET, CELL, body=CellUpdate("new")),
    "updateColumn": lambda: api.update_column(DATASET, COLUMN, body=ColumnUpdate("new", None)),
    "updateColumnTaskType": lambda: api.update_column_task_type(
        DATASET, COLUMN, body=TaskTypeUpdate(TaskType.WEB_ENRICH, None)
    ),
    "linkDatasource": lambda: api.link_datasource(DATASET, CELL, body=LinkDatasource(DATASOURCE)),
    "uploadDatasource": lambda: api.upload_datasource(
        DATASET, CELL, file=Upload(TABLE, file_name="table.csv")
    ),
    "deleteDataset": lambda: api.delete_dataset(DATASET),
    "exportDataset": lambda: api.export_dataset(
        DATASET, body=ExportRequest(ExportFormat.CSV, 10, None, None, None, None)
    ),
    "listDatasources": api.list_datasources,
    "getDatasource": lambda: api.get_datasource(DATASOURCE),
    "getDatasourceData": lambda: api.get_datasource_data(DATASOURCE),
    "deleteDatasource": lambda: api.delete_datasource(DATASOURCE),
    "createDatasourceDownload": lambda: api.create_datasource_download(
        DATASOURCE, body=DownloadRequest(None)
    ),
}

READS = frozenset(
    {
        "listDatasets",
        "getDataset",
        "getDatasetData",
        "exportDataset",
        "listDatasources",
        "getDatasource",
        "getDatasourceData",
        "createDatasourceDownload",
    }
)
NEVER_TWICE = frozenset({"updateColumnTaskType", "uploadDatasource"})
DELETIONS = frozenset({"deleteDataset", "deleteDatasource"})


def fill(emulator: Emulator) -> None:
    """Make a dataset and a data source on which every operation succeeds."""
    emulator.add_dataset(
        "Products",
        ["product", "price"],
        [["Widget A", 29.99], ["Widget B", 39.99]],
        dataset_id=DATASET,
    )
    emulator.add_datasource(TABLE, file_name="products.csv", datasource_id=DATASOURCE)


def transport_of(client: ClaroClient) -> Transport:
    """What carries the requests of a client out."""
    return client._core.transport


def session_of(client: ClaroClient) -> AiohttpSession:
    """The connections of a client."""
    session = transport_of(client)._session
    assert isinstance(session, AiohttpSession)
    return session


def gate_of(client: ClaroClient) -> QuotaGate:
    """The gate of a client that shares its quota with nobody."""
    gate = transport_of(client).quota
    assert isinstance(gate, QuotaGate)
    return gate


async def send(client: ClaroClient, operation_id: str) -> Any:
    """Carry one operation out, below the facade and what it does around it."""
    transport = transport_of(client)
    operation = OPERATIONS[operation_id]()
    if operation_id in DELETIONS:
        return await transport.delete(operation)
    return await transport.call(operation)
