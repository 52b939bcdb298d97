"""Claro API v2, "Manage Dataset": cell values, links and uploads."""

from __future__ import annotations

import hashlib
import io
import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claro_async.emulator import AppliedEdit, Emulator, NewCell

FIRST = "550e8400-e29b-41d4-a716-446655440000"
CELL = f"/datasets/{FIRST}/cells/cell_1_1"
RAW = f"/datasets/{FIRST}/cells/cell_2_1"

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\0é"), inner, max_size=3)
    ),
    max_leaves=6,
)


async def test_a_cell_is_set_and_its_metadata_reset(api: Any) -> None:
    """The reply is that of the sample of "Update Cell Value"; the cell's metadata is empty."""
    answer = await api("PATCH", CELL, json={"value": "Updated Widget Name"})
    assert answer.json == {
        "cellId": "cell_1_1",
        "value": "Updated Widget Name",
        "previousValue": "Widget A",
        "metadataReset": True,
        "updatedAt": "2024-03-14T15:30:00Z",
        "updatedBy": "user",
    }
    cell = api.emulator.cell(FIRST, "cell_1_1")
    assert (cell.value, cell.metadata) == ("Updated Widget Name", {})
    assert api.emulator.ledger.applied == [
        AppliedEdit(0, FIRST, "cell_1_1", "Updated Widget Name", "Widget A")
    ]


@given(value=VALUES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_json_value_is_kept_as_it_is(api: Any, value: Any) -> None:
    """Whatever JSON value is sent comes back in the reply and in the data."""
    answer = await api("PATCH", CELL, body=json.dumps({"value": value}).encode())
    assert answer.status == 200
    data = await api("GET", f"/datasets/{FIRST}/data?limit=1&columns=col_1")
    for found in (answer.json["value"], data.json["rows"][0][0]["value"]):
        assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"value": 1} x',
        b'{"value": 1}{"value": 2}',
        b'{"value": NaN}',
        b'{"value": Infinity}',
        b'{"value": -Infinity}',
        b'{"value": 1e999}',
        b'{"value": 1, "value": 2}',
        b'{"value": {"a": 1, "a": 2}}',
        b'{"value": ' + b"[" * 65 + b"]" * 65 + b"}",
        b'{"value": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 100_000,
        b'{"value": "\xff"}',
        b'{"value": "\\ud800"}',
        b'{"value": "\x00"}',
        b"\xef\xbb\xbf" + b'{"value": 1}',
        '{"value": 1}'.encode("utf-16"),
        b'{"value": ' + b"9" * 5000 + b"}",
        b"{'value': 1}",
        b'{"value": 01}',
        b'{"value": 1,}',
        b"[]",
        b"null",
        b'"value"',
        b"{}",
        b'{"Value": 1}',
        b'{"value": 1, "metadata": {}}',
        b'{"value": 1, "extra": 1}',
    ],
)
async def test_a_bad_body_is_refused(api: Any, body: bytes) -> None:
    """What is not exactly one strict JSON object with a value changes nothing."""
    answer = await api("PATCH", CELL, body=body)
    assert answer.status == 400
    assert answer.code == "INVALID_PARAMETERS"
    assert api.emulator.cell(FIRST, "cell_1_1").value == "Widget A"
    assert api.emulator.ledger.applied == []


async def test_nesting_is_taken_up_to_its_limit(api: Any) -> None:
    """A body nested 64 deep is taken; see the bad bodies for one more."""
    body = b'{"value": ' + b"[" * 63 + b"]" * 63 + b"}"
    assert (await api("PATCH", CELL, body=body)).status == 200


