"""Continuations that the server no longer takes, and comments that it gives again."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.errors import APIStatusError, InvalidRequestError, TransferError
from tests.communications_mining.server import (
    FIRST,
    CommentServer,
    comment,
    minutely,
    page_of,
    rejection,
    serving,
    take,
    uids,
)

if TYPE_CHECKING:
    from pathlib import Path

    from claro_async.communications_mining import Dataset, ExportProgress


def whole_day(moment: datetime) -> datetime:
    """What a server that counts days makes of a moment."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def any_time(_: datetime) -> datetime:
    """What a server that does not look at ``from`` makes of it."""
    return datetime.min.replace(tzinfo=FIRST.tzinfo)


def lines(path: Path) -> list[str]:
    """The uids in a file of JSON lines."""
    return [json.loads(line)["comment"]["uid"] for line in path.read_bytes().splitlines()]


class StopError(Exception):
    """Stops an export."""


async def stop_after(pages: int, dataset: Dataset, path: Path, **options: Any) -> None:
    """Begin an export to a file, and stop it after so many pages of this run."""

    def stop(progress: ExportProgress) -> None:
        if progress.pages == pages:
            raise StopError

    with pytest.raises(StopError):
        await dataset.export_to(path, on_progress=stop, **options)


@pytest.mark.parametrize("rounds", [lambda moment: moment, whole_day, any_time])
async def test_a_stream_goes_on_without_its_token(rounds: Any) -> None:
    """A saved continuation whose token has expired begins at the latest time, and doubles nothing.

    It does not matter whether the server honours ``from`` exactly, by the day, or not at all.
    """
    async with serving(minutely(1000)) as (server, dataset):
        server.rounds = rounds
        stream = dataset.export(limit=100)
        found = await take(stream, 450)
        server.generation = "b"
        resumed = dataset.export(limit=100, continuation=stream.continuation)
        found += await take(resumed, 9999)
        assert found == uids(server.comments)
        assert resumed.duplicates >= 1


async def test_a_token_expires_on_the_way() -> None:
    """Where the token expires while the stream is read, it goes on as well."""
    async with serving(minutely(600)) as (server, dataset):
        found = []
        async for each in dataset.export(limit=50):
            found.append(each.uid)
            if len(found) in {60, 330}:
                server.generation += "x"
        assert found == uids(server.comments)


async def test_it_is_begun_again_with_the_same_end_and_sources() -> None:
    """The other filters hold for the pages after the token has expired, too."""
    async with serving(minutely(600)) as (server, dataset):
        end = FIRST + timedelta(minutes=300)
        stream = dataset.export(limit=50, to=end, source_ids=["s"])
        found = await take(stream, 60)
        server.generation = "b"
        found += await take(dataset.export(limit=50, continuation=stream.continuation), 9999)
        assert found == uids(server.comments)[:301]
        assert server.requests[-1]["source_ids"] == ["s"]
        assert datetime.fromisoformat(server.requests[-1]["to"]) == end


async def test_comments_by_uid_are_begun_again() -> None:
    """An export by uids begins the group again, and leaves out what was given."""
    async with serving(minutely(300)) as (server, dataset):
        wanted = uids(server.comments)
        stream = dataset.export(comment_uids=wanted, limit=100)
        found = await take(stream, 150)
        server.generation = "b"
        again = dataset.export(comment_uids=wanted, limit=100, continuation=stream.continuation)
        found += await take(again, 9999)
        assert sorted(found) == wanted


async def test_many_comments_of_one_moment_in_a_file(tmp_path: Path) -> None:
    """5,000 comments of one moment are no obstacle to an export with a checkpoint."""
    path, checkpoint = tmp_path / "out.jsonl", tmp_path / "checkpoint"
    async with serving([comment(f"{number:05}") for number in range(5000)]) as (server, dataset):
        await stop_after(15, dataset, path, checkpoint=checkpoint)
        server.generation = "b"
        file = await dataset.export_to(path, checkpoint=checkpoint)
        assert file.resumed
        assert lines(path) == uids(server.comments)


async def test_many_comments_of_one_moment_in_a_saved_continuation() -> None:
    """Text knows 2,048 comments of one moment; with more, the server's error comes with a note."""
    async with serving([comment(f"{number:05}") for number in range(5000)]) as (server, dataset):
        stream = dataset.export()
        found = await take(stream, 2000)
        state = stream.continuation
        rest = await take(stream, 2000)
        late = stream.continuation
        server.generation = "b"
        found += await take(dataset.export(continuation=state), 9999)
        assert found == uids(server.comments)
        assert len(rest) == 2000
        with pytest.raises(InvalidRequestError, match="no such continuation") as caught:
            await take(dataset.export(continuation=late), 1)
        assert "remove the checkpoint" in caught.value.__notes__[0]


