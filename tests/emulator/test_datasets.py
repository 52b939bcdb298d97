"""Claro API v2, "Manage Dataset", but for single cells, exports and downloads."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession

from claro_async.emulator import Emulator

FIRST = "550e8400-e29b-41d4-a716-446655440000"
SECOND = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

SUMMARY = {
    "datasetId",
    "name",
    "description",
    "type",
    "status",
    "createdAt",
    "updatedAt",
    "rowCount",
    "columnCount",
    "linkedDatasources",
}


async def test_a_list_has_the_fields_of_the_sample(api: Any) -> None:
    """The first dataset of the sample world is the one in the sample of "List All Datasets"."""
    answer = await api("GET", "/datasets?page=1&limit=20")
    assert answer.status == 200
    assert set(answer.json) == {"datasets", "pagination"}
    first = answer.json["datasets"][0]
    assert set(first) == SUMMARY
    assert first["datasetId"] == FIRST
    assert (first["name"], first["rowCount"], first["columnCount"]) == (
        "Product Analysis Dataset",
        150,
        8,
    )
    assert first["linkedDatasources"] == ["datasource-1", "datasource-2"]
    assert first["createdAt"] == "2024-03-14T15:30:00Z"
    assert answer.json["pagination"] == {"page": 1, "limit": 20, "total": 5, "totalPages": 1}


async def test_pages_follow_each_other_and_end(api: Any) -> None:
    """Pages of two hold all datasets once; the page after the last is empty."""
    seen: list[str] = []
    for page in (1, 2, 3, 4, 10**17):
        answer = await api("GET", f"/datasets?page={page}&limit=2")
        assert answer.json["pagination"] == {
            "page": page,
            "limit": 2,
            "total": 5,
            "totalPages": 3,
        }
        seen += [dataset["datasetId"] for dataset in answer.json["datasets"]]
    assert seen == api.emulator.dataset_ids()


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("type=extraction", 3),
        ("type=analysis", 1),
        ("type=classification", 1),
        ("status=completed", 3),
        ("status=processing", 1),
        ("status=failed", 1),
        ("type=extraction&status=failed", 1),
        ("type=analysis&status=failed", 0),
    ],
)
async def test_a_list_is_filtered_by_type_and_status(api: Any, query: str, count: int) -> None:
    """Both filters of "List Datasets" pick what they name, alone and together."""
    answer = await api("GET", f"/datasets?{query}")
    assert len(answer.json["datasets"]) == answer.json["pagination"]["total"] == count


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=1e1",
        "limit=+5",
        "limit=%20",
        "limit=",
        "limit=%D9%A3",
        "page=0",
        "page=one",
        "page=1.0",
        "page=99999999999999999999",
        "page=1&page=2",
        "type=unknown",
        "type=",
        "type=Extraction",
        "status=done",
        "page=%FF",
    ],
)
async def test_a_bad_list_query_is_refused(api: Any, query: str) -> None:
    """Limits over the maximum and values outside the enums are refused, never clamped."""
    answer = await api("GET", f"/datasets?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETERS")


async def test_unknown_query_parameters_are_ignored(api: Any) -> None:
    """A query parameter that the documents do not name changes nothing."""
    assert (await api("GET", "/datasets?colour=red")).status == 200


async def test_details_show_the_columns(api: Any) -> None:
    """Details have the fields of the sample of "Get Dataset Details", and so have its columns."""
    details = (await api("GET", f"/datasets/{FIRST}")).json
    assert set(details) == SUMMARY | {"columns"}
    columns = {column["name"]: column for column in details["columns"]}
    fields = {"columnId", "name", "type", "taskType", "isRawData", "metadata"}
    assert all(set(column) == fields for column in columns.values())
    assert columns["raw_description"]["isRawData"] is True
    assert columns["product_name"]["isRawData"] is False
    assert columns["enriched_description"]["metadata"]["prompt"]


@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [
        ("GET", "", None),
        ("GET", "/data", None),
        ("DELETE", "", None),
        ("POST", "/export", {"format": "csv", "rowCount": 1}),
        ("PATCH", "/cells/cell_1_1", {"value": 1}),
        ("PATCH", "/columns/col_1", {"name": "x"}),
        ("PUT", "/columns/col_1/task-type", {"taskType": "raw"}),
        ("POST", "/cells/cell_1_1/link-datasource", {"datasourceId": "datasource-1"}),
    ],
)
async def test_an_unknown_dataset_is_not_found(
    api: Any, method: str, tail: str, body: object
) -> None:
    """Every operation on a dataset that does not exist answers DATASET_NOT_FOUND."""
    answer = await api(method, f"/datasets/nowhere{tail}", json=body)
    assert (answer.status, answer.code) == (404, "DATASET_NOT_FOUND")
    assert answer.json["details"]["datasetId"] == "nowhere"


async def test_data_is_a_grid_of_cells(api: Any) -> None:
    """Data has the shape of the sample: rows of cells, columns, pagination."""
    data = (await api("GET", f"/datasets/{FIRST}/data?page=1&limit=50")).json
    assert set(data) == {"rows", "columns", "pagination"}
    assert data["pagination"] == {"page": 1, "limit": 50, "total": 150, "totalPages": 3}
    assert [len(row) for row in data["rows"]] == [8] * 50
    assert set(data["columns"][0]) == {"columnId", "name", "type", "taskType"}
    first, second = data["rows"][0][:2]
    assert first == {
        "cellId": "cell_1_1",
        "rowId": "row_1",
        "columnId": "col_1",
        "value": "Widget A",
        "metadata": {"confidence": 0.95, "extractedAt": "2024-03-14T15:30:00Z"},
    }
    assert second["linkedDatasource"] == "datasource-1"
    assert {cell["rowId"] for cell in data["rows"][1]} == {"row_2"}


async def test_data_pages_hold_every_row_once(api: Any) -> None:
    """Pages of 40 hold all 150 rows in order, and the page after the last is empty."""
    ids: list[str] = []
    for page in range(1, 6):
        rows = (await api("GET", f"/datasets/{FIRST}/data?page={page}&limit=40")).json["rows"]
        ids += [cell["cellId"] for row in rows for cell in row]
    assert ids == api.emulator.cell_ids(FIRST)


async def test_columns_are_chosen_by_id_in_the_order_asked_for(api: Any) -> None:
    """`columns` narrows the cells and the list of columns alike."""
    data = (await api("GET", f"/datasets/{FIRST}/data?columns=col_3,col_1&limit=2")).json
    assert [column["columnId"] for column in data["columns"]] == ["col_3", "col_1"]
    assert [[cell["columnId"] for cell in row] for row in data["rows"]] == [["col_3", "col_1"]] * 2


async def test_include_metadata_adds_that_of_the_columns(api: Any) -> None:
    """With includeMetadata=true the columns carry their metadata."""
    data = (await api("GET", f"/datasets/{FIRST}/data?includeMetadata=true&limit=1")).json
    assert data["columns"][4]["metadata"]["prompt"]
    plain = (await api("GET", f"/datasets/{FIRST}/data?includeMetadata=false&limit=1")).json
    assert "metadata" not in plain["columns"][4]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=1001", "INVALID_PARAMETERS"),
        ("limit=0", "INVALID_PARAMETERS"),
        ("page=0", "INVALID_PARAMETERS"),
        ("includeMetadata=yes", "INVALID_PARAMETERS"),
        ("includeMetadata=1", "INVALID_PARAMETERS"),
        ("columns=", "INVALID_PARAMETERS"),
        ("columns=col_1,,col_2", "INVALID_PARAMETERS"),
        ("columns=col_1,col_1", "INVALID_PARAMETERS"),
        ("columns=col_99", "COLUMN_NOT_FOUND"),
    ],
)
async def test_a_bad_data_query_is_refused(api: Any, query: str, code: str) -> None:
    """Each parameter of "Get Dataset Data" is held to its rules."""
    assert (await api("GET", f"/datasets/{FIRST}/data?{query}")).code == code


async def test_a_page_may_have_a_thousand_rows(api: Any) -> None:
    """The documented maximum itself is taken."""
    assert (await api("GET", f"/datasets/{FIRST}/data?limit=1000")).status == 200


async def test_a_column_is_renamed_and_its_metadata_merged(api: Any) -> None:
    """The reply has the fields of the sample of "Update Column Metadata"; the type stays."""
    body = {"name": "updated_product_name", "metadata": {"confidence": 0.95}}
    answer = await api("PATCH", f"/datasets/{FIRST}/columns/col_5", json=body)
    assert set(answer.json) == {"columnId", "name", "type", "taskType", "metadata", "updatedAt"}
    assert answer.json["taskType"] == "ai_enrich"
    assert set(answer.json["metadata"]) == {"prompt", "confidence"}
    details = (await api("GET", f"/datasets/{FIRST}")).json
    assert details["columns"][4]["name"] == "updated_product_name"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": " "},
        {"name": None},
        {"name": 5},
        {"metadata": None},
        {"metadata": []},
        {"metadata": "x"},
        {"metadata": {"prompt": None}},
        {"name": "x", "taskType": "raw"},
        [],
        "x",
    ],
)
async def test_a_bad_column_update_is_refused(api: Any, body: object) -> None:
    """What is no name or metadata is refused, and so is a task type, which has its own call."""
    before = (await api("GET", f"/datasets/{FIRST}")).json
    answer = await api("PATCH", f"/datasets/{FIRST}/columns/col_5", json=body)
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETERS")
    assert (await api("GET", f"/datasets/{FIRST}")).json == before
    assert api.emulator.ledger.applied == []


async def test_an_unknown_column_is_not_found(api: Any) -> None:
    """Both column operations answer COLUMN_NOT_FOUND."""
    path = f"/datasets/{FIRST}/columns/col_99"
    assert (await api("PATCH", path, json={"name": "x"})).code == "COLUMN_NOT_FOUND"
    answer = await api("PUT", f"{path}/task-type", json={"taskType": "raw"})
    assert (answer.status, answer.code) == (404, "COLUMN_NOT_FOUND")


async def test_a_task_type_resets_the_column(api: Any) -> None:
    """Every value and all cell metadata of the column go, and nothing else does."""
    body = {"taskType": "ai_enrich", "metadata": {"prompt": "Describe it"}}
    answer = await api("PUT", f"/datasets/{FIRST}/columns/col_2/task-type", json=body)
    assert answer.status == 200
    assert answer.json == {
        "columnId": "col_2",
        "taskType": "ai_enrich",
        "previousTaskType": "raw",
        "valuesReset": True,
        "affectedCells": 150,
        "metadata": {"prompt": "Describe it"},
        "updatedAt": "2024-03-14T15:30:00Z",
    }
    rows = (await api("GET", f"/datasets/{FIRST}/data?limit=1000")).json["rows"]
    assert all(row[1]["value"] is None and row[1]["metadata"] == {} for row in rows)
    assert all("linkedDatasource" not in row[1] for row in rows)
    assert rows[0][0]["value"] == "Widget A"


@pytest.mark.parametrize("task_type", ["raw", "doc_extraction", "web_enrich", "classification"])
async def test_task_types_without_a_prompt(api: Any, task_type: str) -> None:
    """Four of the six task types need no metadata."""
    path = f"/datasets/{FIRST}/columns/col_1/task-type"
    answer = await api("PUT", path, json={"taskType": task_type})
    assert (answer.status, answer.json["taskType"]) == (200, task_type)


@pytest.mark.parametrize("task_type", ["ai_enrich", "places_count"])
@pytest.mark.parametrize("metadata", [None, {}, {"prompt": ""}, {"prompt": " "}, {"prompt": 5}])
async def test_a_missing_prompt_is_refused(api: Any, task_type: str, metadata: object) -> None:
    """`ai_enrich` and `places_count` require a prompt; without one nothing is reset."""
    body: dict[str, object] = {"taskType": task_type}
    if metadata is not None:
        body["metadata"] = metadata
    answer = await api("PUT", f"/datasets/{FIRST}/columns/col_1/task-type", json=body)
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETERS")
    assert api.emulator.cell(FIRST, "cell_1_1").value == "Widget A"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"taskType": "extraction"}, "INVALID_TASK_TYPE"),
        ({"taskType": "RAW"}, "INVALID_TASK_TYPE"),
        ({}, "INVALID_PARAMETERS"),
        ({"taskType": None}, "INVALID_PARAMETERS"),
        ({"taskType": ["raw"]}, "INVALID_PARAMETERS"),
        ({"taskType": "raw", "metadata": []}, "INVALID_PARAMETERS"),
        ({"taskType": "raw", "prompt": "x"}, "INVALID_PARAMETERS"),
    ],
)
async def test_a_bad_task_type_is_refused(api: Any, body: object, code: str) -> None:
    """Unknown task types have a code of their own."""
    answer = await api("PUT", f"/datasets/{FIRST}/columns/col_1/task-type", json=body)
    assert (answer.status, answer.code) == (400, code)
    assert api.emulator.ledger.applied == []


async def test_doc_extraction_needs_an_extraction_dataset(api: Any) -> None:
    """The table of task types allows `doc_extraction` in extraction datasets only."""
    dataset = api.emulator.add_dataset("t", ["a"], [["x"]], type="analysis")
    path = f"/datasets/{dataset}/columns/col_1/task-type"
    answer = await api("PUT", path, json={"taskType": "doc_extraction"})
    assert (answer.status, answer.code) == (400, "INVALID_TASK_TYPE")
    assert api.emulator.values(dataset) == {"cell_1_1": "x"}


@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [
        ("PATCH", "/cells/cell_1_1", {"value": 1}),
        ("PATCH", "/columns/col_1", {"name": "x"}),
        ("PUT", "/columns/col_1/task-type", {"taskType": "raw"}),
        ("POST", "/export", {"format": "csv", "rowCount": 1}),
        ("DELETE", "", None),
    ],
)
async def test_a_processing_dataset_is_locked(
    api: Any, method: str, tail: str, body: object
) -> None:
    """While a dataset is processing it cannot be changed; details say until when."""
    answer = await api(method, f"/datasets/{SECOND}{tail}", json=body)
    assert (answer.status, answer.code) == (409, "PROCESSING_IN_PROGRESS")
    assert answer.json["details"] == {
        "status": "processing",
        "estimatedCompletion": "2024-03-14T15:31:00Z",
    }
    assert (await api("GET", f"/datasets/{SECOND}/data")).status == 200
    assert api.emulator.ledger.applied == []


async def test_processing_ends_by_the_clock(api: Any, clock: Any) -> None:
    """A dataset set processing for 90 seconds is locked for 90 seconds."""
    api.emulator.set_processing(FIRST, until=90)
    path, body = f"/datasets/{FIRST}/cells/cell_1_1", {"value": "x"}
    refused = await api("PATCH", path, json=body)
    assert refused.json["details"]["estimatedCompletion"] == "2024-03-14T15:31:30Z"
    assert (await api("GET", f"/datasets/{FIRST}")).json["status"] == "processing"
    clock.advance(89.9)
    assert (await api("PATCH", path, json=body)).status == 409
    clock.advance(0.1)
    assert (await api("PATCH", path, json=body)).status == 200
    assert (await api("GET", f"/datasets/{FIRST}")).json["status"] == "completed"


async def test_stuck_processing_ends_when_told(api: Any, clock: Any) -> None:
    """Without an end the estimate keeps moving away until finish_processing."""
    api.emulator.set_processing(FIRST)
    clock.advance(1_000_000)
    path = f"/datasets/{FIRST}/cells/cell_1_1"
    assert (await api("PATCH", path, json={"value": 1})).status == 409
    api.emulator.finish_processing(FIRST)
    assert (await api("PATCH", path, json={"value": 1})).status == 200


async def test_a_deleted_dataset_is_gone(api: Any) -> None:
    """After the reply of the sample of "Delete Dataset" a second delete finds nothing."""
    answer = await api("DELETE", f"/datasets/{FIRST}")
    assert answer.json == {
        "message": "Dataset deleted successfully",
        "datasetId": FIRST,
        "deletedAt": "2024-03-14T15:30:00Z",
    }
    assert (await api("DELETE", f"/datasets/{FIRST}")).code == "DATASET_NOT_FOUND"
    assert FIRST not in api.emulator.dataset_ids()


async def test_updated_at_moves_with_edits(api: Any, clock: Any) -> None:
    """An edit moves the dataset's updatedAt and leaves its createdAt."""
    clock.advance(5)
    await api("PATCH", f"/datasets/{FIRST}/cells/cell_1_1", json={"value": 1})
    details = (await api("GET", f"/datasets/{FIRST}")).json
    assert details["createdAt"] == "2024-03-14T15:30:00Z"
    assert details["updatedAt"] == "2024-03-14T15:30:05Z"


async def test_cells_metadata_can_be_left_to_those_who_ask() -> None:
    """With `metadata_on_request` a page has cells' metadata for `includeMetadata=true` only."""
    async with Emulator(metadata_on_request=True) as emulator, ClientSession() as session:
        headers = {"Authorization": f"Bearer {emulator.api_key}"}
        seen = {}
        for asked in ("", "&includeMetadata=false", "&includeMetadata=true"):
            url = f"{emulator.base_url}/datasets/{FIRST}/data?limit=1{asked}"
            async with session.get(url, headers=headers) as reply:
                seen[asked] = {"metadata" in cell for cell in (await reply.json())["rows"][0]}
    assert seen == {"": {False}, "&includeMetadata=false": {False}, "&includeMetadata=true": {True}}
