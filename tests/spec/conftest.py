"""The specifications, and the samples that the documents give of requests and replies."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import frozen
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from claro_async.wire.converter import ModelConverter

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"claro": "claro_api", "communications_mining": "communications_mining_api"}
METHODS = {"get", "put", "post", "delete", "patch"}


@frozen
class Specification:
    """A specification, as its file has it."""

    name: str
    document: dict[str, Any]

    @property
    def package(self) -> str:
        """Name of the package that is generated from it."""
        return PACKAGES[self.name]

    def module(self, name: str) -> Any:
        """A module of that package."""
        return import_module(f"claro_async._generated.{self.package}.{name}")

    def operations(self) -> dict[str, tuple[str, str, dict[str, Any]]]:
        """Method, path and description of every operation, by id."""
        return {
            operation["operationId"]: (method.upper(), path, operation)
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
            if method in METHODS
        }

    def parameters(self, operation_id: str) -> list[dict[str, Any]]:
        """The parameters of an operation, those of its path first."""
        _, path, operation = self.operations()[operation_id]
        shared = self.document["paths"][path].get("parameters", [])
        return [self.resolve(node) for node in [*shared, *operation.get("parameters", [])]]

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """Follow a reference, if the node is one."""
        while "$ref" in node:
            target: dict[str, Any] = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node

    def request_schema(self, operation_id: str) -> str:
        """Name of the schema of an operation's JSON body."""
        content = self.operations()[operation_id][2]["requestBody"]["content"]
        return schema_name(content["application/json"]["schema"])

    def reply_schema(self, operation_id: str, status: str) -> str:
        """Name of the schema of an operation's reply with a status, or ``default``."""
        response = self.resolve(self.operations()[operation_id][2]["responses"][status])
        return schema_name(response["content"]["application/json"]["schema"])

    def validator(self, schema: str) -> Draft202012Validator:
        """A validator for one of the specification's schemas."""
        address = f"urn:{self.name}"
        resource = DRAFT202012.create_resource(self.document)
        registry: Registry[Any] = Registry().with_resource(address, resource)
        return Draft202012Validator(
            {"$ref": f"{address}#/components/schemas/{schema}"}, registry=registry
        )


@frozen
class Sample:
    """A JSON body that the documents show."""

    specification: Specification
    source: str
    operation: str
    kind: str
    body: Any

    @property
    def schema(self) -> str:
        """Name of the schema that the body must fit."""
        if self.kind == "request":
            return self.specification.request_schema(self.operation)
        status = "200" if self.kind == "reply" else "default"
        return self.specification.reply_schema(self.operation, status)


def schema_name(node: dict[str, str]) -> str:
    """Name of the schema that a node refers to."""
    return node["$ref"].removeprefix("#/components/schemas/")


def load_specification(name: str) -> Specification:
    """Read a specification from its file."""
    text = (ROOT / "openapi" / f"{name}.yaml").read_text(encoding="utf-8")
    return Specification(name, yaml.safe_load(text))


def sample_files() -> list[Path]:
    """The files of all samples."""
    return sorted((Path(__file__).parent / "samples").rglob("*.json"))


@pytest.fixture(scope="session", params=PACKAGES)
def specification(request: pytest.FixtureRequest) -> Specification:
    """Each specification in turn."""
    return load_specification(request.param)


@pytest.fixture(scope="session", params=sample_files(), ids=lambda path: path.stem)
def sample(request: pytest.FixtureRequest) -> Sample:
    """Each sample in turn."""
    content = json.loads(request.param.read_text(encoding="utf-8"))
    return Sample(load_specification(request.param.parent.name), **content)


@pytest.fixture(scope="session")
def converter() -> ModelConverter:
    """One converter for all tests, since it compiles its hooks once a model."""
    return ModelConverter()


@pytest.fixture(scope="session")
def claro() -> Specification:
    """The specification of the Claro API."""
    return load_specification("claro")


@pytest.fixture(scope="session")
def mining() -> Specification:
    """The specification of the Communications Mining API."""
    return load_specification("communications_mining")


@pytest.fixture(scope="session")
def sample_names() -> dict[str, set[str]]:
    """Ids of the operations of each specification that have a sample of a reply."""
    names: dict[str, set[str]] = {name: set() for name in PACKAGES}
    for path in sample_files():
        if path.name.endswith(".reply.json"):
            names[path.parent.name].add(path.name.removesuffix(".reply.json"))
    return names