async def test_a_server_that_does_not_keep_to_the_order() -> None:
    """Where comments do not come in the order of time, none is lost: the error is raised."""
    comments = minutely(400)
    async with serving(comments[200:] + comments[:200]) as (server, dataset):
        stream = dataset.export(limit=50)
        await take(stream, 270)
        server.generation = "b"
        with pytest.raises(InvalidRequestError) as caught:
            await take(dataset.export(limit=50, continuation=stream.continuation), 1)
        assert caught.value.__notes__


async def test_comments_without_a_time() -> None:
    """Times that are none are passed over: the stream begins at the latest one that is a time."""
    comments = minutely(400)
    for number in (49, 99, 199, 299):
        comments[number]["comment"]["created_at"] = "yesterday"
    async with serving(comments) as (server, dataset):
        stream = dataset.export(limit=50, order_by="created_at")
        found = await take(stream, 200)
        server.generation = "b"
        rest = dataset.export(limit=50, continuation=stream.continuation)
        assert found + await take(rest, 9999) == uids(comments)
    for each in comments:
        each["comment"]["created_at"] = None
    async with serving(comments) as (server, dataset):
        stream = dataset.export(limit=50, order_by="created_at")
        await take(stream, 200)
        server.generation = "b"
        with pytest.raises(InvalidRequestError):
            await take(dataset.export(limit=50, continuation=stream.continuation), 1)


@pytest.mark.parametrize(
    ("status", "requests"), [(401, 1), (403, 1), (404, 2), (410, 2), (422, 2), (500, 2)]
)
async def test_other_errors_are_raised(status: int, requests: int) -> None:
    """What says nothing of tokens is raised at once; else one request goes without the token.

    A 500 is asked for twice by the retry policy, with the token both times.
    """
    async with serving(minutely(200)) as (server, dataset):
        stream = dataset.export(limit=50)
        await take(stream, 120)
        server.requests.clear()
        server.answer = lambda _: rejection("no", status)
        with pytest.raises(APIStatusError, match="no"):
            await take(dataset.export(limit=50, continuation=stream.continuation), 1)
        sent = [each for each in server.requests if each.get("continuation") != "a.150"]
        assert len(sent) == requests  # beside the page that the first stream had read ahead
        assert ("continuation" in sent[-1]) == (status in {401, 403, 500})


async def test_tokens_that_expire_at_once() -> None:
    """Where no token is ever taken the export ends with the error, and not never."""
    async with serving(minutely(400)) as (server, dataset):

        def refuse(asked: dict[str, Any]) -> Any:
            return rejection("expired") if asked.get("continuation") else None

        server.answer = refuse
        found: list[str] = []

        async def read() -> None:
            found.extend([each.uid async for each in dataset.export(limit=50)])

        await asyncio.wait_for(read(), 30)
        assert found == uids(server.comments)
        assert len(server.requests) <= 2 * 400 / 49 + 2
        server.comments = [comment(f"{number:05}") for number in range(400)]
        with pytest.raises(InvalidRequestError, match="expired"):
            await asyncio.wait_for(read(), 30)


@pytest.mark.parametrize("windows", [1, 3])
@pytest.mark.parametrize("rounds", [lambda moment: moment, whole_day, any_time])
async def test_a_file_is_taken_up_at_every_page(tmp_path: Path, windows: int, rounds: Any) -> None:
    """Stopped after each page in turn, an export with a checkpoint has every comment once."""
    path = tmp_path / "out.jsonl"
    options: dict[str, Any] = {"checkpoint": tmp_path / "c", "limit": 20, "windows": windows}
    options["to"] = FIRST + timedelta(minutes=299)
    async with serving(minutely(300)) as (server, dataset):
        server.rounds = rounds
        runs = 0
        while not path.exists():
            runs += 1
            try:
                await stop_after(2, dataset, path, **options)
            except pytest.fail.Exception:  # it came to its end
                break
        assert runs > 5
        assert lines(path) == uids(server.comments)


