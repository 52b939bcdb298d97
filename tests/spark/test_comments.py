"""Comments as a frame: every comment in one partition, whatever the server makes of time ranges."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet

pytest.importorskip("pyspark", reason="the extra [spark] is not installed")

from claro_async.communications_mining import CommunicationsMiningClient
from claro_async.communications_mining.columns import COLUMNS
from claro_async.connectors.spark.mining import RangePart
from tests.communications_mining.server import FIRST, comment, minutely, serving, uids
from tests.spark.test_reading import Read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from claro_async.emulator import Emulator

EXPORT = "mining.exportDataset"
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


def options(url: str, **more: str) -> dict[str, str]:
    """What every read of comments is given."""
    return {"api": "mining", "dataset": "project/name", "baseUrl": url, "token": "token", **more}


def emulated(emulator: Emulator, **more: str) -> dict[str, str]:
    """The same for an emulator."""
    return options(emulator.mining_base_url, **{"token": emulator.mining_token, **more})


def numbered(times: list[datetime]) -> list[dict[str, Any]]:
    """A comment of each time."""
    return [{"uid": f"s.{at}", "timestamp": each.isoformat()} for at, each in enumerate(times)]


def read_uids(read: Read) -> list[str]:
    """The uids of a frame, sorted."""
    found: list[str] = sorted(read.table().column("uid").to_pylist())
    return found


@pytest.mark.parametrize("windows", ["1", "3", "8", "64"])
@pytest.mark.parametrize("order", ["timestamp", "created_at"])
def test_every_comment_is_in_one_partition(emulator: Emulator, windows: str, order: str) -> None:
    """However many time ranges there are, each comment comes once, and they share the work."""
    emulator.mining.add_dataset("project", "name", 2000)
    read = Read(emulated(emulator, windows=windows, orderBy=order))
    assert len(read.parts) == int(windows)
    assert read_uids(read) == sorted(emulator.mining.uids("project", "name"))
    if windows == "8":
        sizes = [read.table([part]).num_rows for part in read.parts]
        assert max(sizes) < 2000


def test_the_columns_are_those_of_a_parquet_export(emulator: Emulator, tmp_path: Path) -> None:
    """Value by value the same, also of comments that are not as documented."""
    emulator.mining.add_dataset("project", "name", 500)
    odd = {"uid": "s.odd", "timestamp": BEGIN.isoformat(), "thread_id": 7, "messages": "none"}
    emulator.mining.add_comments("project", "name", [odd])

    async def export() -> None:
        async with CommunicationsMiningClient(
            emulator.mining_token, emulator.mining_base_url
        ) as mining:
            await mining.dataset("project", "name").export_to(tmp_path / "x.parquet")

    asyncio.run(export())
    expected = parquet.read_table(tmp_path / "x.parquet").sort_by("uid").to_pylist()
    found = Read(emulated(emulator)).table().sort_by("uid").to_pylist()
    assert found == expected
    assert list(found[0]) == list(COLUMNS)
    assert [each["misfits"] for each in found if each["uid"] == "s.odd"] != [None]
    narrow = Read(emulated(emulator, columns="uid,messages")).table()
    assert narrow.column_names == ["uid", "messages"]
    assert narrow.num_rows == 501


def test_comments_where_ranges_meet(emulator: Emulator) -> None:
    """At that very moment and a microsecond on either side, a comment is in one range."""
    spread = [BEGIN + timedelta(hours=at) for at in range(200)]
    emulator.mining.add_dataset("project", "name", numbered(spread))
    plan = Read(emulated(emulator, windows="4", to="2024-01-09T08:00:00Z"))
    bounds = [part.end for part in plan.parts if isinstance(part, RangePart) and part.end]
    assert len(bounds) == 3
    steps = [timedelta(microseconds=at) for at in (-999_999, -1, 0, 1, 999_999)]
    near = [
        {"uid": f"near.{number}.{at}", "timestamp": (bound + step).isoformat()}
        for number, bound in enumerate(bounds)
        for at, step in enumerate(steps)
    ]
    emulator.mining.add_comments("project", "name", near)
    assert read_uids(plan) == sorted(emulator.mining.uids("project", "name"))


@pytest.mark.parametrize(
    "coarse",
    [
        pytest.param(lambda time: time.replace(microsecond=0), id="cut to the second"),
        pytest.param(
            lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000),
            id="cut to the millisecond",
        ),
        pytest.param(
            lambda time: (time + timedelta(milliseconds=500)).replace(microsecond=0),
            id="rounded to the second",
        ),
    ],
)
async def test_times_that_a_server_writes_with_fewer_digits(
    coarse: Callable[[datetime], datetime],
) -> None:
    """It compares exact times and writes coarse ones: no comment is lost, and none comes twice."""
    exact = {f"{at:05}": FIRST + timedelta(seconds=at / 7) for at in range(4000)}
    written = [comment(name, coarse(time)) for name, time in exact.items()]
    async with serving(written) as (server, _):

        def is_chosen(exported: dict[str, Any], asked: dict[str, Any]) -> bool:
            time = exact[exported["comment"]["id"]]
            start, end = asked.get("from"), asked.get("to")
            is_late = start is None or time >= datetime.fromisoformat(start)
            return is_late and (end is None or time <= datetime.fromisoformat(end))

        server.is_chosen = is_chosen  # type: ignore[method-assign]
        given = options(server.url, windows="7", to=(FIRST + timedelta(seconds=600)).isoformat())
        read = await asyncio.to_thread(Read, given)
        assert len(read.parts) == 7
        found = await asyncio.to_thread(read_uids, read)
    assert found == sorted(uids(written))


@pytest.mark.parametrize("rounds", ["minute", "day"])
async def test_a_server_that_honours_from_by_more_than_asked(rounds: str) -> None:
    """Comments from before a range come with it, and are left to the range that they are in."""
    written = minutely(1500)
    async with serving(written) as (server, _):
        server.rounds = lambda time: (
            time.replace(second=0, microsecond=0, minute=0)
            - timedelta(hours=0 if rounds == "minute" else time.hour)
        )
        given = options(server.url, windows="5", to="2024-03-15T11:00:00Z")
        read = await asyncio.to_thread(Read, given)
        assert await asyncio.to_thread(read_uids, read) == sorted(uids(written))


async def test_a_server_that_repeats_pages() -> None:
    """A comment that comes again in its range, however late, is left out."""
    written = minutely(40_000)
    again = [*written, *written[:700]]
    async with serving(again) as (server, _):
        read = await asyncio.to_thread(Read, options(server.url, windows="1"))
        assert await asyncio.to_thread(read_uids, read) == sorted(uids(written))


def test_filters_are_asked_of_the_server(emulator: Emulator) -> None:
    """Times, themselves included, and sources; what is not chosen is not fetched."""
    days = [BEGIN + timedelta(days=at) for at in range(100)]
    emulator.mining.add_dataset("project", "name", numbered(days))
    start, end = days[10].isoformat(), days[20].isoformat()
    given = emulated(emulator, windows="4", sources="s,t", **{"from": start, "to": end})
    assert read_uids(Read(given)) == sorted(f"s.{at}" for at in range(10, 21))
    assert read_uids(Read({**given, "sources": "t"})) == []


@pytest.mark.parametrize("count", [0, 1])
def test_too_little_to_cut(emulator: Emulator, count: int) -> None:
    """Without comments, or of one moment, there is one partition."""
    emulator.mining.add_dataset("project", "name", numbered([BEGIN] * count))
    read = Read(emulated(emulator, to=BEGIN.isoformat()))
    assert len(read.parts) == 1
    assert read.table().num_rows == count


def test_a_task_that_is_repeated_reads_the_same(emulator: Emulator) -> None:
    """After faults of the server, and a second time, a partition has the same comments."""
    emulator.mining.add_dataset("project", "name", 1500)
    read = Read(emulated(emulator, windows="2"))
    first = read.table(read.parts[:1])
    emulator.faults.add(EXPORT, "status", status=503, times=1)
    emulator.faults.add(EXPORT, "overlap", times=2)
    assert read.table(read.parts[:1]).equals(first)
