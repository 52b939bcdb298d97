"""Batches of transfers and links that are stopped before their end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator


async def test_a_stopped_batch_finishes_what_is_on_its_way(
    emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """Once ``stop`` is set no further link is made, and the report says how many were not sent."""
    dataset_id = emulator.add_dataset(
        "d", [{"name": "file", "taskType": "raw"}], [[None] for _ in range(20)]
    )
    source = emulator.add_datasource(b"text", file_name="a.txt")
    stop = asyncio.Event()
    claro = connect(emulator.base_url)
    rows = [row async for row in claro.dataset(dataset_id).rows()]
    links = {row.cell("file").cell_id: source for row in rows}
    report = await claro.dataset(dataset_id).link_datasources(
        links, max_concurrency=2, on_progress=lambda _: stop.set(), stop=stop
    )
    assert 1 <= report.succeeded <= 3
    assert report.succeeded + report.not_sent == report.total == 20
    made = emulator.ledger.count("linkDatasource")
    assert made == report.succeeded


@pytest.mark.parametrize("stop", [object(), 1])
async def test_a_stop_that_is_no_event_is_refused(
    emulator: Emulator, connect: Callable[..., ClaroClient], stop: Any
) -> None:
    """What cannot be waited for is refused before anything is sent."""
    with pytest.raises(TypeError, match=r"stop must be an asyncio\.Event"):
        await connect(emulator.base_url).dataset("d").link_datasources({}, stop=stop)
    assert emulator.ledger.count() == 0
