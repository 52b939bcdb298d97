"""Runs of pages without a network: one after the other, side by side, and what ends them."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from claro_async._generated.communications_mining_api.models import ExportRequest
from claro_async.communications_mining.continuation import Place
from claro_async.communications_mining.reading import (
    MAX_BARREN_PAGES,
    BarrenPages,
    Fetched,
    Spool,
    _fill,
    read_in_turn,
    read_side_by_side,
)
from claro_async.errors import DecodeError, TransferError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from typing import TypeAlias

    Read: TypeAlias = Callable[..., AsyncGenerator[Fetched, None]]


def body(uids: list[str], continuation: str | None = None) -> bytes:
    """A page of comments."""
    page: dict[str, Any] = {"comments": [{"comment": {"uid": uid}} for uid in uids]}
    if continuation is not None:
        page["continuation"] = continuation
    return json.dumps(page).encode()


class Pages:
    """Gives pages by run (the ``limit`` of its request) and token.

    Attributes:
        requests: Run and token of each request, in order.
        held: What has to be set before a request is answered.
        reached: Set when a request came.
    """

    def __init__(self, pages: dict[tuple[int, str | None], bytes | Exception]) -> None:
        self._pages = pages
        self.requests: list[tuple[int, str | None]] = []
        self.held: dict[tuple[int, str | None], asyncio.Event] = {}
        self.reached = {key: asyncio.Event() for key in pages}

    async def __call__(self, request: ExportRequest) -> bytes:
        assert request.limit is not None
        key = (request.limit, request.continuation)
        self.requests.append(key)
        self.reached[key].set()
        if key in self.held:
            await self.held[key].wait()
        found = self._pages[key]
        if isinstance(found, Exception):
            raise found
        return found


def runs(count: int) -> list[ExportRequest]:
    """The first requests of so many runs."""
    return [ExportRequest(limit=run) for run in range(count)]


THREE: dict[tuple[int, str | None], bytes | Exception] = {
    (0, None): body(["a"], "1"),
    (0, "1"): body(["b"], "2"),
    (0, "2"): body(["c"], ""),
    (1, None): body([]),
    (2, None): body(["d"], "1"),
    (2, "1"): body(["e"]),
}
FOLLOWING = [
    (["a"], Place(0, "1")),
    (["b"], Place(0, "2")),
    (["c"], Place(1)),
    ([], Place(2)),
    (["d"], Place(2, "1")),
    (["e"], None),
]


def seen(fetched: Fetched) -> tuple[list[str], Place | None]:
    """The uids of a page, and what follows it."""
    comments = [json.loads(bytes(raw))["comment"]["uid"] for raw in fetched.page.comments]
    assert json.loads(fetched.content)["comments"] == [
        {"comment": {"uid": uid}} for uid in comments
    ]
    return comments, fetched.following


READ = pytest.mark.parametrize("read", [read_in_turn, read_side_by_side])


@READ
@pytest.mark.parametrize("skipped", range(6))
async def test_all_pages_of_all_runs(read: Read, skipped: int) -> None:
    """From any page on, all that follow come in order, each with the place behind it."""
    start = FOLLOWING[skipped - 1][1] if skipped else Place()
    fetch = Pages(THREE)
    found = [seen(each) async for each in read(fetch, runs(3), start)]
    assert found == FOLLOWING[skipped:]
    assert len(fetch.requests) == len(found)


@READ
async def test_an_error_comes_where_its_page_would(read: Read) -> None:
    """What came before an error is given first, and nothing after it."""
    fetch = Pages({**THREE, (0, "2"): ValueError("no")})
    found: list[Any] = []

    async def collect() -> None:
        async for each in read(fetch, runs(3), Place()):
            found.append(seen(each))  # noqa: PERF401 - keeps what came before

    with pytest.raises(ValueError, match="no"):
        await collect()
    assert found == FOLLOWING[:2]
    assert asyncio.all_tasks() == {asyncio.current_task()}


@READ
async def test_a_body_that_is_no_page(read: Read) -> None:
    """It is an error where it would be given."""
    pages = read(Pages({(0, None): b"<html>"}), runs(1), Place())
    with pytest.raises(DecodeError):
        await anext(pages)


@READ
@pytest.mark.parametrize("start", [None, "1", "2"])
async def test_a_circle(read: Read, start: str | None) -> None:
    """A circle of tokens ends with an error, when what came before it was given."""
    circle = Pages(
        {
            (0, None): body(["a"], "1"),
            (0, "1"): body(["b"], "2"),
            (0, "2"): body(["c"], "1"),
        }
    )
    found: list[str] = []

    async def collect() -> None:
        async for each in read(circle, runs(1), Place(0, start)):
            found.extend(seen(each)[0])

    with pytest.raises(TransferError, match="given before"):
        await collect()
    assert len(set(found)) == {None: 3, "1": 2, "2": 2}[start]
    assert len(circle.requests) == len(found) <= 8


async def test_the_same_token_in_two_runs_is_no_circle() -> None:
    """Each run has tokens of its own."""
    pages = {(0, None): body(["a"], "1"), (0, "1"): body([]), (1, None): body(["b"], "1")}
    fetch = Pages({**pages, (1, "1"): body(["c"])})
    found = [seen(each)[0] async for each in read_in_turn(fetch, runs(2), Place())]
    assert found == [["a"], [], ["b"], ["c"]]


async def test_one_page_ahead() -> None:
    """In turn, one page is read ahead; it is called off when the reader leaves."""
    fetch = Pages(THREE)
    fetch.held[(0, "2")] = asyncio.Event()
    async with aclosing(read_in_turn(fetch, runs(3), Place())) as pages:
        await anext(pages)
        await asyncio.sleep(0)
        assert fetch.requests == [(0, None), (0, "1")]
        await anext(pages)
        await asyncio.sleep(0)
        assert fetch.requests == [(0, None), (0, "1"), (0, "2")]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_side_by_side() -> None:
    """Later runs are read while the first one waits; their pages come in order all the same."""
    fetch = Pages(THREE)
    gate = fetch.held[(0, "1")] = asyncio.Event()
    async with aclosing(read_side_by_side(fetch, runs(3), Place())) as pages:
        assert seen(await anext(pages)) == FOLLOWING[0]
        await fetch.reached[(2, "1")].wait()
        assert (0, "2") not in fetch.requests
        gate.set()
        assert [seen(each) async for each in pages] == FOLLOWING[1:]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_leaving_side_by_side_calls_all_off() -> None:
    """When the reader leaves, no task of any run is left."""
    fetch = Pages(THREE)
    fetch.held[(0, "1")] = asyncio.Event()
    async with aclosing(read_side_by_side(fetch, runs(3), Place())) as pages:
        await anext(pages)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_spool_gives_what_was_put_in() -> None:
    """Pages of any size come out in order, also those put in while others are taken out."""
    spool = Spool()
    contents = [body([str(number) * (number * 90_000 + 1)]) for number in range(10)]
    for content in contents[:5]:
        await spool.put(content, Place(0, "x"))
    pages = spool.drain()
    found = [(await anext(pages)).content for _ in range(3)]
    for content in contents[5:]:
        await spool.put(content, None)
    spool.end(None)
    found += [each.content async for each in pages]
    assert found == contents
    spool.close()
    spool.close()


async def test_a_spool_wakes_whoever_waits() -> None:
    """A page, the end and an error each reach a reader who waits already."""
    spool = Spool()
    pages = spool.drain()
    waiting = asyncio.ensure_future(anext(pages, None))
    await asyncio.sleep(0)
    await spool.put(body(["a"]), None)
    assert await asyncio.wait_for(waiting, 5) is not None
    waiting = asyncio.ensure_future(anext(pages, None))
    await asyncio.sleep(0)
    spool.end(None)
    assert await asyncio.wait_for(waiting, 5) is None
    failing = Spool()
    waiting = asyncio.ensure_future(anext(failing.drain(), None))
    await asyncio.sleep(0)
    failing.end(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await asyncio.wait_for(waiting, 5)
    spool.close()
    failing.close()


@pytest.mark.parametrize("comments", [[], ["a", "b"], ["a"]])
async def test_endless_pages_side_by_side(comments: list[str]) -> None:
    """A run whose pages have nothing new is given up, though nobody has asked for its pages yet."""
    numbers = iter(range(MAX_BARREN_PAGES + 2))

    async def fetch(request: ExportRequest) -> bytes:
        assert request.limit == 0
        return body(comments, str(next(numbers)))

    spool = Spool()
    await _fill(spool, fetch, runs(1), Place())
    pages = spool.drain()
    found = [await anext(pages) for _ in range(MAX_BARREN_PAGES + bool(comments))]
    assert len(found) == MAX_BARREN_PAGES + bool(comments)
    with pytest.raises(TransferError, match="in a row"):
        await anext(pages)
    spool.close()


@pytest.mark.parametrize("extra", [["a"], ["z"]], ids=["last", "first"])
async def test_a_page_that_is_new_at_one_end_is_no_barren_one(extra: list[str]) -> None:
    """Where the first or the last comment of each page is new, a run goes on."""
    last = 2 * MAX_BARREN_PAGES

    async def fetch(request: ExportRequest) -> bytes:
        at = int(request.continuation or 0)
        uids = [*extra, str(at)] if extra == ["a"] else [str(at), *extra]
        return body(uids, str(at + 1) if at < last else None)

    spool = Spool()
    await _fill(spool, fetch, runs(1), Place())
    assert len([each async for each in spool.drain()]) == last + 1
    spool.close()


@pytest.mark.parametrize("odd", [{}, {"comment": {}}, {"comment": 5}])
async def test_a_comment_without_a_uid_is_left_to_whoever_gives_the_page(odd: Any) -> None:
    """Reading ahead does not stop at such a comment: the error belongs where the page is given."""
    pages = [{"comments": [odd], "continuation": "1"}, {"comments": [odd, odd]}]
    contents = iter([json.dumps(each).encode() for each in pages])

    async def fetch(request: ExportRequest) -> bytes:
        assert request.limit == 0
        return next(contents)

    spool = Spool()
    await _fill(spool, fetch, runs(1), Place())
    assert [len(each.page.comments) async for each in spool.drain()] == [1, 2]
    spool.close()


def test_barren_pages() -> None:
    """1,000 pages in a row without anything new end it, unless the last is among them."""
    check = BarrenPages()
    for _ in range(3):
        for _ in range(999):
            check.see(has_new=False, is_last=False)
        check.see(has_new=True, is_last=False)
    for _ in range(999):
        check.see(has_new=False, is_last=False)
    check.see(has_new=False, is_last=True)
    with pytest.raises(TransferError, match="1,000 pages in a row"):
        check.see(has_new=False, is_last=False)
    for _ in range(999):
        check.see(has_new=False, is_last=False)
    with pytest.raises(TransferError):
        check.see(has_new=False, is_last=False)
