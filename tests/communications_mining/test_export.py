"""The stream of an export: complete, in order, each comment once, from any position."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.communications_mining.continuation import TokenCheck
from claro_async.errors import (
    APIStatusError,
    ConnectionFailedError,
    DecodeError,
    NotFoundError,
    TransferError,
)

if TYPE_CHECKING:
    from claro_async.communications_mining import (
        CommunicationsMiningClient,
        Dataset,
        ExportStream,
    )
    from claro_async.emulator import Emulator

EXPORT = "mining.exportDataset"


async def uids(stream: ExportStream) -> list[str]:
    """Read a stream to its end."""
    return [comment.uid async for comment in stream]


async def collect(stream: ExportStream, found: list[str]) -> None:
    """Read a stream into a list, which keeps what came before an error."""
    async for each in stream:
        found.append(each.uid)  # noqa: PERF401 - see above


def comment(number: int, time: str, source: str = "s", **more: Any) -> dict[str, Any]:
    """A comment to seed."""
    return {"uid": f"{source}.{number:04}", "timestamp": time, "text": f"No. {number}", **more}


async def test_every_comment_once_in_order(example: Dataset, emulator: Emulator) -> None:
    """All comments come, each once, in the order of their timestamps, in full pages of 256."""
    assert await uids(example.export()) == emulator.mining.uids("project", "example")
    assert emulator.ledger.count(EXPORT) == 4


@pytest.mark.parametrize("limit", [1, 7, 64, 250, 256])
async def test_any_limit(
    mining: CommunicationsMiningClient, emulator: Emulator, limit: int
) -> None:
    """The size of a page changes the requests, not the comments."""
    emulator.mining.add_dataset("project", "d", 50)
    found = await uids(mining.dataset("project", "d").export(limit=limit))
    assert found == emulator.mining.uids("project", "d")
    assert emulator.ledger.count(EXPORT) == -(-50 // limit)


async def test_what_a_comment_has(example: Dataset) -> None:
    """The document's sample comes out as the document writes it, typed and as plain JSON."""
    sample = await anext(aiter(example.export()))
    assert sample.uid == "47194279497e141e.0123456789abcdef"
    assert sample.comment.timestamp == datetime(2011, 12, 11, 11, 5, 10, tzinfo=UTC)
    (message,) = sample.comment.messages
    assert (message.from_, message.to) == ("bob@organisation.org", ["alice@company.com"])
    assert message.subject is not None
    assert message.subject.text == "Today's figures"
    assert sample.comment.user_properties == {
        "string:Recipient Domain": "company.com",
        "string:Sender Domain": "organisation.org",
    }
    assert [each.name for each in sample.assigned_labels] == [
        "Parent Label",
        "Parent Label > Child Label",
    ]
    assert sample.predicted_labels[0].probability == 0.954979807138443
    assert sample.predictions is not None
    assert sample.predictions.label_properties is not None
    assert sample.predictions.label_properties[1].property_name == "quality_of_service"
    assert sample.to_dict()["comment"]["thread_id"] == "123456"
    assert json.loads(sample.to_json()) == sample.to_dict()
    assert b"\n" not in sample.to_json()
    assert repr(sample) == "ExportedComment('47194279497e141e.0123456789abcdef')"


async def test_what_a_comment_may_lack(
    mining: CommunicationsMiningClient, emulator: Emulator
) -> None:
    """Fields that the document does not name are kept; labels that are missing read as none."""
    odd = {
        "comment": comment(1, "2020-01-01T00:00:00Z", attachments=[{"size": 3}]),
        "predictions": None,
        "annotations": None,
        "entities": [{"name": "date"}],
    }
    emulator.mining.add_dataset("project", "d", [odd])
    (found,) = [each async for each in mining.dataset("project", "d").export()]
    assert (found.assigned_labels, found.predicted_labels) == ([], [])
    assert found.comment.additional_properties == {"attachments": [{"size": 3}]}
    assert found.model.additional_properties == {"entities": [{"name": "date"}]}


