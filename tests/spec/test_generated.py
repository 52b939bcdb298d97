"""The generated packages: what they hold, that they are what the specifications say, and pure."""

import ast
import copy
import hashlib
import inspect
import json
import os
import pickle
import re
import subprocess
import sys
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ROOT / "generated"
MODULES = sorted(GENERATED.rglob("*.py"))
MAY_BE_IMPORTED = {"attrs", "collections", "datetime", "enum", "types", "typing"}


def module_id(path: Path) -> str:
    """Name a module in the test's id."""
    return path.relative_to(GENERATED).as_posix()


def snake_case(name: str) -> str:
    """The Python name of a wire name."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def builder(specification: Any, operation_id: str) -> Any:
    """The function that builds an operation."""
    return getattr(specification.module("operations"), snake_case(operation_id))


def required_arguments(function: Any) -> dict[str, Any]:
    """A distinct value for each argument that a builder requires."""
    return {
        name: f"<{name}>"
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty
    }


def models_of(specification: Any) -> dict[str, Any]:
    """The public names of a package's models module."""
    module = specification.module("models")
    return {name: getattr(module, name) for name in module.__all__}


def enums_of(specification: Any) -> list[type[StrEnum]]:
    """The enums of a package."""
    found = models_of(specification).values()
    return [item for item in found if isinstance(item, type) and issubclass(item, StrEnum)]


def test_endpoints_are_those_of_the_specification(specification: Any) -> None:
    """Each package has an endpoint for each operation of its specification, and no other."""
    endpoints = specification.module("operations").ENDPOINTS
    assert endpoints.keys() == specification.operations().keys()


def test_endpoint_says_what_the_specification_says(specification: Any) -> None:
    """Each endpoint has the method, the path and the reply types of its operation."""
    models = models_of(specification)
    for name, endpoint in specification.module("operations").ENDPOINTS.items():
        method, path, operation = specification.operations()[name]
        assert (endpoint.operation_id, endpoint.method, endpoint.path) == (name, method, path)
        assert endpoint.success is models[specification.reply_schema(name, "200")]
        assert endpoint.success_statuses == {200}
        assert endpoint.errors == {
            status: models[specification.reply_schema(name, status)]
            for status in operation["responses"]
            if status != "200"
        }


def test_every_schema_has_a_model(specification: Any) -> None:
    """Each schema has a model or an enum of its name; only the upload form has none."""
    schemas = specification.document["components"]["schemas"].keys()
    assert models_of(specification).keys() == schemas - {"UploadForm"}


def test_models_have_the_fields_of_their_schemas(specification: Any) -> None:
    """Each model has its schema's properties, and None stands for each that may be missing."""
    models = models_of(specification)
    for name, schema in specification.document["components"]["schemas"].items():
        if name not in models or "properties" not in schema:
            continue
        wire_names = models[name].__wire_names__
        assert set(wire_names.values()) == schema["properties"].keys()
        for field in attrs.fields(models[name]):
            if field.name == "additional_properties":
                continue
            required = wire_names[field.name] in schema.get("required", [])
            assert field.default is (attrs.NOTHING if required else None), field.name


def test_builder_takes_the_parameters_of_its_operation(specification: Any) -> None:
    """Each builder requires the path values and the body, and leaves the query optional."""
    for name, (_, _, operation) in specification.operations().items():
        function = builder(specification, name)
        parameters = specification.parameters(name)
        path = [snake_case(item["name"]) for item in parameters if item["in"] == "path"]
        query = [snake_case(item["name"]) for item in parameters if item["in"] == "query"]
        content = operation.get("requestBody", {"content": {}})["content"]
        body = {"application/json": ["body"], "multipart/form-data": ["file"]}
        bodies = [argument for media_type in content for argument in body[media_type]]
        assert list(inspect.signature(function).parameters) == path + bodies + query
        assert list(required_arguments(function)) == path + bodies


def test_operation_carries_what_was_given(specification: Any) -> None:
    """Each builder puts path values under their wire names, unencoded, and adds nothing else."""
    kinds = specification.module("operation")
    for name, (_, path, described) in specification.operations().items():
        function = builder(specification, name)
        operation = function(**required_arguments(function))
        assert operation.endpoint is specification.module("operations").ENDPOINTS[name]
        wire_names = re.findall(r"{(\w+)}", path)
        assert operation.path_values == {wire: f"<{snake_case(wire)}>" for wire in wire_names}
        assert (operation.query, operation.headers) == ({}, {})
        expected = None
        if "application/json" in described.get("requestBody", {"content": {}})["content"]:
            expected = kinds.JsonBody("<body>")
        elif "requestBody" in described:
            expected = kinds.MultipartBody((kinds.FileField("file", "<file>"),))
        assert operation.body == expected


def test_query_holds_just_what_is_given(claro: Any) -> None:
    """A query has the parameters that were given, as plain values, whatever their truth value."""
    operations, models = claro.module("operations"), claro.module("models")
    assert operations.list_datasets(type=models.DatasetType.ANALYSIS, status="completed").query == {
        "type": "analysis",
        "status": "completed",
    }
    query = operations.get_dataset_data("d", page=0, columns="", include_metadata=False).query
    assert query == {"page": 0, "columns": "", "includeMetadata": False}
    assert query["includeMetadata"] is False
    enum = models.SortOrder.DESC
    assert type(operations.get_datasource_data("s", order=enum).query["order"]) is str