async def test_a_body_over_the_limit_is_refused(api: Any) -> None:
    """More than ten mebibytes of JSON are refused with status 413."""
    body = io.BytesIO(b'{"value": "' + b"x" * (10 * 1024 * 1024) + b'"}')
    answer = await api("PATCH", CELL, body=body)
    assert (answer.status, answer.code) == (413, "INVALID_PARAMETERS")


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
async def test_a_wrong_content_type_is_refused(api: Any, content_type: str | None) -> None:
    """A JSON body has to be announced as such."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    options = {"data": b'{"value": 1}', "headers": headers, "skip_auto_headers": ["Content-Type"]}
    answer = await api("PATCH", CELL, **options)
    assert (answer.status, answer.code) == (415, "INVALID_PARAMETERS")
    assert api.emulator.ledger.applied == []


async def test_a_charset_parameter_is_fine(api: Any) -> None:
    """Parameters of the content type and its case do not matter."""
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert (await api("PATCH", CELL, data=b'{"value": 1}', headers=headers)).status == 200


async def test_a_compressed_body_is_refused(api: Any) -> None:
    """Bodies with a content coding are not taken, so none can swell."""
    headers = {"Content-Encoding": "gzip"}
    answer = await api("PATCH", CELL, body=b'{"value": 1}', headers=headers)
    assert (answer.status, answer.code) == (415, "INVALID_PARAMETERS")


@pytest.mark.parametrize("cell_id", ["cell_999_1", "nothing", "a%2Fb", "%C3%A9", "cell%201"])
async def test_an_unknown_cell_is_not_found(api: Any, cell_id: str) -> None:
    """Any id that names no cell answers CELL_NOT_FOUND, whatever it looks like."""
    answer = await api("PATCH", f"/datasets/{FIRST}/cells/{cell_id}", json={"value": 1})
    assert (answer.status, answer.code) == (404, "CELL_NOT_FOUND")


@pytest.mark.parametrize(
    "cell_id",
    [
        "..",
        ".",
        "%2e%2e",
        "%2E",
        "..%2F..",
        "a%2F..%2Fb",
        "..%5C..",
        "%00",
        "a%00b",
        "a%0Ab",
        "%7F",
        "%C2%85",
        "%FF",
        "%ZZ",
        "%",
        "%2",
        "",
    ],
)
@pytest.mark.parametrize("place", ["dataset", "cell"])
async def test_a_dangerous_id_is_refused(api: Any, cell_id: str, place: str) -> None:
    """Traversal, controls, broken escapes and emptiness are refused before any look-up."""
    path = f"{cell_id}/cells/cell_1_1" if place == "dataset" else f"{FIRST}/cells/{cell_id}"
    answer = await api("PATCH", f"/datasets/{path}", json={"value": 1})
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETERS")


async def test_ids_of_all_kinds_are_found_by_their_one_encoding(api: Any) -> None:
    """Cell and dataset ids with slashes, percent signs and text beyond ASCII work when encoded."""
    dataset = api.emulator.add_dataset(
        "odd", ["a"], [["x"]], dataset_id="a/b %2e", cell_id=lambda row, column: f"é?{row}#{column}"
    )
    assert dataset == "a/b %2e"
    path = "/datasets/a%2Fb%20%252e/cells/%C3%A9%3F1%231"
    answer = await api("PATCH", path, json={"value": "y"})
    assert answer.json["cellId"] == "é?1#1"
    assert api.emulator.values(dataset) == {"é?1#1": "y"}


async def test_opaque_ids_tell_nothing(api: Any) -> None:
    """Opaque ids hold neither row nor column, are all different, and stay the same."""
    rows = [[1, 2], [3, 4]]
    dataset = api.emulator.add_dataset("o", ["a", "b"], rows, opaque_ids=True)
    data = (await api("GET", f"/datasets/{dataset}/data")).json["rows"]
    ids = [cell["cellId"] for row in data for cell in row]
    assert ids == api.emulator.cell_ids(dataset)
    assert len({*ids, *(row[0]["rowId"] for row in data)}) == 6
    assert all(len(one) == 24 for one in ids)


async def test_a_data_source_is_linked_and_replaced(api: Any) -> None:
    """The reply of "Link Existing Datasource" tells the link before."""
    first = await api("POST", f"{RAW}/link-datasource", json={"datasourceId": "datasource-2"})
    assert first.json == {
        "cellId": "cell_2_1",
        "datasourceId": "datasource-2",
        "linkedAt": "2024-03-14T15:30:00Z",
        "previousDatasource": "datasource-1",
    }
    path = f"/datasets/{FIRST}/cells/cell_8_1/link-datasource"
    fresh = await api("POST", path, json={"datasourceId": "existing-datasource-id"})
    assert fresh.json["previousDatasource"] is None
    assert api.emulator.cell(FIRST, "cell_2_1").linked_datasource == "datasource-2"
    details = (await api("GET", f"/datasets/{FIRST}")).json
    assert "existing-datasource-id" in details["linkedDatasources"]


@pytest.mark.parametrize(
    ("cell", "body", "code"),
    [
        ("cell_1_1", {"datasourceId": "datasource-1"}, "RAW_COLUMN_REQUIRED"),
        ("cell_2_1", {"datasourceId": "nowhere"}, "DATASOURCE_NOT_FOUND"),
        ("cell_99_1", {"datasourceId": "datasource-1"}, "CELL_NOT_FOUND"),
        ("cell_2_1", {}, "INVALID_PARAMETERS"),
        ("cell_2_1", {"datasourceId": ""}, "INVALID_PARAMETERS"),
        ("cell_2_1", {"datasourceId": 5}, "INVALID_PARAMETERS"),
    ],
)
async def test_a_bad_link_is_refused(api: Any, cell: str, body: object, code: str) -> None:
    """Links need a raw cell and a data source that exists."""
    answer = await api("POST", f"/datasets/{FIRST}/cells/{cell}/link-datasource", json=body)
    assert answer.code == code
    assert api.emulator.ledger.applied == []


async def test_links_and_uploads_need_an_extraction_dataset(api: Any) -> None:
    """Datasets of other types answer INVALID_PARAMETERS."""
    dataset = api.emulator.add_dataset("a", ["raw"], [[None]], type="analysis")
    path = f"/datasets/{dataset}/cells/cell_1_1"
    answer = await api("POST", f"{path}/link-datasource", json={"datasourceId": "datasource-1"})
    assert answer.code == "INVALID_PARAMETERS"
    assert (await api.upload(f"{path}/upload-datasource", b"x", "a.txt")).status == 400


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"%PDF-1.4", "document.pdf", "application/pdf"),
        (b"", "empty.csv", "text/csv"),
        (b"a\r\n--b\r\n" * 50_000, "Überblick 2.TSV", "text/tab-separated-values"),
        (b"{}", "a.jsonl", "application/x-ndjson"),
        (b"{}", "a.json", "application/json"),
        (b"\r\n--", 'quote".txt', "text/plain"),
        (b"a\n1\n", "Screenshot 5.30\u202fPM \u3000\u00a0.csv", "text/csv"),
        (b"a\n1\n", "\u0645\u06cc\u200c\u062e.csv", "text/csv"),
    ],
)
async def test_an_upload_is_kept_byte_for_byte(api: Any, data: bytes, name: str, kind: str) -> None:
    """A file becomes a data source, is linked to the cell, and comes back as it was sent."""
    answer = await api.upload(f"{RAW}/upload-datasource", data, name)
    assert answer.status == 200
    assert set(answer.json) == {
        "cellId",
        "datasourceId",
        "fileName",
        "fileSize",
        "uploadedAt",
        "linkedAt",
    }
    assert (answer.json["fileName"], answer.json["fileSize"]) == (name, len(data))
    source = answer.json["datasourceId"]
    assert api.emulator.cell(FIRST, "cell_2_1").linked_datasource == source
    (upload,) = api.emulator.ledger.uploads
    assert upload.sha256 == hashlib.sha256(data).hexdigest()
    assert (upload.content_type, upload.size) == (kind, len(data))
    link = (await api("POST", f"/datasources/{source}/download", json={})).json
    assert (await api.fetch("GET", link["downloadUrl"])).body == data


async def test_an_upload_sent_twice_makes_two_data_sources(api: Any) -> None:
    """Uploads are not idempotent."""
    count = len(api.emulator.datasource_ids())
    one = await api.upload(f"{RAW}/upload-datasource", b"x", "a.txt")
    two = await api.upload(f"{RAW}/upload-datasource", b"x", "a.txt")
    assert one.json["datasourceId"] != two.json["datasourceId"]
    assert len(api.emulator.datasource_ids()) == count + 2


async def test_an_upload_needs_a_raw_cell(api: Any) -> None:
    """A cell of another column answers RAW_COLUMN_REQUIRED and nothing is kept."""
    answer = await api.upload(f"{CELL}/upload-datasource", b"x", "a.txt")
    assert (answer.status, answer.code) == (400, "RAW_COLUMN_REQUIRED")
    assert api.emulator.ledger.uploads == []


def _form(*parts: bytes, end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + end


_FILE = b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello'


@pytest.mark.parametrize(
    "body",
    [
        _form(),
        _form(b'Content-Disposition: form-data; name="other"; filename="a.txt"\r\n\r\nx'),
        _form(b'Content-Disposition: form-data; name="file"\r\n\r\nx'),
        _form(b'Content-Disposition: form-data; name="file"; filename=""\r\n\r\nx'),
        _form(b'Content-Disposition: form-data; name="file"; filename="a.exe"\r\n\r\nx'),
        _form(b'Content-Disposition: form-data; name="file"; filename="a\x01.txt"\r\n\r\nx'),
        _form(b'Content-Disposition: form-data; name="file"; filename="\xff.txt"\r\n\r\nx'),
        _form(b'Content-Disposition: attachment; name="file"; filename="a.txt"\r\n\r\nx'),
        _form(b'Content-Disposition: form-data; filename="a.txt"\r\n\r\nx'),
        _form(b"broken\r\n\r\nx"),
        _form(_FILE, _FILE),
        _form(_FILE, end=b""),
        _form(_FILE, end=b"--b"),
        b"",
        b"hello",
        b"--b junk\r\n" + _FILE + b"\r\n--b--",
        b"--b\r\n" + b"X-Long: " + b"x" * 20_000,
    ],
)
async def test_a_bad_form_is_refused(api: Any, body: bytes) -> None:
    """What is not exactly one file of a kind that Claro takes makes no data source."""
    count = len(api.emulator.datasource_ids())
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await api("POST", f"{RAW}/upload-datasource", data=body, headers=headers)
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETERS")
    assert len(api.emulator.datasource_ids()) == count


async def test_other_fields_of_a_form_are_ignored(api: Any) -> None:
    """A field beside the file does no harm."""
    note = b'Content-Disposition: form-data; name="note"\r\n\r\nhello'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    body = _form(note, _FILE, note)
    answer = await api("POST", f"{RAW}/upload-datasource", data=body, headers=headers)
    assert answer.json["fileSize"] == 5


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 415),
        ("multipart/mixed; boundary=b", 415),
        ("multipart/form-data", 400),
        (f"multipart/form-data; boundary={'b' * 71}", 400),
    ],
)
async def test_an_upload_must_be_a_form(api: Any, content_type: str, status: int) -> None:
    """Other content types and unusable boundaries are refused."""
    headers = {"Content-Type": content_type}
    answer = await api("POST", f"{RAW}/upload-datasource", data=_form(_FILE), headers=headers)
    assert (answer.status, answer.code) == (status, "INVALID_PARAMETERS")


async def test_an_upload_over_the_limit_is_refused(clock: Any, api_of: Any) -> None:
    """A file of the limit is taken, one byte more is refused with status 413 and not kept."""
    async with Emulator(clock=clock, max_upload_size=1000) as emulator:
        api = api_of(emulator)
        assert (await api.upload(f"{RAW}/upload-datasource", b"x" * 1000, "a.txt")).status == 200
        answer = await api.upload(f"{RAW}/upload-datasource", b"x" * 1001, "a.txt")
        assert (answer.status, answer.code) == (413, "INVALID_PARAMETERS")
        assert len(emulator.ledger.uploads) == 1


async def test_metadata_given_to_a_new_cell_is_shown(api: Any) -> None:
    """Cells made from Python may bring metadata and a link along."""
    cell = NewCell(math.pi, {"confidence": 1}, "datasource-1")
    dataset = api.emulator.add_dataset("n", [{"name": "a", "type": "number"}], [{"a": cell}])
    shown = (await api("GET", f"/datasets/{dataset}/data")).json["rows"][0][0]
    assert shown["metadata"] == {"confidence": 1}
    assert shown["linkedDatasource"] == "datasource-1"