async def test_more_comments_where_ranges_meet_than_memory_holds(tmp_path: Path) -> None:
    """20,000 comments of the moment where two ranges meet come once, in a stream and in a file."""
    options: dict[str, Any] = {"windows": 2, "to": FIRST + timedelta(minutes=120)}
    async with serving(minutely(121)) as (server, dataset):
        await take(dataset.export(**options), 9999)
        seam = max(
            datetime.fromisoformat(each["from"]) for each in server.requests if "from" in each
        )
        server.comments += [comment(f"seam-{number:05}", seam) for number in range(20_000)]
        server.comments.sort(key=lambda each: str(each["comment"]["timestamp"]))
        found = await take(dataset.export(**options), 99_999)
        assert len(found) == len(set(found)) == 20_121
        path = tmp_path / "out.jsonl"
        await stop_after(50, dataset, path, checkpoint=tmp_path / "c", **options)
        await dataset.export_to(path, checkpoint=tmp_path / "c", **options)
        assert lines(path) == found


async def test_a_loop_that_is_left_forgets_nothing_and_keeps_nothing() -> None:
    """With time ranges, a second loop over a stream gives what the first had not given."""
    async with serving(minutely(300)) as (server, dataset):
        stream = dataset.export(windows=3, limit=40, to=FIRST + timedelta(minutes=299))
        found: list[str] = []
        for count in (1, 7, 39, 41, 90, 9999):
            found += await take(stream, count)
        assert found == uids(server.comments)


def endless(comments: list[dict[str, Any]]) -> Any:
    """Answers each request with these comments and a new token."""
    numbers = iter(range(10**9))
    return lambda _: page_of(comments, f"page-{next(numbers)}")


@pytest.mark.parametrize("comments", [[], minutely(2)], ids=["empty", "the same again"])
@pytest.mark.parametrize("windows", [1, 2])
async def test_pages_without_anything_new_end(comments: Any, windows: int) -> None:
    """Empty pages, or pages of the same comments, with new tokens for ever, are given up."""
    async with serving([]) as (server, dataset):
        server.answer = endless(comments)
        stream = dataset.export(windows=windows, to=FIRST + timedelta(days=1))
        with pytest.raises(TransferError, match="1,000 pages in a row"):
            await take(stream, 9999)
        assert len(server.requests) <= 1000 * windows + 20
        assert stream.continuation is not None


async def test_999_empty_pages_are_no_end() -> None:
    """A server that looks for long before it finds a comment is followed, again and again."""
    async with serving([]) as (server, dataset):
        last = minutely(3)

        def answer(asked: dict[str, Any]) -> Any:
            at = int(asked.get("continuation") or 0)
            if at == 2500:
                return page_of([last[2]])
            return page_of({999: [last[0]], 1500: [last[1]]}.get(at, []), str(at + 1))

        server.answer = answer
        stream = dataset.export()
        assert await take(stream, 9999) == uids([last[0], last[1], last[2]])


async def test_a_stream_that_was_given_up_goes_on() -> None:
    """After 1,000 pages without anything new the saved continuation leads on behind them."""
    async with serving([]) as (server, dataset):

        def answer(asked: dict[str, Any]) -> Any:
            at = int(asked.get("continuation") or 0)
            return page_of([], str(at + 1)) if at < 1200 else page_of(minutely(1))

        server.answer = answer
        stream = dataset.export()
        with pytest.raises(TransferError, match="in a row"):
            await take(stream, 1)
        again = dataset.export(continuation=stream.continuation)
        assert await take(again, 9) == ["s.00000"]
        assert len(server.requests) <= 1203


async def test_probing_for_time_ranges_is_bounded() -> None:
    """A server that gives empty pages to the probes is read in one run."""
    async with serving(minutely(300)) as (server, dataset):
        count = 0

        def answer(asked: dict[str, Any]) -> Any:
            nonlocal count
            count += 1
            return page_of([], f"more-{count}") if asked["limit"] == 1 else None

        server.answer = answer
        assert await take(dataset.export(windows=4), 9999) == uids(server.comments)
        assert len(server.requests) <= 4 + 2 + 1


def test_the_server_answers_as_documented() -> None:
    """The server of these tests chooses comments by their uids and times."""
    server = CommentServer(minutely(3))
    assert server.is_chosen(server.comments[1], {"comment_uids": ["s.00001"]})
    assert not server.is_chosen(server.comments[2], {"to": FIRST.isoformat()})
    assert not server.is_chosen(server.comments[0], {"from": str(FIRST + timedelta(1))})
