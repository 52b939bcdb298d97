"""A request as a test for pytest, against an emulator that holds what the request needs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from claro_async.emulator.console.copied_calls import call, key
from claro_async.emulator.errors import ApiError, invalid
from claro_async.emulator.routing import DOWNLOAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from claro_async.emulator.calls import World
    from claro_async.emulator.console.copied_calls import Copied
    from claro_async.emulator.dataset_store import Column, Dataset

_T = TypeVar("_T")
_ROWS: Final = 5
_FILE_BYTES: Final = 16 * 1024
_LOCKED: Final = b"PROCESSING_IN_PROGRESS"
_DENIED: Final = b"ACCESS_DENIED"
_OK: Final = 200
_SUCCESSES: Final = range(200, 300)
_REPEATABLE_FAULTS: Final = frozenset(
    {"status", "html", "rate_limit", "reset", "disconnect", "truncate", "invalid_json"}
)
_ON_DATASOURCES: Final = frozenset(
    {"getDatasource", "getDatasourceData", "deleteDatasource", "createDatasourceDownload", DOWNLOAD}
)

_TEST: Final = '''\
"""A request that the emulator's console has copied."""

import asyncio
{pytest}
from claro_async import {names}
from claro_async.emulator import Emulator


def test_{name}() -> None:
    """{title}"""

    async def send(emulator: Emulator) -> object:
        async with {client} as {variable}:
            return await {call}

    with Emulator(sample_world=False) as emulator:
{world}
{run}
'''
_CLIENTS: Final = {
    False: ("ClaroClient", "emulator.api_key", "emulator.base_url", "claro"),
    True: (
        "CommunicationsMiningClient",
        "emulator.mining_token",
        "emulator.mining_base_url",
        "mining",
    ),
}


def test_case(world: World, what: Copied) -> str:
    """Write the test.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` where the client has no such call.
    """
    record = what.kept.record
    name, right_key, base_url, variable = _CLIENTS[what.is_mining]
    request = call(what)
    outcome = "fails" if what.is_rejected else "is answered"
    steps = [*_world(world, what), *_fault(what)]
    return _TEST.format(
        pytest="\nimport pytest\n" if what.is_rejected else "",
        names=f"APIStatusError, {name}" if what.is_rejected else name,
        name=re.sub(r"\W+|(?<=[a-z])(?=[A-Z])", "_", what.operation or "request").lower(),
        title=f"{record.method} {what.operation or 'of an unknown path'} {outcome}.",
        client=f"{name}({key(what, right_key)}, {base_url})",
        variable=variable,
        call=request,
        world="\n".join(f"        {step}" for step in steps) or "        # an empty world",
        run="\n".join(f"        {step}" for step in _outcome(what)),
    )


def _fault(what: Copied) -> Iterator[str]:
    record = what.kept.record
    if record.fault not in _REPEATABLE_FAULTS:
        return
    status = record.status
    detail = f", status={status}" if record.fault in ("status", "html") and status else ""
    yield f"emulator.faults.add({what.operation!r}, {record.fault!r}, times=1{detail})"


def _outcome(what: Copied) -> Iterator[str]:
    status, operation = what.kept.record.status, what.operation
    if what.is_rejected:
        yield "with pytest.raises(APIStatusError) as caught:"
        yield "    asyncio.run(send(emulator))"
        yield f"assert caught.value.status == {status}"
        return
    success = status if status in _SUCCESSES and operation != DOWNLOAD else _OK
    # what was asked for once more, since a reply was spoilt, may come more often
    often = "==" if what.kept.record.fault is None else ">="
    yield "asyncio.run(send(emulator))"
    yield f"assert emulator.ledger.count({operation!r}, {success}) {often} 1"
    if operation == "updateCell" and success == _OK:
        dataset_id, cell_id = what.ids
        value = what.json["value"]
        yield f"assert emulator.cell({dataset_id!r}, {cell_id!r}).value == {value!r}"


def _world(world: World, what: Copied) -> Iterator[str]:
    if what.is_mining:
        yield from _mining(world, what)
        return
    if what.operation in _ON_DATASOURCES:
        yield from _datasource(world, what.ids[0], what)
    elif what.ids:
        yield from _dataset(world, what)
    if what.operation == "linkDatasource" and isinstance(what.json, dict):
        yield from _datasource(world, str(what.json.get("datasourceId")), what)
    if _DENIED in what.kept.reply and what.ids:
        yield f"emulator.deny_access({what.ids[0]!r})"


def _found(find: Callable[[str], _T], key: str, noun: str, what: Copied) -> _T | None:
    """What a test needs; None where it is gone, and the request was rejected anyway."""
    try:
        return find(key)
    except ApiError:
        if what.is_rejected:
            return None
    raise invalid("as", f"the {noun} {key} is gone")


def _dataset(world: World, what: Copied) -> Iterator[str]:
    dataset_id = what.ids[0]
    dataset = _found(world.datasets.find, dataset_id, "dataset", what)
    if dataset is None:
        return
    columns = world.datasets.columns(dataset)
    start, count = 0, _ROWS
    place = world.datasets.place(dataset_id, what.ids[1]) if len(what.ids) > 1 else None
    if place is not None:
        start, count = place[0] - 1, 1
    ids, rows = [], []
    for cells in world.datasets.rows(dataset, columns, start, count) if columns else ():
        ids.append([cell_id for _, _, cell_id, *_ in cells])
        rows.append([json.loads(text) for _, _, _, text, *_ in cells])
    yield f"cell_ids = {ids!r}"
    yield "emulator.add_dataset("
    yield f"    {dataset.name!r},"
    yield f"    {[_column(column) for column in columns]!r},"
    yield f"    {rows!r},"
    yield f"    dataset_id={dataset_id!r},"
    yield f"    type={dataset.type!r},"
    yield f"    status={_status(what, dataset)!r},"
    yield "    cell_id=lambda row, column: cell_ids[row - 1][column - 1],"
    yield ")"


def _status(what: Copied, dataset: Dataset) -> str:
    if not what.is_rejected:
        return "completed"
    return "processing" if _LOCKED in what.kept.reply else dataset.status


def _column(column: Column) -> dict[str, Any]:
    shown = {"id": column.id, "name": column.name, "type": column.type}
    if column.task_type != "raw":
        shown["taskType"] = column.task_type
    metadata = json.loads(column.metadata)
    return {**shown, "metadata": metadata} if metadata else shown


def _datasource(world: World, datasource_id: str, what: Copied) -> Iterator[str]:
    source = _found(world.datasources.find, datasource_id, "data source", what)
    if source is None:
        return
    with world.datasources.path(source).open("rb") as file:
        data = file.read(_FILE_BYTES)
    if len(data) < source.size:  # its first lines do
        data = data[: data.rfind(b"\n") + 1]
    yield "emulator.add_datasource("
    yield f"    {data!r},"
    yield f"    file_name={source.file_name!r},"
    yield f"    datasource_id={datasource_id!r},"
    yield ")"
    if what.is_rejected and _LOCKED in what.kept.reply and datasource_id in what.ids:
        yield f"emulator.set_processing({datasource_id!r}, kind='datasource')"


def _mining(world: World, what: Copied) -> Iterator[str]:
    if not what.ids:
        return
    project = what.ids[0]
    if project in world.mining.projects():
        yield f"emulator.mining.add_project({project!r})"
    if len(what.ids) < 2 or what.operation == "mining.createDataset":  # noqa: PLR2004 - project and name
        return
    found = world.mining.look_up(*what.ids)
    if found is None:
        if not what.is_rejected:
            raise invalid("as", f"the dataset {'/'.join(what.ids)} is gone")
        return
    yield f"emulator.mining.add_dataset({project!r}, {what.ids[1]!r}, 10)"
