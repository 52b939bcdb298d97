"""The specifications themselves, and the documents' samples held against them."""

from typing import Any

import pytest
import schemathesis
from jsonschema import Draft202012Validator, ValidationError

CLARO_OPERATIONS = {
    ("GET", "/datasets"): "listDatasets",
    ("GET", "/datasets/{datasetId}"): "getDataset",
    ("DELETE", "/datasets/{datasetId}"): "deleteDataset",
    ("GET", "/datasets/{datasetId}/data"): "getDatasetData",
    ("PATCH", "/datasets/{datasetId}/cells/{cellId}"): "updateCell",
    ("PATCH", "/datasets/{datasetId}/columns/{columnId}"): "updateColumn",
    ("PUT", "/datasets/{datasetId}/columns/{columnId}/task-type"): "updateColumnTaskType",
    ("POST", "/datasets/{datasetId}/cells/{cellId}/link-datasource"): "linkDatasource",
    ("POST", "/datasets/{datasetId}/cells/{cellId}/upload-datasource"): "uploadDatasource",
    ("POST", "/datasets/{datasetId}/export"): "exportDataset",
    ("GET", "/datasources"): "listDatasources",
    ("GET", "/datasources/{datasourceId}"): "getDatasource",
    ("DELETE", "/datasources/{datasourceId}"): "deleteDatasource",
    ("GET", "/datasources/{datasourceId}/data"): "getDatasourceData",
    ("POST", "/datasources/{datasourceId}/download"): "createDatasourceDownload",
}
MINING_OPERATIONS = {
    ("GET", "/datasets"): "listAllDatasets",
    ("GET", "/datasets/{project}"): "listProjectDatasets",
    ("GET", "/datasets/{project}/{dataset}"): "getProjectDataset",
    ("PUT", "/datasets/{project}/{dataset}"): "createDataset",
    ("POST", "/datasets/{project}/{dataset}"): "updateDataset",
    ("DELETE", "/datasets/{project}/{dataset}"): "deleteDataset",
    ("GET", "/datasets/{project}/{dataset}/model-tags"): "getModelTags",
    ("POST", "/datasets/{project}/{dataset}/export"): "exportDataset",
}


def test_specification_is_valid_openapi(specification: Any) -> None:
    """Each specification is a valid OpenAPI 3.1 document."""
    assert specification.document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(specification.document).validate()


def test_schemas_are_valid_json_schema(specification: Any) -> None:
    """Each schema of each specification is valid JSON Schema 2020-12."""
    for schema in specification.document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_documented_operation_is_specified(specification: Any) -> None:
    """Each specification has just the operations that the documents describe, under their names."""
    expected = {"claro": CLARO_OPERATIONS, "communications_mining": MINING_OPERATIONS}
    found = {(method, path): name for name, (method, path, _) in specification.operations().items()}
    assert found == expected[specification.name]


def test_every_operation_names_its_section(specification: Any) -> None:
    """Each operation says which document and which section of it it comes from."""
    pages = {
        "claro": ('Claro API v2, "Manage Dataset", section', 'Claro API v2, "Manage Data Source"'),
        "communications_mining": ('Communications Mining API v1, "Datasets", section',),
    }
    for name, (_, _, operation) in specification.operations().items():
        assert operation["description"].startswith(pages[specification.name]), name


def test_undocumented_status_codes_are_marked(specification: Any) -> None:
    """Each reply's status code, none of which is documented, is marked as inferred."""
    for name, (_, _, operation) in specification.operations().items():
        assert {"200", "default"} <= operation["responses"].keys(), name
        for response in operation["responses"].values():
            assert specification.resolve(response)["x-inferred"], name


def test_sample_fits_its_schema(sample: Any) -> None:
    """Each request and each reply that the documents show fits the schema of its operation."""
    sample.specification.validator(sample.schema).validate(sample.body)


def test_every_operation_with_a_sample_is_covered(specification: Any, sample_names: Any) -> None:
    """Each operation has the samples of its documents; one operation is shown without a reply."""
    replies = sample_names[specification.name]
    without = {"listProjectDatasets"} & specification.operations().keys()
    assert replies == specification.operations().keys() - without


ACCEPTED = [
    ("CellUpdate", {"value": None}),
    ("CellUpdate", {"value": [1, {"a": [None]}]}),
    ("ColumnUpdate", {}),
    ("TaskTypeUpdate", {"taskType": "raw"}),
    ("TaskTypeUpdate", {"taskType": "places_count", "metadata": {"prompt": "Cafés nearby"}}),
    ("ExportRequest", {"format": "xlsx", "rowCount": 100_000, "expiresIn": 86_400}),
    ("DownloadRequest", {}),
]
REFUSED = [
    ("CellUpdate", {}),
    ("TaskTypeUpdate", {"taskType": "extraction"}),
    ("TaskTypeUpdate", {"taskType": "ai_enrich"}),
    ("TaskTypeUpdate", {"taskType": "ai_enrich", "metadata": {}}),
    ("TaskTypeUpdate", {"taskType": "places_count", "metadata": {"prompt": 5}}),
    ("ExportRequest", {"format": "csv"}),
    ("ExportRequest", {"format": "parquet", "rowCount": 1}),
    ("ExportRequest", {"format": "csv", "rowCount": 100_001}),
    ("ExportRequest", {"format": "csv", "rowCount": 1, "expiresIn": 86_401}),
    ("ExportRequest", {"format": "csv", "rowCount": 1, "skip": -1}),
    ("DownloadRequest", {"expiresIn": 86_401}),
]


@pytest.mark.parametrize(("schema", "body"), ACCEPTED)
def test_documented_request_is_accepted(claro: Any, schema: str, body: Any) -> None:
    """A request within the documented limits fits its schema."""
    claro.validator(schema).validate(body)


@pytest.mark.parametrize(("schema", "body"), REFUSED)
def test_request_beyond_the_documents_is_refused(claro: Any, schema: str, body: Any) -> None:
    """A request beyond a documented limit, enum or requirement does not fit its schema."""
    with pytest.raises(ValidationError):
        claro.validator(schema).validate(body)


@pytest.mark.parametrize(
    ("operation", "parameter", "maximum", "default"),
    [
        ("listDatasets", "limit", 100, 20),
        ("getDatasetData", "limit", 1000, 50),
        ("listDatasources", "limit", 100, 20),
        ("getDatasourceData", "limit", 1000, 50),
    ],
)
def test_page_limits_are_specified(
    claro: Any, operation: str, parameter: str, maximum: int, default: int
) -> None:
    """The documented greatest and usual page sizes are in the specification."""
    (found,) = [item for item in claro.parameters(operation) if item["name"] == parameter]
    assert (found["schema"]["maximum"], found["schema"]["default"]) == (maximum, default)


def test_comment_uids_go_with_no_other_filter(mining: Any) -> None:
    """An export by comment uids fits its schema alone, and not with a second filter."""
    validator = mining.validator("ExportRequest")
    validator.validate({"comment_uids": ["s.1"], "limit": 256, "continuation": "t"})
    for name, value in {"source_ids": ["s"], "from": "2024-01-01T00:00:00Z"}.items():
        assert not validator.is_valid({"comment_uids": ["s.1"], name: value})
    assert not validator.is_valid({"comment_uids": ["s.1"] * 257})
    assert not validator.is_valid({"source_ids": ["s"] * 1025})
    assert not validator.is_valid({"limit": 257})