async def test_order_and_times(mining: CommunicationsMiningClient, emulator: Emulator) -> None:
    """`order_by` sorts and filters by either time; `to` is inclusive to the microsecond."""
    times = ["2020-01-03T00:00:00Z", "2020-01-01T00:00:00.000001Z", "2020-01-02T00:00:00Z"]
    seeded = [
        comment(at, time, created_at=f"2021-01-0{at + 1}T00:00:00Z")
        for at, time in enumerate(times)
    ]
    emulator.mining.add_dataset("project", "d", seeded)
    dataset = mining.dataset("project", "d")
    assert await uids(dataset.export(order_by="timestamp")) == ["s.0001", "s.0002", "s.0000"]
    assert await uids(dataset.export(order_by="created_at")) == ["s.0000", "s.0001", "s.0002"]
    moment = datetime(2020, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    second = timedelta(microseconds=1)
    assert await uids(dataset.export(to=moment)) == ["s.0001"]
    assert await uids(dataset.export(to=moment - second)) == []
    assert await uids(dataset.export(from_=moment, to=moment)) == ["s.0001"]
    assert await uids(dataset.export(from_=moment + second)) == ["s.0002", "s.0000"]
    east = datetime(2020, 1, 2, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert await uids(dataset.export(from_=east)) == ["s.0002", "s.0000"]
    created = datetime(2021, 1, 2, tzinfo=UTC)
    assert await uids(dataset.export(order_by="created_at", to=created)) == ["s.0000", "s.0001"]


async def test_sources(mining: CommunicationsMiningClient, emulator: Emulator) -> None:
    """Only comments of the sources that are named come, of up to 1,024 sources."""
    emulator.mining.add_dataset("project", "d", 60, source_ids=["a", "b", "c"])
    dataset = mining.dataset("project", "d")
    many = ["a", "c", *(f"none-{number}" for number in range(1022))]
    found = await uids(dataset.export(source_ids=many, limit=7))
    assert len(found) == 40
    assert {uid.split(".")[0] for uid in found} == {"a", "c"}


@pytest.mark.parametrize("count", [0, 1, 256, 257, 700])
async def test_comments_by_uid(example: Dataset, emulator: Emulator, count: int) -> None:
    """Any number of uids is sent in groups of 256 with no other filter; each comment comes once."""
    known = emulator.mining.uids("project", "example")
    wanted = Random(1).sample(known, count)  # noqa: S311 - repeatable
    repeated = [*wanted, *wanted[:5]]
    found = await uids(example.export(comment_uids=iter(repeated)))
    assert Counter(found) == Counter(wanted)
    groups = [set(wanted[at : at + 256]) for at in range(0, count, 256)]
    assert [set(found[at : at + 256]) for at in range(0, count, 256)] == groups
    assert emulator.ledger.count(EXPORT) == len(groups)


async def test_groups_with_small_pages(example: Dataset, emulator: Emulator) -> None:
    """A group of uids that does not fit a page is followed through all its pages."""
    known = emulator.mining.uids("project", "example")[:300]
    assert set(await uids(example.export(comment_uids=known, limit=100))) == set(known)
    assert emulator.ledger.count(EXPORT) == 4


NAIVE = datetime(2020, 1, 1)  # noqa: DTZ001 - what is refused
AWARE = datetime(2020, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"from_": NAIVE}, ValueError, "from_ must be an aware datetime"),
        ({"to": NAIVE}, ValueError, "to must be an aware datetime"),
        ({"to": "2020-01-01"}, TypeError, "to must be a datetime"),
        ({"from_": AWARE, "to": AWARE - timedelta(1)}, ValueError, "later than to"),
        ({"order_by": "uid"}, ValueError, "order_by"),
        ({"limit": 257}, ValueError, "limit must be from 1 to 256"),
        ({"limit": 0}, ValueError, "limit"),
        ({"source_ids": [str(n) for n in range(1025)]}, ValueError, "from 1 to 1024"),
        ({"source_ids": []}, ValueError, "source_ids"),
        ({"source_ids": "abc"}, TypeError, "not one str"),
        ({"comment_uids": [1]}, TypeError, "comment_uids must hold str"),
        ({"comment_uids": ["a.b"], "source_ids": ["a"]}, ValueError, "no other filter"),
        ({"comment_uids": ["a.b"], "from_": AWARE}, ValueError, "no other filter"),
        ({"comment_uids": ["a.b"], "to": AWARE}, ValueError, "no other filter"),
        ({"comment_uids": ["a.b"], "order_by": "timestamp"}, ValueError, "no other filter"),
        ({"comment_uids": ["a.b"], "windows": 2}, ValueError, "windows"),
        ({"windows": 0}, ValueError, "windows must be from 1 to 64"),
        ({"continuation": ""}, ValueError, "continuation is empty"),
        ({"continuation": 5}, TypeError, "continuation must be a str"),
        ({"from_": EARLIEST}, ValueError, "from_ is outside of the calendar in UTC"),
        ({"continuation": "claro-export-1.e30="}, ValueError, "damaged"),
        ({"continuation": "claro-export-1.%%%"}, ValueError, "damaged"),
    ],
)
def test_arguments_are_checked(
    example: Dataset, arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    """What cannot be asked is refused at once, naming the argument, the limit and the way out."""
    with pytest.raises(error, match=text):
        example.export(**arguments)


async def test_an_empty_page_does_not_end_it(example: Dataset, emulator: Emulator) -> None:
    """Pages without comments but with a continuation are passed over, the first one included."""
    emulator.faults.add(EXPORT, "empty_page", probability=0.5)
    assert await uids(example.export(limit=100)) == emulator.mining.uids("project", "example")
    assert emulator.ledger.count(EXPORT) > 10


async def test_pages_are_given_as_they_come(example: Dataset, emulator: Emulator) -> None:
    """`pages` gives a list for each request, an empty one for an empty page."""
    emulator.faults.add(EXPORT, "empty_page", times=1)
    sizes = [len(page) async for page in example.export().pages()]
    assert sizes == [0, 256, 256, 256, 232]


async def test_overlapping_pages_double_nothing(example: Dataset, emulator: Emulator) -> None:
    """Comments that come again on the next page are left out, and counted."""
    emulator.faults.add(EXPORT, "overlap", times=5)
    stream = example.export(limit=100)
    assert await uids(stream) == emulator.mining.uids("project", "example")
    assert stream.duplicates == 250


async def test_a_repeated_token_ends_with_an_error(example: Dataset, emulator: Emulator) -> None:
    """A server that leads back to the same page is not followed, nor taken to be at the end."""
    emulator.faults.add(EXPORT, "repeat_token", after=2)
    found: list[str] = []
    with pytest.raises(TransferError, match="given before"):
        await collect(example.export(limit=100), found)
    assert found == emulator.mining.uids("project", "example")[:300]
    assert emulator.ledger.count(EXPORT) == 4


@pytest.mark.parametrize("length", [1, 2, 3, 5, 50])
def test_circles_of_any_length_are_noticed(length: int) -> None:
    """A circle of tokens is noticed within three times round, after any way that leads to it."""
    for lead in (0, 1, 4):
        check = TokenCheck(None)
        tokens = [f"lead-{step}" for step in range(lead)]
        tokens += [f"token-{step % length}" for step in range(10 * length + 10)]
        seen = next(at for at, token in enumerate(tokens) if check.repeats(token))
        assert seen <= 3 * (lead + length)


async def test_one_page_ahead(example: Dataset, emulator: Emulator) -> None:
    """While a page is looked at, the next is fetched, and no further one."""
    stream = example.export(limit=100)
    pages = stream.pages()
    await anext(pages)
    await settled(emulator, 2)
    assert emulator.ledger.count(EXPORT) == 2
    await anext(pages)
    await settled(emulator, 3)
    await pages.aclose()
    assert emulator.ledger.count(EXPORT) == 3


async def settled(emulator: Emulator, requests: int) -> None:
    """Let the event loop go on until so many requests are answered, and a while longer."""
    for _ in range(10_000):
        if emulator.ledger.count(EXPORT) >= requests:
            break
        await asyncio.sleep(0)
    for _ in range(200):
        await asyncio.sleep(0)


async def test_leaving_early_leaves_nothing_behind(example: Dataset) -> None:
    """Breaking out of the loop, or an error in it, calls the page ahead off."""
    before = asyncio.all_tasks()
    pages = example.export(limit=10).pages()
    await anext(pages)
    await pages.aclose()
    comments = aiter(example.export(limit=10))
    await anext(comments)
    await comments.aclose()  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    assert {task for task in asyncio.all_tasks() if not task.get_name().startswith("Emul")} <= (
        before | connections()
    )


def connections() -> set[asyncio.Task[Any]]:
    """The emulator's own tasks, one for each connection."""
    return {task for task in asyncio.all_tasks() if "RequestHandler" in repr(task)}


async def test_faults_on_the_way(example: Dataset, emulator: Emulator) -> None:
    """Resets, 5xx, truncated and slow replies change the requests, not the comments."""
    emulator.faults.add(EXPORT, "reset", probability=0.1)
    emulator.faults.add(EXPORT, "status", probability=0.1)
    emulator.faults.add(EXPORT, "truncate", probability=0.1)
    found = await uids(example.export(limit=50))
    assert found == emulator.mining.uids("project", "example")


async def test_an_error_on_the_way_can_be_gone_on_from(
    example: Dataset, emulator: Emulator
) -> None:
    """When the network fails for good, what came is right, and the stream goes on from there."""
    fault = emulator.faults.add(EXPORT, "reset", after=3)
    stream = example.export(limit=100)
    found: list[str] = []
    with pytest.raises(ConnectionFailedError):
        await collect(stream, found)
    assert len(found) == 300
    fault.remove()
    found += await uids(stream)
    assert found == emulator.mining.uids("project", "example")


async def test_an_error_under_200_ends_it(example: Dataset, emulator: Emulator) -> None:
    """A page that says error is an error, with what the server says."""
    emulator.faults.add(EXPORT, "error_in_ok", after=1, message="export is disabled")
    with pytest.raises(APIStatusError, match="export is disabled"):
        await uids(example.export(limit=100))


async def test_a_page_of_another_shape(example: Dataset, emulator: Emulator) -> None:
    """A page without comments, or a comment without uid, is an error that names the place."""
    body = '{"comments": [{"comment": {"id": "1"}}], "status": "ok"}'
    emulator.faults.add(EXPORT, "status", status=200, body=body, times=1)
    with pytest.raises(DecodeError) as caught:
        await uids(example.export())
    assert caught.value.path == "comments[0]"
    emulator.faults.add(EXPORT, "status", status=200, body='{"status": "ok"}', times=1)
    with pytest.raises(DecodeError, match="comments"):
        await uids(example.export())


async def test_a_comment_of_another_shape(
    mining: CommunicationsMiningClient, emulator: Emulator
) -> None:
    """A comment whose fields have other types can be passed on, and is an error when it is read."""
    emulator.mining.add_dataset("project", "d", [comment(1, "2020-01-01T00:00:00Z", thread_id=5)])
    (found,) = [each async for each in mining.dataset("project", "d").export()]
    assert found.to_dict()["comment"]["thread_id"] == 5
    with pytest.raises(DecodeError) as caught:
        _ = found.comment
    assert caught.value.path == "comment.thread_id"


async def test_no_comments(mining: CommunicationsMiningClient, emulator: Emulator) -> None:
    """An empty dataset is an empty stream; a dataset that is not there is an error."""
    emulator.mining.add_dataset("project", "empty")
    stream = mining.dataset("project", "empty").export()
    assert await uids(stream) == []
    assert stream.continuation is None
    with pytest.raises(NotFoundError):
        await uids(mining.dataset("project", "gone").export())
