"""``{openapi} file``: an API as its specification in ``openapi/`` describes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docutils import nodes
    from sphinx.application import Sphinx

SPECIFICATIONS = Path(__file__).parents[3] / "openapi"
METHODS = ("get", "post", "put", "patch", "delete")
LIMITS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "default")


class Renderer:
    """Writes a specification as Markdown.

    Args:
        specification: What the YAML file holds.
    """

    def __init__(self, specification: dict[str, Any]) -> None:
        self._specification = specification

    def resolved(self, value: dict[str, Any]) -> dict[str, Any]:
        """Follow a reference within the file; what stands beside it goes first."""
        if "$ref" not in value:
            return value
        found: Any = self._specification
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return self.resolved(found) | {key: each for key, each in value.items() if key != "$ref"}

    def introduction(self) -> Iterator[str]:
        """Write what stands before the first heading."""
        yield cell(self._specification["info"]["description"])
        for server in self._specification["servers"]:
            yield f"\nBase URL: `{server['url']}`"

    def sections(self) -> Iterator[str]:
        """Write all operations and schemas."""
        yield "\n## Operations\n"
        for path, item in self._specification["paths"].items():
            for method in METHODS:
                if method in item:
                    yield from self.operation(method.upper(), path, item, item[method])
        yield "\n## Schemas\n"
        for name, schema in self._specification["components"]["schemas"].items():
            yield from self.schema(name, schema)

    def operation(
        self, method: str, path: str, item: dict[str, Any], operation: dict[str, Any]
    ) -> Iterator[str]:
        """Write one operation: what it takes, what it gives."""
        yield f"### {operation['operationId']}\n"
        yield f"`{method} {path}`\n"
        yield f"{cell(operation['summary'])} {cell(operation['description'])}\n"
        yield f"Idempotency: {operation['x-idempotency']}.\n"
        if "x-inferred" in operation:
            yield f"Inferred: {cell(operation['x-inferred'])}\n"
        parameters = [
            self.resolved(each)
            for each in (*item.get("parameters", ()), *operation.get("parameters", ()))
        ]
        if parameters:
            yield "| parameter | in | type | meaning |"
            yield "| --- | --- | --- | --- |"
        for each in parameters:
            name = f"`{each['name']}`" + (" (required)" if each.get("required") else "")
            meaning = with_inference(each.get("description", ""), each, each["schema"])
            yield f"| {name} | {each['in']} | {self.type_of(each['schema'])} | {meaning} |"
        yield from self.body(operation)
        yield "\n| reply | meaning | body |"
        yield "| --- | --- | --- |"
        for status, reply in operation["responses"].items():
            resolved = self.resolved(reply)
            content = ", ".join(
                f"{self.type_of(each['schema'])}" for each in resolved.get("content", {}).values()
            )
            yield f"| {status} | {with_inference(resolved['description'], resolved)} | {content} |"
        yield ""

    def body(self, operation: dict[str, Any]) -> Iterator[str]:
        """Write what a request carries."""
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"\nBody, `{media_type}`: {self.type_of(content['schema'])}\n"

    def schema(self, name: str, schema: dict[str, Any]) -> Iterator[str]:
        """Write one schema with its fields."""
        yield f"\n({anchor(self._specification, name)})="
        yield f"\n### {name}\n"
        yield with_inference(schema.get("description", ""), schema) + "\n"
        properties = schema.get("properties", {})
        if not properties:
            yield f"{self.type_of(schema)}\n"
            return
        yield "| field | type | meaning |"
        yield "| --- | --- | --- |"
        for field, value in properties.items():
            required = " (required)" if field in schema.get("required", ()) else ""
            meaning = with_inference(self.resolved(value).get("description", ""), value)
            yield f"| `{field}`{required} | {self.type_of(value)} | {meaning} |"
        yield ""

    def type_of(self, schema: dict[str, Any]) -> str:
        """Name a type in a few words; a schema of its own is a link."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return f"{{ref}}`{name} <{anchor(self._specification, name)}>`"
        if "anyOf" in schema:
            return " or ".join(self.type_of(each) for each in schema["anyOf"])
        if "enum" in schema:
            return ", ".join(f"`{json.dumps(each)}`" for each in schema["enum"])
        kind = schema.get("type", "any value")
        kinds = [kind] if isinstance(kind, str) else kind
        if "array" in kinds:
            kinds = [
                f"array of {self.type_of(schema['items'])}" if k == "array" else k for k in kinds
            ]
        text = " or ".join(kinds) + (f" ({schema['format']})" if "format" in schema else "")
        limits = [f"{name} {json.dumps(schema[name])}" for name in LIMITS if name in schema]
        return ", ".join([text, *limits])


def cell(text: str) -> str:
    """Bring a text onto one line of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def with_inference(text: str, *sources: dict[str, Any]) -> str:
    """Append what is inferred and not documented."""
    inferred = [f"*Inferred:* {each['x-inferred']}" for each in sources if "x-inferred" in each]
    return cell(" ".join([text, *inferred]))


def anchor(specification: dict[str, Any], name: str) -> str:
    """Name the target of a schema; both APIs have schemas of the same name."""
    return f"{specification['info']['title']}-{name}".lower().replace(" ", "-")


class OpenApi(SphinxDirective):
    """An API on a page."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write it as Markdown and parse that."""
        path = SPECIFICATIONS / self.arguments[0]
        self.env.note_dependency(str(path))
        specification = yaml.safe_load(path.read_text("utf-8"))
        renderer = Renderer(specification)
        return [
            *self.parse_text_to_nodes("\n".join(renderer.introduction())),
            *self.parse_text_to_nodes("\n".join(renderer.sections()), allow_section_headings=True),
        ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("openapi", OpenApi)
    return {}
