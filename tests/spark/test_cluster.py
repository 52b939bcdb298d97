"""The data source on a real cluster: what is read, what is sent, and what a failure leaves."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

pytest.importorskip("pyspark", reason="the extra [spark] is not installed")

from claro_async import ClaroClient
from claro_async.connectors.spark import read_receipts, revert_run, run_report
from claro_async.emulator import Emulator
from tests.spark.conftest import KEY, executors, kill
from tests.transfers.export_server import ExportServer, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas")

COLUMNS: list[str | Mapping[str, Any]] = [
    "name",
    {"name": "price", "type": "number"},
    {"name": "sold", "type": "boolean"},
]


def add(emulator: Emulator, rows: int) -> str:
    """A dataset of so many rows."""
    return emulator.add_dataset(
        "goods", COLUMNS, ([f"name {at}", at / 4, at % 2 == 0] for at in range(rows))
    )


def options(emulator: Emulator, dataset: str, **more: str) -> dict[str, str]:
    """What every read and write is given."""
    return {"dataset": dataset, "baseUrl": emulator.base_url, **more}


def edits(spark: SparkSession, rows: int, partitions: int, column: int = 2) -> DataFrame:
    """An edit of a column's cell in each of so many rows."""
    numbered = spark.range(rows).selectExpr(
        f"concat('cell_', id + 1, '_{column}') as cell_id", "-(id + 1.0) as value"
    )
    return numbered.repartition(partitions, "cell_id")


def write(frame: DataFrame, given: Mapping[str, str]) -> None:
    """Write a frame of edits."""
    frame.write.format("claro").mode("append").options(**given).save()


def applied(emulator: Emulator) -> Counter[str]:
    """How often each cell was really changed."""
    return Counter(edit.cell_id for edit in emulator.ledger.edits)


def patches(emulator: Emulator) -> int:
    """Requests to edit a cell that really arrived."""
    return sum(each.operation == "updateCell" for each in emulator.ledger.requests)


@pytest.mark.parametrize("cell_ids", [False, True])
def test_a_dataset_is_read_in_parts(
    spark: SparkSession, emulator: Emulator, *, cell_ids: bool
) -> None:
    """Twenty thousand rows come once each, in two partitions, from a request a thousand."""
    dataset = add(emulator, 20_000)
    given = options(emulator, dataset, cellIds=str(cell_ids).lower(), via="pages")
    frame = spark.read.format("claro").options(**given).load()
    before = len(emulator.ledger.requests)
    found = frame.collect()
    assert len(emulator.ledger.requests) - before == 20 + 1  # one of them to plan by
    assert [row["name"] for row in found] == [f"name {at}" for at in range(20_000)]
    assert [row["price"] for row in found] == [at / 4 for at in range(20_000)]
    assert frame.schema["price"].dataType.typeName() == "double"
    assert frame.schema["sold"].dataType.typeName() == "boolean"
    if cell_ids:
        assert [row["price_cell_id"] for row in found[:3]] == [f"cell_{at}_2" for at in (1, 2, 3)]


@pytest.mark.parametrize(("rows", "requests"), [("10000", 2 + 2 * 2), ("100000", 2 + 1)])
def test_a_dataset_is_read_by_exports(
    spark: SparkSession, emulator: Emulator, rows: str, requests: int
) -> None:
    """The same rows and types as by pages, from few requests, in as many partitions as wanted."""
    dataset = add(emulator, 20_000)
    given = options(emulator, dataset, windowRows=rows)
    frame = spark.read.format("claro").options(**given).load()
    paged = spark.read.format("claro").options(**{**given, "via": "pages"}).load()
    assert frame.schema == paged.schema
    before = len(emulator.ledger.requests)
    found = frame.collect()
    operations = Counter(each.operation for each in emulator.ledger.requests[before:])
    assert operations.total() - operations["download"] == requests
    assert found == paged.collect()
    assert [row["name"] for row in found] == [f"name {at}" for at in range(20_000)]