def test_operation_cannot_be_changed(claro: Any) -> None:
    """An operation and what it shares with others are immutable."""
    operation = claro.module("operations").list_datasets()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        operation.query = {"page": 1}
    with pytest.raises(TypeError):
        operation.headers["Authorization"] = "Bearer k"
    with pytest.raises(TypeError):
        claro.module("operations").ENDPOINTS["listDatasets"] = None


def test_packages_share_the_operation_type(claro: Any, mining: Any) -> None:
    """One transport can run the operations of both packages, since their type is the same."""
    for name in ("Operation", "Endpoint", "JsonBody", "MultipartBody", "FileField"):
        assert getattr(claro.module("operation"), name) is getattr(mining.module("operation"), name)


def test_builders_cite_the_documents(specification: Any) -> None:
    """Each builder's documentation has the document and the section of its operation."""
    for name, (_, _, operation) in specification.operations().items():
        words = " ".join((builder(specification, name).__doc__ or "").split())
        assert operation["summary"] in words
        assert operation["description"].strip() in words


def test_unknown_enum_value_is_kept(specification: Any) -> None:
    """Each enum keeps a value it does not know, equal to its string, outside its members."""
    for enum in enums_of(specification):
        members = list(enum)
        unknown = enum("from the future")
        assert isinstance(unknown, enum)
        assert unknown == "from the future"
        assert hash(unknown) == hash("from the future")
        assert (unknown.value, str(unknown)) == ("from the future", "from the future")
        assert repr(unknown) == f"{enum.__name__}('from the future')"
        assert list(enum) == members
        with pytest.raises(ValueError, match="5"):
            enum(5)  # type: ignore[arg-type]


def test_enum_members_are_the_documented_values(specification: Any) -> None:
    """Each enum has the values of its schema in their order, and knows them from others."""
    schemas = specification.document["components"]["schemas"]
    for enum in enums_of(specification):
        assert [member.value for member in enum] == schemas[enum.__name__]["enum"]
        assert all(member.is_known for member in enum)  # type: ignore[attr-defined]
        assert not enum("other").is_known  # type: ignore[attr-defined]
        assert [eval(repr(member), {enum.__name__: enum}) for member in enum] == list(enum)  # noqa: S307


@pytest.mark.parametrize("value", ["raw", "extraction"])
def test_enum_value_survives_copies(claro: Any, value: str) -> None:
    """Known and unknown enum values survive pickling, copying and encoding as JSON."""
    member = claro.module("models").TaskType(value)
    copies = [pickle.loads(pickle.dumps(member)), copy.copy(member), copy.deepcopy(member)]  # noqa: S301
    assert copies == [member] * 3
    assert {type(item) for item in copies} == {type(member)}
    assert msgspec.json.decode(msgspec.json.encode(member)) == value


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_generated_module_is_pure(path: Path) -> None:
    """A generated module imports nothing that does I/O, and nothing of the hand-written layer."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    assert imported <= MAY_BE_IMPORTED
    levels = [node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert max(levels, default=0) <= len(path.relative_to(GENERATED).parts)
    names = {getattr(node, field, None) for node in ast.walk(tree) for field in ("id", "name")}
    assert not names & {"from_dict", "UNSET", "Unset", "open", "print"}


def undocumented_fields(node: ast.ClassDef) -> list[str]:
    """The fields of a class that no string follows."""
    return [
        field.target.id
        for field, after in pairwise([*node.body, None])
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and field.target.id != "__wire_names__"
        and not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant))
    ]


@pytest.mark.parametrize("path", MODULES, ids=module_id)
def test_generated_names_are_documented(path: Path) -> None:
    """A generated module, its classes with their fields, and its functions are documented."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            assert ast.get_docstring(node), getattr(node, "name", "module")
        if isinstance(node, ast.ClassDef) and "/models/" in path.as_posix():
            assert undocumented_fields(node) == []


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_manifest_tells_edits_by_hand() -> None:
    """The manifest has every file and its hash, so that any edit by hand is seen without tools."""
    manifest = json.loads((GENERATED / "GENERATED.json").read_text(encoding="utf-8"))
    found = {
        path.relative_to(GENERATED).as_posix(): digest(path)
        for path in GENERATED.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "GENERATED.json"
    }
    assert found == manifest["files"]
    for group in ("specifications", "generator"):
        for name, expected in manifest[group].items():
            assert digest(ROOT / "openapi" / name) == expected, name


def generator_is_missing() -> bool:
    """Whether the generator is not installed; it is in a dependency group of its own."""
    try:
        version("openapi-python-client")
    except PackageNotFoundError:
        return True
    return False


@pytest.mark.skipif(generator_is_missing(), reason="openapi-python-client is not installed")
@pytest.mark.parametrize("place", ["tmp", ".nox/tmp", "ignored"])
def test_generating_again_changes_nothing(tmp_path: Path, place: str) -> None:
    """The generator, run again, writes the same bytes, wherever its temporary files are."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("ignored\n")
    temporary = tmp_path / place
    temporary.mkdir(parents=True)
    command = [sys.executable, str(ROOT / "openapi" / "generate.py"), "--check"]
    environment = {**os.environ, "TMPDIR": str(temporary), "TEMP": str(temporary)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
