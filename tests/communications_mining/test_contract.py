"""Every operation, through the client, held against the specification on both ends of the wire."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml
from jsonschema import Draft202012Validator

from claro_async._generated.communications_mining_api.operations import ENDPOINTS
from claro_async.emulator import MINING_OPERATION_IDS
from claro_async.transport import aiohttp_session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from claro_async.communications_mining import CommunicationsMiningClient
    from claro_async.emulator import Emulator
    from claro_async.wire.replies import HttpReply
    from claro_async.wire.requests import HttpRequest

SPECIFICATION = yaml.safe_load(
    (Path(__file__).parents[2] / "openapi" / "communications_mining.yaml").read_text("utf-8")
)


class Case(NamedTuple):
    """A call, what it must send, and which permission it needs."""

    call: Callable[[CommunicationsMiningClient], Awaitable[Any]]
    method: str
    path: str
    body: Any
    permission: str


async def export(client: CommunicationsMiningClient) -> list[Any]:
    """Export with every filter that goes together."""
    stream = client.dataset("project", "example").export(
        order_by="created_at",
        from_=datetime(2019, 1, 1, tzinfo=UTC),
        to=datetime(2030, 1, 1, microsecond=5, tzinfo=UTC),
        source_ids=["18ba5ce699f8da1f"],
        limit=256,
    )
    return await anext(stream.pages())


CASES = {
    "listAllDatasets": Case(
        lambda client: client.datasets.list(), "GET", "/datasets", None, "View labels"
    ),
    "listProjectDatasets": Case(
        lambda client: client.datasets.list(project="project"),
        "GET",
        "/datasets/project",
        None,
        "View labels",
    ),
    "getProjectDataset": Case(
        lambda client: client.dataset("project", "example").get(),
        "GET",
        "/datasets/project/example",
        None,
        "View labels",
    ),
    "getModelTags": Case(
        lambda client: client.dataset("project", "example").model_tags(),
        "GET",
        "/datasets/project/example/model-tags",
        None,
        "Model Admin",
    ),
    "createDataset": Case(
        lambda client: client.dataset("project", "a new/one").create(
            title="T",
            description="D",
            source_ids=["18ba5ce699f8da1f"],
            model_family="multilingual",
            has_sentiment=False,
        ),
        "PUT",
        "/datasets/project/a%20new%2Fone",
        {
            "dataset": {
                "title": "T",
                "description": "D",
                "source_ids": ["18ba5ce699f8da1f"],
                "model_family": "multilingual",
                "has_sentiment": False,
            }
        },
        "Modify datasets",
    ),
    "updateDataset": Case(
        lambda client: client.dataset("project", "example").update(title="An Alternative Title"),
        "POST",
        "/datasets/project/example",
        {"dataset": {"title": "An Alternative Title"}},
        "Datasets admin",
    ),
    "deleteDataset": Case(
        lambda client: client.dataset("project", "example").delete(confirm="project/example"),
        "DELETE",
        "/datasets/project/example",
        None,
        "Datasets admin",
    ),
    "exportDataset": Case(
        export,
        "POST",
        "/datasets/project/example/export",
        {
            "order_by": "created_at",
            "from": "2019-01-01T00:00:00Z",
            "to": "2030-01-01T00:00:00.000005Z",
            "source_ids": ["18ba5ce699f8da1f"],
            "limit": 256,
        },
        "Export datasets",
    ),
}


def validate(schema: dict[str, Any], value: Any) -> None:
    """Hold a value against a schema of the specification."""
    whole = {**schema, "components": SPECIFICATION["components"]}
    Draft202012Validator(whole).validate(value)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> list[tuple[HttpRequest, HttpReply]]:
    """What is sent and what comes back, as it passes."""
    passed: list[tuple[HttpRequest, HttpReply]] = []
    send = aiohttp_session.AiohttpSession.send

    async def watched(self: aiohttp_session.AiohttpSession, request: HttpRequest) -> HttpReply:
        reply = await send(self, request)
        passed.append((request, reply))
        return reply

    monkeypatch.setattr(aiohttp_session.AiohttpSession, "send", watched)
    return passed


def test_every_operation_has_a_case() -> None:
    """The cases, the generated endpoints and the emulator know the same eight."""
    assert set(CASES) == set(ENDPOINTS)
    assert {f"mining.{name}" for name in CASES} == MINING_OPERATION_IDS


@pytest.mark.parametrize("operation_id", sorted(CASES))
async def test_request_and_reply_are_as_specified(
    mining: CommunicationsMiningClient,
    emulator: Emulator,
    wire: list[tuple[HttpRequest, HttpReply]],
    operation_id: str,
) -> None:
    """The call sends the documented method, path and body, and the reply fits the schema."""
    case = CASES[operation_id]
    await case.call(mining)
    request, reply = wire[0]
    assert (request.operation, request.method) == (operation_id, case.method)
    assert request.target == case.path
    assert (None if request.content is None else json.loads(request.content)) == case.body
    template = ENDPOINTS[operation_id].path
    specified = SPECIFICATION["paths"][template][case.method.lower()]
    if case.body is not None:
        content = specified["requestBody"]["content"]
        validate(content["application/json"]["schema"], case.body)
    content = specified["responses"][str(reply.status)]["content"]
    validate(content["application/json"]["schema"], json.loads(reply.content))
    record = emulator.ledger.requests[0]
    assert (record.operation, record.raw_path) == (
        f"mining.{operation_id}",
        f"/api/v1{case.path}",
    )
    assert record.authorization == "valid"