@contextmanager
def in_a_loop(server: ExportServer) -> Iterator[ExportServer]:
    """A server in an event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_total_that_changes_fails_the_read_by_name(spark: SparkSession) -> None:
    """A row that goes while tasks read is what the user of the frame is told of."""
    rows = [[f"row {at}"] for at in range(4000)]

    def layout(records: list[dict[str, Any]]) -> bytes:
        server.rows = rows[1:]  # after the driver compared the first rows with a page
        return plain(records)

    with in_a_loop(ExportServer([("name", "string")], rows, layout)) as server:
        given = {"dataset": "d", "baseUrl": server.base_url, "via": "export"}
        frame = spark.read.format("claro").options(**given).load()
        with pytest.raises(Exception, match="dataset d had 4000 rows when the read was planned"):
            frame.collect()


def test_comments_are_read_by_time_ranges(spark: SparkSession, emulator: Emulator) -> None:
    """Every comment once, with times, lists and structures as columns that Spark can query."""
    emulator.mining.add_dataset("project", "name", 3000)
    given = {
        "api": "mining",
        "dataset": "project/name",
        "baseUrl": emulator.mining_base_url,
        "token": emulator.mining_token,
        "windows": "4",
    }
    frame = spark.read.format("claro").options(**given).load()
    found = frame.selectExpr("uid", "year(timestamp) as year", "messages[0].body as body").collect()
    assert sorted(row["uid"] for row in found) == sorted(emulator.mining.uids("project", "name"))
    assert all(row["body"] and 2000 < row["year"] < 2100 for row in found)
    assert frame.rdd.getNumPartitions() == 4


def test_edits_are_sent_once_and_set_back(
    spark: SparkSession, emulator: Emulator, redis: str, tmp_path: Path
) -> None:
    """Two thousand edits are as many requests; the same run again is none; a revert undoes all."""
    dataset = add(emulator, 3000)
    before = emulator.values(dataset)
    page = tmp_path / "run.html"
    given = options(
        emulator, dataset, quota=redis, receipts=str(tmp_path), run="r", report=str(page)
    )
    write(edits(spark, 2000, 4), given)
    assert patches(emulator) == 2000
    write(edits(spark, 2000, 3), given)
    assert patches(emulator) == 2000
    assert applied(emulator) == Counter({f"cell_{at + 1}_2": 1 for at in range(2000)})
    changed = {f"cell_{at + 1}_2": -(at + 1.0) for at in range(2000)}
    assert emulator.values(dataset) == {**before, **changed}
    receipts = spark.createDataFrame(read_receipts(str(tmp_path), "r"))
    assert receipts.where("state = 'updated' and original is not null").count() == 2000
    assert run_report(str(tmp_path), "r")["updated"] == 0  # of the second write
    assert "<html" in page.read_text(encoding="utf-8")

    async def revert() -> int:
        async with ClaroClient(KEY, emulator.base_url) as claro:
            journal = tmp_path / "revert.claro"
            return (await revert_run(claro, str(tmp_path), "r", journal=journal)).updated

    assert asyncio.run(revert()) == 2000
    assert emulator.values(dataset) == before


def test_rows_are_matched_by_a_key(spark: SparkSession, emulator: Emulator, tmp_path: Path) -> None:
    """Only cells that differ are sent; a key that the dataset lacks fails the write by name."""
    dataset = add(emulator, 100)
    given = options(
        emulator, dataset, key="name", receipts=str(tmp_path), quota=f"file://{tmp_path}/quota"
    )
    frame = spark.range(50).selectExpr(
        "concat('name ', id) as name", "id / 4 as price", "id < 10 as sold"
    )
    write(frame, given)
    differ = (*range(1, 10, 2), *range(10, 50, 2))
    assert applied(emulator) == Counter({f"cell_{at + 1}_3": 1 for at in differ})
    with pytest.raises(Exception, match="no row with name='name 100'"):
        write(frame.selectExpr("concat('name ', 100) as name", "1.0 as price").limit(1), given)


@pytest.mark.parametrize(
    ("more", "frame", "text"),
    [
        ({}, "select 'cell_1_2' as cell_id, 1.0 as value", "'receipts' is missing"),
        ({"receipts": "R"}, "select 'cell_1_2' as cell, 1.0 as value", "cell_id and value"),
        ({"receipts": "R", "windowRows": "3"}, "select 'c' as cell_id, 1 as value", "no option"),
        ({"receipts": "R", "onError": "x"}, "select 'c' as cell_id, 1 as value", "onError"),
    ],
)
def test_a_write_that_cannot_work_is_refused(  # noqa: PLR0913, PLR0917 - cases and fixtures
    spark: SparkSession,
    emulator: Emulator,
    tmp_path: Path,
    more: Mapping[str, str],
    frame: str,
    text: str,
) -> None:
    """The error names what is wrong, and nothing is sent."""
    given = options(emulator, add(emulator, 3), **more)
    if "receipts" in given:
        given["receipts"] = str(tmp_path)
    with pytest.raises(Exception, match=text):
        write(spark.sql(frame), given)
    assert emulator.ledger.requests == []


def test_a_dataset_is_not_overwritten(
    spark: SparkSession, emulator: Emulator, tmp_path: Path
) -> None:
    """The mode overwrite is refused with the reason."""
    given = options(emulator, add(emulator, 3), receipts=str(tmp_path))
    with pytest.raises(Exception, match="replaces no rows"):
        edits(spark, 3, 1).write.format("claro").mode("overwrite").options(**given).save()
    assert patches(emulator) == 0


def test_several_tasks_need_a_shared_quota(
    spark: SparkSession, emulator: Emulator, tmp_path: Path
) -> None:
    """Without one, the second task says so and sends nothing."""
    given = options(emulator, add(emulator, 30), receipts=str(tmp_path))
    with pytest.raises(Exception, match="'quota' is missing"):
        write(edits(spark, 30, 3), given)


def test_a_cell_in_two_partitions_is_refused(
    spark: SparkSession, emulator: Emulator, redis: str, tmp_path: Path
) -> None:
    """Which edit is the last is not known, so no cell is written twice."""
    dataset = add(emulator, 30)
    twice = spark.range(20).selectExpr("concat('cell_', id % 10 + 1, '_2') as cell_id", "id value")
    given = options(emulator, dataset, quota=redis, receipts=str(tmp_path))
    with pytest.raises(Exception, match="are in two partitions"):
        write(twice.repartition(2), given)
    assert max(applied(emulator).values(), default=0) <= 1


def test_what_the_api_rejects_is_said_once(
    spark: SparkSession, emulator: Emulator, redis: str, tmp_path: Path
) -> None:
    """A cell that does not exist is asked for once; the others are written, then it is raised."""
    dataset = add(emulator, 40)
    frame = edits(spark, 41, 3)  # one more than there are
    given = options(emulator, dataset, quota=redis, receipts=str(tmp_path), run="r")
    with pytest.raises(Exception, match="40 of 41 edits applied, 1 failed"):
        write(frame, given)
    assert patches(emulator) == 41
    write(frame, {**given, "onError": "report"})
    assert patches(emulator) == 42
    assert run_report(str(tmp_path), "r")["failed"] == 1


def test_a_bad_hour_of_the_server_is_got_over(
    spark: SparkSession, emulator: Emulator, redis: str, tmp_path: Path
) -> None:
    """Errors and lost replies, before and after an edit was applied, change no value in the end."""
    dataset = add(emulator, 600)
    for at in range(1, 600, 20):  # each cell a few times, so that no call is given up
        emulator.faults.add(
            "updateCell", "status", match=f"/cell_{at}_2", status=503, apply=False, times=2
        )
        emulator.faults.add("updateCell", "reset", match=f"/cell_{at + 9}_2", apply=True, times=1)
    given = options(emulator, dataset, quota=redis, receipts=str(tmp_path), run="r")
    write(edits(spark, 600, 4), given)
    emulator.faults.clear()
    values = emulator.values(dataset)
    assert [values[f"cell_{at + 1}_2"] for at in range(600)] == [-(at + 1.0) for at in range(600)]


class Meanwhile(threading.Thread):
    """Does something once so many edits have arrived, unless the block that it is for is over."""

    def __init__(self, emulator: Emulator, number: int, act: Callable[[], None]) -> None:
        super().__init__()
        self._emulator = emulator
        self._number = number
        self._act = act
        self.is_over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.join()

    def run(self) -> None:
        while patches(self._emulator) < self._number and not self.is_over.wait(0.05):
            pass
        if not self.is_over.is_set():
            self._act()


def test_a_task_that_fails_is_repeated(
    spark: SparkSession, emulator: Emulator, redis: str, tmp_path: Path
) -> None:
    """While the server cannot be reached a task ends, and the one that follows sends the rest."""
    dataset = add(emulator, 800)
    given = options(emulator, dataset, quota=redis, receipts=str(tmp_path), run="r")
    begun = tmp_path / "r" / "attempts"

    def be_out_of_reach() -> None:
        outage = emulator.faults.add("updateCell", "reset", apply=False)
        while len(list(begun.glob("*/[0-9]*"))) <= 1 and not outside.is_over.wait(0.01):
            pass  # until a second task is there, so that nothing of the first is under way
        outage.remove()

    with Meanwhile(emulator, 150, be_out_of_reach) as outside:
        write(edits(spark, 800, 1), given)
    assert len(list(begun.glob("*/[0-9]*"))) > 1
    assert applied(emulator) == Counter({f"cell_{at + 1}_2": 1 for at in range(800)})


def test_an_executor_that_is_killed(
    spark: SparkSession, emulator: Emulator, redis: str, tmp_path: Path
) -> None:
    """Its partition is gone on with: all edits are there, and what was in doubt may be twice."""
    dataset = add(emulator, 1500)
    emulator.faults.add("updateCell", "slow", delay=0.02)
    given = options(emulator, dataset, quota=redis, receipts=str(tmp_path), run="r")
    with Meanwhile(emulator, 300, lambda: kill(executors()[0])):
        write(edits(spark, 1500, 4), given)
    values = emulator.values(dataset)
    assert [values[f"cell_{at + 1}_2"] for at in range(1500)] == [-(at + 1.0) for at in range(1500)]
    again = [cell for cell, times in applied(emulator).items() if times > 1]
    assert len(again) <= 32  # what was under way, at the most
    states = {row["state"] for row in read_receipts(str(tmp_path), "r").to_pylist()}
    assert states == {"updated"}


def test_a_driver_that_is_killed_and_started_again(
    spark: SparkSession, emulator: Emulator, redis: str, tmp_path: Path
) -> None:
    """A second driver with the run's id sends the rest, and the first one's tasks nothing more."""
    dataset = add(emulator, 1500)
    emulator.faults.add("updateCell", "slow", delay=0.02)
    given = options(emulator, dataset, quota=redis, receipts=str(tmp_path / "r"), run="r")
    program = (
        "import sys, json\n"
        "from tests.spark.conftest import start_cluster\n"
        "from tests.spark.test_cluster import edits, write\n"
        "spark = start_cluster('first', executors=1)\n"
        "write(edits(spark, 1500, 4), json.loads(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", program, json.dumps(given)]
    root = Path(__file__).parents[2]
    driver = subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL)  # noqa: S603 - our own
    with Meanwhile(emulator, 300, driver.kill):
        driver.wait()
    write(edits(spark, 1500, 5), given)
    values = emulator.values(dataset)
    assert [values[f"cell_{at + 1}_2"] for at in range(1500)] == [-(at + 1.0) for at in range(1500)]
    assert sum(times > 1 for times in applied(emulator).values()) <= 2 * 32


def test_a_task_that_outlives_its_write_is_fenced(
    spark: SparkSession, emulator: Emulator, redis: str, tmp_path: Path
) -> None:
    """After one task failed for good, the others send nothing more once the write has ended."""
    dataset = add(emulator, 2000)
    emulator.faults.add("updateCell", "slow", delay=0.05)
    given = options(emulator, dataset, quota=redis, receipts=str(tmp_path), run="r")
    raising = edits(spark, 2000, 2).selectExpr(
        "cell_id", "if(cell_id = 'cell_9_2', raise_error('broken'), value) as value"
    )
    with pytest.raises(Exception, match="broken"):
        write(raising, given)
    ended = patches(emulator)
    wait_until_idle(spark)
    assert patches(emulator) - ended <= 32  # those that were under way
    assert ended < 2000


def wait_until_idle(spark: SparkSession) -> None:
    """Wait until no task is at work: a job of as many tasks as there are cores comes through."""
    spark.sparkContext.parallelize(range(2), 2).map(lambda each: each).collect()


def test_twenty_partitions_share_a_quota(spark: SparkSession, redis: str, tmp_path: Path) -> None:
    """None of their requests is one too many, and each period but the last is used to 90%."""
    limit, seconds = 240, 15.0  # a rate that executors of a busy machine can keep, too
    with Emulator(
        sample_world=False, api_key=KEY, rate_limit=limit, rate_window=seconds
    ) as emulator:
        dataset = add(emulator, 600)
        given = options(emulator, dataset, quota=redis, receipts=str(tmp_path), run="r")
        frame = edits(spark, 600, 20)
        frame.cache().count()
        write(frame, given)
        requests = emulator.ledger.requests
    edited = Counter(each.status for each in requests if each.operation == "updateCell")
    assert edited == {200: 600}
    periods: list[list[float]] = []
    for arrived in sorted(each.received_at for each in requests):
        if not periods or arrived >= periods[-1][0] + seconds:  # one opens with a request
            periods.append([])
        periods[-1].append(arrived)
    assert len(periods) >= 3
    assert min(len(each) for each in periods[:-1]) >= 0.9 * limit


def test_partitions_of_very_different_sizes(
    spark: SparkSession, emulator: Emulator, redis: str, tmp_path: Path
) -> None:
    """One with nearly all edits and one with none are written like any."""
    dataset = add(emulator, 800)
    frame = edits(spark, 800, 1).union(edits(spark, 0, 2)).union(edits(spark, 3, 1, column=1))
    given = options(emulator, dataset, quota=redis, receipts=str(tmp_path), run="r")
    write(frame.selectExpr("cell_id", "cast(value as string) as value"), given)
    assert sum(applied(emulator).values()) == 803


def test_a_stream_is_written_batch_by_batch(
    spark: SparkSession, emulator: Emulator, redis: str, tmp_path: Path
) -> None:
    """Each batch is a run of its own name, so one that is repeated sends nothing twice."""
    dataset = add(emulator, 40)
    given = options(emulator, dataset, quota=redis, receipts=str(tmp_path / "receipts"))

    def write_batch(batch: DataFrame, number: int) -> None:
        for _ in range(2):
            write(batch.select("cell_id", "value"), {**given, "run": f"stream-{number}"})

    (tmp_path / "in").mkdir()
    rows = [f'{{"cell_id": "cell_{at + 1}_2", "value": {-at}}}' for at in range(40)]
    (tmp_path / "in" / "1.json").write_text("\n".join(rows[:25]))
    (tmp_path / "in" / "2.json").write_text("\n".join(rows[25:]))
    query = (
        spark.readStream.schema("cell_id string, value double")
        .option("maxFilesPerTrigger", 1)
        .json(str(tmp_path / "in"))
        .writeStream.foreachBatch(write_batch)
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    assert patches(emulator) == 40
    assert set(applied(emulator).values()) == {1}
