"""Saving where an export stands, and taking it up again."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from claro_async.communications_mining.known_uids import RecentUids
from tests.communications_mining.server import take

if TYPE_CHECKING:
    from claro_async.communications_mining import (
        CommunicationsMiningClient,
        Dataset,
    )
    from claro_async.emulator import Emulator

EXPORT = "mining.exportDataset"


@pytest.mark.parametrize("windows", [1, 4])
async def test_a_stream_left_anywhere_goes_on_there(
    example: Dataset, emulator: Emulator, windows: int
) -> None:
    """Left anywhere and taken up from saved text each time, it loses and repeats nothing."""
    random = Random(windows)  # noqa: S311 - repeatable
    expected = emulator.mining.uids("project", "example")
    found: list[str] = []
    state: str | None = None
    for _ in range(1000):
        stream = example.export(limit=37, windows=windows, continuation=state)
        found += await take(stream, random.randrange(1, 90))
        state = stream.continuation
        if state is None:
            break
    assert found == expected


async def test_pages_can_be_gone_on_from(example: Dataset, emulator: Emulator) -> None:
    """Within `pages`, the page at hand counts as given."""
    found: list[str] = []
    state: str | None = None
    while True:
        stream = example.export(limit=100, continuation=state)
        async for page in stream.pages():
            found += [comment.uid for comment in page]
            break
        state = stream.continuation
        if state is None:
            break
    assert found == emulator.mining.uids("project", "example")
    assert emulator.ledger.count(EXPORT) <= 20


async def test_a_second_loop_goes_on(example: Dataset, emulator: Emulator) -> None:
    """Another loop over the same stream begins where the first one was left, and ends once."""
    stream = example.export(limit=64)
    found = await take(stream, 100)
    found += await take(stream, 10_000)
    assert found == emulator.mining.uids("project", "example")
    assert await take(stream, 1) == []


async def test_the_filters_are_in_it(example: Dataset) -> None:
    """A continuation needs no filters beside it, and stays with those that it was made with."""
    start, end = datetime(2021, 1, 1, tzinfo=UTC), datetime(2021, 12, 31, tzinfo=UTC)
    filters: dict[str, Any] = {
        "order_by": "created_at",
        "from_": start,
        "to": end,
        "source_ids": ["18ba5ce699f8da1f"],
    }
    expected = [each.uid async for each in example.export(**filters)]
    stream = example.export(limit=50, **filters)
    first = await take(stream, 70)
    assert first + await take(example.export(continuation=stream.continuation), 9999) == expected
    again = example.export(continuation=stream.continuation, **filters)
    assert first + await take(again, 9999) == expected


async def test_uids_are_passed_again(example: Dataset, emulator: Emulator) -> None:
    """An export by uids goes on with the same uids, and refuses others or none."""
    wanted = emulator.mining.uids("project", "example")[:600]
    stream = example.export(comment_uids=wanted)
    found = await take(stream, 300)
    state = stream.continuation
    found += await take(example.export(comment_uids=wanted, continuation=state), 9999)
    assert sorted(found) == sorted(wanted)
    with pytest.raises(ValueError, match="pass the same again"):
        example.export(continuation=state)
    with pytest.raises(ValueError, match="another comment_uids"):
        example.export(comment_uids=wanted[1:], continuation=state)


async def test_continuations_of_another_export(
    mining: CommunicationsMiningClient, example: Dataset
) -> None:
    """A continuation is refused for another dataset and with other filters, before any request."""
    stream = example.export(order_by="timestamp", limit=10)
    await take(stream, 15)
    state = stream.continuation
    assert state is not None
    with pytest.raises(ValueError, match="belongs to 'project/example'"):
        mining.dataset("project", "other").export(continuation=state)
    with pytest.raises(ValueError, match="another order_by"):
        example.export(order_by="created_at", continuation=state)
    with pytest.raises(ValueError, match="another from"):
        example.export(from_=datetime(2020, 1, 1, tzinfo=UTC), continuation=state)
    with pytest.raises(ValueError, match="damaged"):
        example.export(continuation=state[:-20])


async def test_a_token_of_the_server(example: Dataset, emulator: Emulator) -> None:
    """The server's own token, from whoever asked, is a continuation as well."""
    headers = {"Authorization": f"Bearer {emulator.mining_token}"}
    url = f"{emulator.mining_base_url}/datasets/project/example/export"
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(url, json={"limit": 250}) as reply,
    ):
        token = (await reply.json())["continuation"]
    rest = [each.uid async for each in example.export(continuation=token)]
    assert rest == emulator.mining.uids("project", "example")[250:]
    with pytest.raises(ValueError, match="windows"):
        example.export(continuation=token, windows=2)
    with pytest.raises(ValueError, match="comment_uids"):
        example.export(continuation=token, comment_uids=["a.b"])


async def test_comments_that_came_in_meanwhile(
    mining: CommunicationsMiningClient, emulator: Emulator
) -> None:
    """Comments that are added behind the present place come too; those before it do not disturb."""
    emulator.mining.add_dataset("project", "d", 100)
    dataset = mining.dataset("project", "d")
    stream = dataset.export(limit=10)
    found = await take(stream, 55)
    late = {"uid": "late.1", "timestamp": "2031-01-01T00:00:00Z"}
    early = {"uid": "early.1", "timestamp": "1999-01-01T00:00:00Z"}
    before = emulator.mining.uids("project", "d")
    emulator.mining.add_comments("project", "d", [late, early])
    found += await take(dataset.export(continuation=stream.continuation, limit=10), 9999)
    assert found == [*before, "late.1"]


def test_uids_are_remembered_in_bounded_memory() -> None:
    """The latest 16,384 uids are known, older ones forgotten, and as many written as asked for."""
    recent = RecentUids()
    for number in range(50_000):
        recent.add(f"s.{number}")
    assert len(recent) == len(recent._known) == 16_384
    assert "s.49999" in recent
    assert "s.33616" in recent
    assert "s.33615" not in recent
    assert len(recent.tail(256)) == 256 * 12
    resumed = RecentUids(recent.tail(256))
    assert len(resumed) == 256
    assert "s.49999" in resumed
    assert "s.49744" in resumed
    assert "s.49743" not in resumed
    resumed.add("s.50000")
    assert "s.50000" in resumed
    assert resumed.tail(257)[:-12] == recent.tail(256)


async def test_the_text_stays_short_and_plain(example: Dataset) -> None:
    """A continuation is printable ASCII of a few KB, whatever was read."""
    stream = example.export(limit=100)
    await take(stream, 950)
    state = stream.continuation
    assert state is not None
    assert state.isascii()
    assert state.isprintable()
    assert len(state) < 6 * 1024
