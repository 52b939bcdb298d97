"""Claro API v2, "Manage Data Source"."""

from __future__ import annotations

from typing import Any

import pytest

FIRST = "550e8400-e29b-41d4-a716-446655440000"
SECOND = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
SUMMARY = {
    "datasourceId",
    "fileName",
    "contentType",
    "fileSize",
    "status",
    "uploadedAt",
    "processedAt",
}


async def test_a_list_has_the_fields_of_the_sample(api: Any) -> None:
    """The first two data sources are those in the sample of "List All Data Sources"."""
    answer = (await api("GET", "/datasources?page=1&limit=2")).json
    assert set(answer) == {"dataSources", "pagination"}
    first, second = answer["dataSources"]
    assert set(first) == set(second) == SUMMARY
    assert (first["datasourceId"], first["fileName"], first["contentType"], first["status"]) == (
        FIRST,
        "products.csv",
        "text/csv",
        "completed",
    )
    assert (second["status"], second["processedAt"]) == ("processing", None)
    assert answer["pagination"] == {"page": 1, "limit": 2, "total": 8, "totalPages": 4}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("status=completed", 6),
        ("status=processing", 1),
        ("status=failed", 1),
        ("contentType=application/pdf", 3),
        ("contentType=text%2Fcsv&status=completed", 2),
        ("contentType=image/png", 0),
    ],
)
async def test_a_list_is_filtered(api: Any, query: str, count: int) -> None:
    """Both filters of "List Data Sources" pick what they name."""
    answer = (await api("GET", f"/datasources?{query}")).json
    assert len(answer["dataSources"]) == answer["pagination"]["total"] == count


@pytest.mark.parametrize("query", ["limit=101", "limit=0", "page=0", "status=done", "page=x"])
async def test_a_bad_list_query_is_refused(api: Any, query: str) -> None:
    """Limits and the status are held to the documents."""
    answer = await api("GET", f"/datasources?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETERS")


async def test_details_show_columns_and_samples(api: Any) -> None:
    """Details have the fields of the sample of "Get Data Source Details"."""
    details = (await api("GET", f"/datasources/{FIRST}")).json
    assert set(details) == SUMMARY | {"columns", "rowCount", "processingStats"}
    assert details["rowCount"] == 1250
    assert details["columns"][2] == {
        "name": "price",
        "type": "number",
        "sampleValues": [29.99, 39.99, 49.99],
    }
    assert details["processingStats"] == {"cleanedRows": 1250, "errors": 0, "warnings": 0}


async def test_a_processing_source_has_no_data_yet(api: Any) -> None:
    """Its data answers as the sample "Processing Error"; its details and its file are there."""
    answer = await api("GET", f"/datasources/{SECOND}/data")
    assert (answer.status, answer.code) == (409, "PROCESSING_IN_PROGRESS")
    assert answer.json["error"] == "Data source still processing"
    assert set(answer.json["details"]) == {"status", "estimatedCompletion"}
    details = (await api("GET", f"/datasources/{SECOND}")).json
    assert (details["status"], details["columns"]) == ("processing", [])
    assert (await api("POST", f"/datasources/{SECOND}/download", json={})).status == 200


async def test_a_source_becomes_ready_by_the_clock(api: Any, clock: Any) -> None:
    """Once its time has come a data source is completed and tells when that was."""
    api.emulator.set_processing(SECOND, until=30, kind="datasource")
    clock.advance(31)
    details = (await api("GET", f"/datasources/{SECOND}")).json
    assert (details["status"], details["processedAt"]) == ("completed", "2024-03-14T15:30:30Z")
    assert details["rowCount"] == 2
    rows = (await api("GET", f"/datasources/{SECOND}/data")).json["data"]
    assert [row["page"] for row in rows] == [1, 2]
    assert "Suppliers" in rows[0]["text"]


async def test_an_unreadable_file_fails(api: Any) -> None:
    """A file that is not what its name says is found out when read, and is failed from then on."""
    source = api.emulator.add_datasource(b"{broken", file_name="a.json")
    details = (await api("GET", f"/datasources/{source}")).json
    assert details["status"] == "failed"
    assert details["processingStats"]["errors"] == 1
    assert (await api("GET", f"/datasources/{source}/data")).json["data"] == []


