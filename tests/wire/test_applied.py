"""Successes of changes that say less than documented: the change was made, and is not an error."""

from asyncio import StreamWriter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from claro_async import ClaroClient, TaskType
from tests.wire.raw_server import RawRequest, RawServer, answering, reply
from tests.wire.ways import lane  # noqa: F401 - both of them

CHANGES: dict[str, tuple[Callable[[ClaroClient], Any], dict[str, Any]]] = {
    "update_cell": (
        lambda claro: claro.dataset("d").update_cell("c", "new"),
        {"cell_id": "c", "value": "new", "previous_value": None, "updated_by": None},
    ),
    "update_column": (
        lambda claro: claro.dataset("d").update_column("col", name="n", metadata={"a": 1}),
        {"column_id": "col", "name": "n", "metadata": {"a": 1}, "updated_at": None},
    ),
    "link_datasource": (
        lambda claro: claro.dataset("d").link_datasource("c", "s"),
        {"cell_id": "c", "datasource_id": "s", "linked_at": None, "previous_datasource": None},
    ),
    "delete a dataset": (
        lambda claro: claro.dataset("d").delete(confirm="d"),
        {"dataset_id": "d", "deleted_at": None, "confirmed_by_absence": False, "message": None},
    ),
    "delete a data source": (
        lambda claro: claro.datasource("s").delete(confirm="s"),
        {"datasource_id": "s", "deleted_at": None, "confirmed_by_absence": False, "message": None},
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("status", "body"), [(204, b""), (200, b""), (200, b"{}"), (202, b"null"), (200, b" ")]
)
async def test_a_success_that_says_nothing_gives_what_the_request_said(
    change: str, status: int, body: bytes, connect: Callable[..., ClaroClient]
) -> None:
    """A change whose success has no body gives what is known; one request is sent."""
    call, known = CHANGES[change]
    async with RawServer(answering(reply(body, status))) as server:
        result = await call(connect(server.base_url))
        assert len(server.requests) == 1
    assert {name: getattr(result, name) for name in known} == known


async def test_what_does_not_fit_in_a_success_is_none_and_kept(
    connect: Callable[..., ClaroClient],
) -> None:
    """A field of another type than documented is None, the others are read, and nothing is lost."""
    body = (
        b'{"cellId": 7, "value": null, "previousValue": "old", "metadataReset": "yes",'
        b' "updatedAt": "2024-03-14 17:30", "updatedBy": null, "revision": 3}'
    )
    async with RawServer(answering(reply(body))) as server:
        result = await connect(server.base_url).dataset("d").update_cell("c", "new")
    assert (result.cell_id, result.value, result.previous_value) == ("c", None, "old")
    assert (result.metadata_reset, result.updated_by) == (None, None)
    assert result.updated_at == datetime(2024, 3, 14, 17, 30, tzinfo=UTC)
    assert result.additional_properties == {"cellId": 7, "metadataReset": "yes", "revision": 3}


async def test_a_changed_task_type_keeps_all_that_the_reply_says(
    connect: Callable[..., ClaroClient],
) -> None:
    """Metadata, whether values were reset, and fields that are not documented are in the result."""
    details = (
        b'{"datasetId": "d", "name": "n", "type": "extraction", "status": "completed",'
        b' "createdAt": "2024-03-14T17:30:00Z", "updatedAt": "2024-03-14T17:30:00Z",'
        b' "columns": [], "rowCount": 0, "columnCount": 0, "linkedDatasources": []}'
    )
    changed = (
        b'{"columnId": "col", "taskType": "ai_enrich", "previousTaskType": "raw",'
        b' "valuesReset": true, "metadata": {"prompt": "p"}, "job": "j"}'
    )

    async def answer(request: RawRequest, writer: StreamWriter) -> None:
        writer.write(reply(changed if request.method == "PUT" else details))
        await writer.drain()

    async with RawServer(answer) as server:
        result = (
            await connect(server.base_url)
            .dataset("d")
            .set_task_type("col", TaskType.AI_ENRICH, metadata={"prompt": "p"}, confirm="col")
        )
    assert (result.task_type, result.previous_task_type) == (TaskType.AI_ENRICH, TaskType.RAW)
    assert (result.values_reset, result.metadata, result.affected_cells) == (
        True,
        {"prompt": "p"},
        None,
    )
    assert result.additional_properties == {"job": "j"}
