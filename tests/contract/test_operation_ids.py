"""Specification, generated code, retry table, emulator and facade speak of the same operations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from claro_async._generated.claro_api.operations import ENDPOINTS
from claro_async.emulator import OPERATION_IDS
from tests.wire.operations import CELL, COLUMN, DATASET, DATASOURCE, OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator

SPECIFICATION = Path(__file__).parents[2] / "openapi" / "claro.yaml"

FACADE: dict[str, Callable[[ClaroClient], Awaitable[Any]]] = {
    "listDatasets": lambda c: c.datasets.list().first(),
    "getDataset": lambda c: c.dataset(DATASET).get(),
    "getDatasetData": lambda c: c.dataset(DATASET).rows().first(),
    "updateCell": lambda c: c.dataset(DATASET).update_cell(CELL, 1),
    "updateColumn": lambda c: c.dataset(DATASET).update_column(COLUMN, name="n"),
    "updateColumnTaskType": lambda c: c.dataset(DATASET).set_task_type(
        COLUMN, "web_enrich", confirm=COLUMN
    ),
    "linkDatasource": lambda c: c.dataset(DATASET).link_datasource(CELL, DATASOURCE),
    "uploadDatasource": lambda c: c.dataset(DATASET).upload_datasource(
        CELL, b"a\n1\n", filename="a.csv"
    ),
    "deleteDataset": lambda c: c.dataset(DATASET).delete(confirm=DATASET),
    "exportDataset": lambda c: c.dataset(DATASET).create_export(format="csv", row_count=5),
    "listDatasources": lambda c: c.datasources.list().first(),
    "getDatasource": lambda c: c.datasource(DATASOURCE).get(),
    "getDatasourceData": lambda c: c.datasource(DATASOURCE).rows().first(),
    "deleteDatasource": lambda c: c.datasource(DATASOURCE).delete(confirm=DATASOURCE),
    "createDatasourceDownload": lambda c: c.datasource(DATASOURCE).create_download_link(),
}
BESIDE = {"updateColumnTaskType": ["getDataset"], "uploadDatasource": ["getDatasetData"]}
"""What a method sends besides its operation: a column is read before its type is changed, and a
cell's link before a file is uploaded to it."""


def in_specification() -> dict[str, tuple[str, str]]:
    """Method and path by operation id."""
    document = yaml.safe_load(SPECIFICATION.read_text("utf-8"))
    return {
        operation["operationId"]: (method.upper(), path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if isinstance(operation, dict) and "operationId" in operation
    }


def test_the_sets_are_one_and_the_same() -> None:
    """All parts know the same 15 operations."""
    ids = set(in_specification())
    assert len(ids) == 15
    assert set(ENDPOINTS) == ids
    assert set(OPERATION_IDS) - {"download"} == ids
    assert set(FACADE) == ids
    assert set(OPERATIONS) == ids


def test_methods_and_paths_are_the_specified_ones() -> None:
    """The generated endpoints go where the specification says."""
    assert {
        name: (endpoint.method, endpoint.path) for name, endpoint in ENDPOINTS.items()
    } == in_specification()


@pytest.mark.parametrize("operation", FACADE)
async def test_each_method_sends_its_operation(
    operation: str, emulator: Emulator, client: ClaroClient
) -> None:
    """A method of the facade reaches the server as the operation it stands for, and succeeds."""
    await FACADE[operation](client)
    sent = [(record.operation, record.status) for record in emulator.ledger.requests]
    assert sent == [*((name, 200) for name in BESIDE.get(operation, [])), (operation, 200)]
    record = emulator.ledger.requests[-1]
    assert record.method == ENDPOINTS[operation].method
    assert record.authorization == "valid"
