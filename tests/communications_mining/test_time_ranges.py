"""Windows of time side by side, merged in order."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import pytest

from claro_async.errors import ConnectionFailedError

if TYPE_CHECKING:
    from claro_async.communications_mining import CommunicationsMiningClient, Dataset
    from claro_async.emulator import Emulator

EXPORT = "mining.exportDataset"


@pytest.mark.parametrize("windows", [2, 3, 4, 16, 64])
@pytest.mark.parametrize("order_by", ["timestamp", "created_at"])
async def test_the_order_is_the_same(
    example: Dataset, emulator: Emulator, windows: int, order_by: Literal["timestamp", "created_at"]
) -> None:
    """However many windows there are, the comments come as from one, each once."""
    stream = example.export(windows=windows, order_by=order_by, limit=64)
    found = [comment.uid async for comment in stream]
    assert found == emulator.mining.uids("project", "example", order_by)


async def test_they_are_read_at_the_same_time(example: Dataset, emulator: Emulator) -> None:
    """Four windows have four requests on their way at once."""
    emulator.faults.add(EXPORT, "slow", delay=0.02, after=1)
    found = [comment async for comment in example.export(windows=4, limit=32)]
    assert len(found) == 1000
    assert emulator.ledger.max_in_flight == 4


async def test_times_are_kept(example: Dataset, emulator: Emulator) -> None:
    """Windows are cut within `from_` and `to`, which hold as without windows."""
    start, end = datetime(2020, 6, 1, tzinfo=UTC), datetime(2021, 6, 1, tzinfo=UTC)
    plain = [each.uid async for each in example.export(from_=start, to=end)]
    assert 100 < len(plain) < 1000
    emulator.ledger.clear()
    assert [each.uid async for each in example.export(from_=start, to=end, windows=5)] == plain
    assert emulator.ledger.count(EXPORT) >= 6


async def test_future_comments_are_not_lost(
    mining: CommunicationsMiningClient, emulator: Emulator
) -> None:
    """A timestamp is the uploader's: without `to`, one beyond today belongs to the last window."""
    far = [
        {"uid": f"s.{year}", "timestamp": f"{year}-01-01T00:00:00Z"}
        for year in (2001, 2015, 2020, 2199)
    ]
    emulator.mining.add_dataset("project", "d", far)
    stream = mining.dataset("project", "d").export(windows=4)
    assert [each.uid async for each in stream] == ["s.2001", "s.2015", "s.2020", "s.2199"]


@pytest.mark.parametrize("count", [0, 1, 50])
async def test_too_little_to_cut(
    mining: CommunicationsMiningClient, emulator: Emulator, count: int
) -> None:
    """No comments, one, or many of one moment are read in a single run."""
    moment = "2199-01-01T00:00:00Z"
    emulator.mining.add_dataset(
        "project", "d", [{"uid": f"s.{number}", "timestamp": moment} for number in range(count)]
    )
    stream = mining.dataset("project", "d").export(windows=4)
    assert len([each async for each in stream]) == count
    assert emulator.ledger.count(EXPORT) <= 2


async def test_a_failing_window_fails_in_its_turn(example: Dataset, emulator: Emulator) -> None:
    """What comes before the failure is given, and a saved place goes on behind it."""
    expected = emulator.mining.uids("project", "example")
    fault = emulator.faults.add(EXPORT, "reset", after=10)
    stream = example.export(windows=4, limit=50)
    found: list[str] = []

    async def read() -> None:
        async for comment in stream:
            found.append(comment.uid)

    with pytest.raises(ConnectionFailedError):
        await read()
    assert 0 < len(found) < len(expected)
    assert found == expected[: len(found)]
    fault.remove()
    rest = example.export(limit=50, continuation=stream.continuation)
    found += [comment.uid async for comment in rest]
    assert found == expected


async def test_leaving_early_calls_all_windows_off(example: Dataset, emulator: Emulator) -> None:
    """After the loop is left no window asks for another page."""
    pages = example.export(windows=4, limit=10).pages()
    await anext(pages)
    await pages.aclose()
    asked = emulator.ledger.count()
    for _ in range(200):
        await asyncio.sleep(0)
    assert emulator.ledger.count() <= asked + emulator.ledger.in_flight


@pytest.mark.parametrize("order_by", ["timestamp", "created_at"])
async def test_ranges_for_several_processes(
    example: Dataset, emulator: Emulator, order_by: Literal["timestamp", "created_at"]
) -> None:
    """The ranges meet, have the given ends, and hold every comment between them."""
    ranges = await example.time_ranges(5, order_by=order_by)
    assert len(ranges) == 5
    assert (ranges[0][0], ranges[-1][1]) == (None, None)
    assert all(before[1] == after[0] for before, after in pairwise(ranges))
    found = [
        each.uid
        for start, end in ranges
        async for each in example.export(from_=start, to=end, order_by=order_by)
    ]
    assert found == emulator.mining.uids("project", "example", order_by)


async def test_ranges_within_given_times(example: Dataset, emulator: Emulator) -> None:
    """The first and the last end are those that were given; a single range costs no request."""
    start, end = datetime(2020, 6, 1, tzinfo=UTC), datetime(2021, 6, 1, tzinfo=UTC)
    assert await example.time_ranges(1, from_=start, to=end) == [(start, end)]
    assert emulator.ledger.count(EXPORT) == 0
    ranges = await example.time_ranges(64, from_=start, to=end)
    assert (ranges[0][0], ranges[-1][1], len(ranges)) == (start, end, 64)
    assert emulator.ledger.count(EXPORT) <= 11


async def test_ranges_that_cannot_be(example: Dataset, emulator: Emulator) -> None:
    """What is outside the limits is refused before anything is sent."""
    with pytest.raises(ValueError, match="windows must be"):
        await example.time_ranges(65)
    with pytest.raises(TypeError, match="unexpected keyword argument 'limit'"):
        await example.time_ranges(2, limit=3)  # type: ignore[call-arg]
    assert emulator.ledger.count() == 0