async def test_data_has_the_shape_of_the_sample(api: Any) -> None:
    """Records are objects by column name, fifty a page."""
    answer = (await api("GET", f"/datasources/{FIRST}/data?page=1&limit=50")).json
    assert set(answer) == {"data", "pagination", "columns"}
    assert answer["data"][0] == {
        "product_id": "PROD001",
        "product_name": "Widget A",
        "price": 29.99,
        "category": "Electronics",
    }
    assert answer["columns"][2] == {"name": "price", "type": "number"}
    assert answer["pagination"] == {"page": 1, "limit": 50, "total": 1250, "totalPages": 25}


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_rows_are_sorted_with_nulls_last(api: Any, order: str) -> None:
    """Numbers sort as numbers, nulls stand last either way, equal rows keep their order."""
    lines = "name,n\na,10\nb,\nc,9\nd,10\ne,-1.5\n"
    source = api.emulator.add_datasource(lines.encode(), file_name="n.csv")
    answer = await api("GET", f"/datasources/{source}/data?sort=n&order={order}")
    names = "".join(row["name"] for row in answer.json["data"])
    assert names == {"asc": "ecadb", "desc": "adceb"}[order]


async def test_a_filter_narrows_rows_and_total(api: Any) -> None:
    """The example of the documents picks the rows that it should."""
    query = "filter=price%20%3E%2012450&sort=price&order=desc&limit=2"
    answer = (await api("GET", f"/datasources/{FIRST}/data?{query}")).json
    assert [row["price"] for row in answer["data"]] == [12519.99, 12509.99]
    assert answer["pagination"]["total"] == 7


@pytest.mark.parametrize(
    "query",
    [
        "limit=1001",
        "limit=0",
        "page=0",
        "sort=nothing",
        "sort=",
        "order=up",
        "sort=price&order=ASC",
        "filter=",
        "filter=price",
        "filter=nothing%20%3D%201",
        "filter=price%20%3E%20100;%20DROP%20TABLE%20cells",
    ],
)
async def test_a_bad_data_query_is_refused(api: Any, query: str) -> None:
    """Each parameter of "Get Data Source Data" is held to its rules."""
    answer = await api("GET", f"/datasources/{FIRST}/data?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETERS")


@pytest.mark.parametrize(
    ("method", "tail"), [("GET", ""), ("GET", "/data"), ("DELETE", ""), ("POST", "/download")]
)
async def test_an_unknown_source_is_not_found(api: Any, method: str, tail: str) -> None:
    """Every operation answers as the sample "Not Found Error"."""
    answer = await api(method, f"/datasources/invalid-uuid-format{tail}")
    assert answer.status == 404
    assert answer.json == {
        "error": "Data source not found",
        "code": "DATASOURCE_NOT_FOUND",
        "details": {"datasourceId": "invalid-uuid-format"},
    }


async def test_a_deleted_source_is_gone_from_cells_and_lists(api: Any) -> None:
    """Deleting ends links, and signed URLs made before lead nowhere."""
    link = (await api("POST", "/datasources/datasource-1/download", json={})).json
    answer = await api("DELETE", "/datasources/datasource-1")
    assert answer.json == {
        "message": "Data source deleted successfully",
        "datasourceId": "datasource-1",
        "deletedAt": "2024-03-14T15:30:00Z",
    }
    assert (await api("DELETE", "/datasources/datasource-1")).status == 404
    details = (await api("GET", f"/datasets/{FIRST}")).json
    assert details["linkedDatasources"] == ["datasource-2"]
    assert api.emulator.cell(FIRST, "cell_2_1").linked_datasource is None
    assert (await api.fetch("GET", link["downloadUrl"])).code == "NOT_FOUND"


@pytest.mark.parametrize("body", [None, {}, {"expiresIn": 1}, {"expiresIn": 86400}])
async def test_a_download_url_is_made(api: Any, body: object) -> None:
    """The reply has the fields of the sample of "Generate Download URL"; an hour is usual."""
    answer = await api("POST", f"/datasources/{FIRST}/download", json=body)
    assert set(answer.json) == {"downloadUrl", "fileName", "expiresAt", "fileSize"}
    seconds = (body or {}).get("expiresIn", 3600) if isinstance(body, dict | None) else 0
    expected = {3600: "16:30:00", 1: "15:30:01", 86400: "15:30:00"}[seconds]
    assert answer.json["expiresAt"].endswith(f"{expected}Z")
    assert f"/download/{FIRST}?token=" in answer.json["downloadUrl"]


@pytest.mark.parametrize("value", [0, -1, 86401, "3600", None, True, 1.5, 10**30])
@pytest.mark.parametrize("operation", ["download", "export"])
async def test_a_bad_expiry_is_refused(api: Any, value: object, operation: str) -> None:
    """`expiresIn` is a whole number of seconds from 1 to 86400, for both kinds of links."""
    if operation == "download":
        path, body = f"/datasources/{FIRST}/download", {"expiresIn": value}
    else:
        path = f"/datasets/{FIRST}/export"
        body = {"format": "csv", "rowCount": 1, "expiresIn": value}
    answer = await api("POST", path, json=body)
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETERS")
