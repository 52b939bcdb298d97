"""Walks over pages by themselves: what is asked for when, and which pages belong together."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import attrs
import pytest

from claro_async import DecodeError, TransferError
from claro_async.models import Pagination
from claro_async.paging.checks import WalkCheck
from claro_async.paging.sources import PageSource
from claro_async.paging.stream import PagedStream
from claro_async.wire.replies import HttpReply

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

LIMIT = 3


@attrs.define
class SmallPage:
    """A page: where it stands, and its items."""

    pagination: Pagination
    found: list[str]


class Letters(PageSource[SmallPage, str]):
    """Pages of letters, three each.

    Attributes:
        asked: The pages that were asked for, in order.
        before: The items before each page that was decoded, as they were handed in.
        waiting: Requests that are under way.
        held: Pages whose replies do not come.
    """

    name = "letters"

    def __init__(self, pages: Sequence[str], total: int | None = None) -> None:
        self._pages = pages
        self._total = sum(map(len, pages)) if total is None else total
        self.asked: list[int] = []
        self.before: list[int | None] = []
        self.waiting = 0
        self.held: set[int] = set()

    async def fetch(self, number: int) -> HttpReply:
        """A reply, after the other tasks had a turn."""
        self.asked.append(number)
        self.waiting += 1
        try:
            await asyncio.sleep(0)
            if number in self.held:
                await asyncio.Event().wait()
        finally:
            self.waiting -= 1
        return HttpReply(200, {}, self._pages[number - 1].encode())

    def decode(self, reply: HttpReply, number: int, before: int | None) -> SmallPage:
        """The page, as many as there are."""
        self.before.append(before)
        where = Pagination(
            page=number, limit=LIMIT, total=self._total, total_pages=len(self._pages)
        )
        return SmallPage(where, list(reply.content.decode()))

    def items(self, page: SmallPage) -> list[str]:
        """The letters."""
        return page.found

    def pagination(self, page: SmallPage) -> Pagination:
        """Where it stands."""
        return page.pagination

    def count(self, page: SmallPage) -> int:
        """How many letters there are."""
        return len(page.found)

    def keys(self, page: SmallPage) -> AbstractSet[str]:
        """The letters."""
        return frozenset(page.found)


class Growing(Letters):
    """Letters of which there is one more by each page: it was added above."""

    def decode(self, reply: HttpReply, number: int, before: int | None) -> SmallPage:
        """The page, which says that one more was added."""
        page = super().decode(reply, number, before)
        page.pagination.total += number
        return page

    def leave_out(self, page: SmallPage, keys: AbstractSet[str]) -> None:
        """Drop the letters that the page before had."""
        page.found = [letter for letter in page.found if letter not in keys]


async def turns() -> None:
    """Give all other tasks the turns that they need."""
    for _ in range(5):
        await asyncio.sleep(0)


ALPHABET = ["abc", "def", "ghi", "jkl", "m"]


@pytest.mark.parametrize("read_ahead", [0, 1, 2, 9])
async def test_all_items_come_in_order(read_ahead: int) -> None:
    """Each page is asked for once, whatever is read ahead."""
    source = Letters(ALPHABET)
    found = [letter async for letter in PagedStream(source, read_ahead=read_ahead)]
    assert "".join(found) == "abcdefghijklm"
    assert source.asked == [1, 2, 3, 4, 5]
    assert source.before == [None, 3, 6, 9, 12]


@pytest.mark.parametrize("read_ahead", [0, 1, 2, 9])
async def test_pages_are_read_ahead_just_as_far_as_asked(read_ahead: int) -> None:
    """While a page is looked at, exactly so many further ones are asked for, if there are."""
    source = Letters(ALPHABET)
    pages = PagedStream(source, read_ahead=read_ahead).pages()
    for number in range(1, 6):
        await anext(pages)
        await turns()
        assert source.asked == list(range(1, min(5, number + read_ahead) + 1))
    with pytest.raises(StopAsyncIteration):
        await anext(pages)


@pytest.mark.parametrize(
    ("read_ahead", "asked"), [(0, [1, 2, 3, 4, 5]), (1, [2, 3, 4, 5, 5]), (3, [4, 5, 5, 5, 5])]
)
async def test_pages_are_asked_for_before_one_is_looked_at(
    read_ahead: int, asked: list[int]
) -> None:
    """The next requests are under way in a loop, too, that gives no other task a turn."""
    source = Letters(ALPHABET)
    pages = PagedStream(source, read_ahead=read_ahead).pages()
    assert [len(source.asked) async for _ in pages] == asked


async def test_two_pages_are_read_ahead_by_default() -> None:
    """The first page is followed by two more at once."""
    source = Letters(ALPHABET)
    pages = PagedStream(source).pages()
    await anext(pages)
    await turns()
    assert source.asked == [1, 2, 3]
    await pages.aclose()


async def test_a_walk_left_early_leaves_no_request_behind() -> None:
    """Requests that were under way are cancelled, and have ended when the walk has."""
    source = Letters(ALPHABET)
    source.held = {2, 3}
    pages = PagedStream(source).pages()
    await anext(pages)
    await turns()
    assert source.waiting == 2
    await pages.aclose()
    assert source.waiting == 0


async def test_a_range_of_pages() -> None:
    """`start_page` and `end_page` are the first and the last page that are asked for."""
    source = Letters(ALPHABET)
    stream = PagedStream(source, start_page=2, end_page=3)
    assert "".join([letter async for letter in stream]) == "defghi"
    assert source.asked == [2, 3]
    assert source.before == [None, 6]


async def test_the_last_page_may_be_beyond_the_end() -> None:
    """There are no more pages than there are, whatever `end_page` says."""
    source = Letters(ALPHABET)
    assert len([page async for page in PagedStream(source, end_page=9).pages()]) == 5
    assert source.asked == [1, 2, 3, 4, 5]


async def test_awaiting_a_stream_asks_for_its_first_page_alone() -> None:
    """It is the page that the stream begins with, checked as in a walk."""
    source = Letters(ALPHABET)
    page = await PagedStream(source, start_page=4)
    assert page.found == ["j", "k", "l"]
    await turns()
    assert (source.asked, source.before) == ([4], [None])
    with pytest.raises(DecodeError, match="letters: page 2 has no items"):
        await PagedStream(Letters(["abc", ""], total=9), start_page=2)


async def test_a_single_page() -> None:
    """One page without items is a walk of one page."""
    source = Letters([""])
    assert [page.found async for page in PagedStream(source).pages()] == [[]]
    assert source.asked == [1]


@pytest.mark.parametrize("end_page", [None, 2, 3])
async def test_items_that_are_missing_at_the_end(end_page: int | None) -> None:
    """Pages that end before all items came are an error of a walk over all of them."""
    stream = PagedStream(Letters(["abc", "de"], total=6), end_page=end_page)
    if end_page == 2:  # no more was asked for
        assert len([letter async for letter in stream]) == 5
        return
    with pytest.raises(DecodeError, match="letters: the pages end after 5 of 6 items"):
        _ = [letter async for letter in stream]


async def test_a_total_that_counts_others_too_is_not_compared() -> None:
    """Where the total is not that of the pages, nothing is missing."""
    source = Letters(["abc", "de"], total=6)
    source.counts_all = False
    assert len([letter async for letter in PagedStream(source)]) == 5


async def test_items_that_moved_down_are_left_out() -> None:
    """What the page before had is not given once more where something was added above."""
    source = Growing(["abc", "cde", "ef"], total=5)
    assert "".join([letter async for letter in PagedStream(source)]) == "abcdef"


async def test_a_strict_walk_is_strict() -> None:
    """Where items may be missed, a strict walk ends with an error, and another one goes on."""

    class Shrinking(Letters):
        def decode(self, reply: HttpReply, number: int, before: int | None) -> SmallPage:
            page = super().decode(reply, number, before)
            page.pagination.total -= number - 1
            return page

    pages = ["abc", "def", "ghi"]
    assert [page async for page in PagedStream(Shrinking(pages)).pages()]
    with pytest.raises(TransferError, match="letters: 9 items have become 8"):
        _ = [page async for page in PagedStream(Shrinking(pages)).pages(strict=True)]


# --- the check by itself


def standing(page: int, total: int) -> Pagination:
    """Where a page of three stands."""
    return Pagination(page=page, limit=LIMIT, total=total, total_pages=-(-total // LIMIT))


def test_a_check_counts_what_came() -> None:
    """The items before the first page count as seen, and the total is the latest."""
    check = WalkCheck(name="letters")
    assert check.add(3, standing(3, 8), 2, frozenset()) == frozenset()
    assert (check.seen, check.total) == (8, 8)
    check.end()
    check.add(4, standing(4, 12), 3, frozenset("xyz"))
    assert (check.seen, check.total, check.keys) == (11, 12, frozenset("xyz"))
    with pytest.raises(DecodeError, match="the pages end after 11 of 12") as caught:
        check.end()
    assert caught.value.path == "pagination.total"


def test_a_check_that_saw_no_page_has_nothing_to_say() -> None:
    """Without a page, or without a total, nothing is missing."""
    WalkCheck(name="letters").end()
    WalkCheck(name="letters", seen=1).end()
    WalkCheck(name="letters", total=1).end()
    WalkCheck(name="letters", seen=2, total=1).end()


@pytest.mark.parametrize("came", [1, 3])
def test_another_page_than_the_one_asked_for(came: int) -> None:
    """It is an error, and nothing is taken from it."""
    check = WalkCheck(name="letters")
    with pytest.raises(DecodeError, match=f"page 2 was asked for, and page {came} came"):
        check.add(2, standing(came, 9), 3, frozenset("abc"))
    assert check.seen is None


@pytest.mark.parametrize(
    ("number", "total", "fits"), [(2, 4, False), (2, 3, True), (2, 0, True), (1, 0, True)]
)
def test_a_page_without_items(number: int, total: int, fits: bool) -> None:  # noqa: FBT001
    """It is an error where the server says that there is something on it."""
    check = WalkCheck(name="letters")
    if fits:
        check.add(number, standing(number, total), 0, frozenset())
        assert check.seen == (number - 1) * LIMIT
        return
    with pytest.raises(DecodeError, match="page 2 has no items, but there should be 4 in all"):
        check.add(number, standing(number, total), 0, frozenset())


@pytest.mark.parametrize(
    ("total", "keys", "repeated"),
    [
        (9, "def", ""),
        (10, "cde", "c"),
        (11, "bcd", "bc"),
        (9, "cde", None),
        (8, "cde", None),
        (12, "abc", None),
        (12, "ab", None),
    ],
)
def test_items_that_come_again(total: int, keys: str, repeated: str | None) -> None:
    """They are left out if the total has grown and others came with them; else it is an error."""
    check = WalkCheck(name="letters")
    check.add(1, standing(1, 9), 3, frozenset("abc"))
    if repeated is not None:
        assert check.add(2, standing(2, total), 3, frozenset(keys)) == frozenset(repeated)
        return
    with pytest.raises(DecodeError, match=r"page 2 has \d items of page 1"):
        check.add(2, standing(2, total), 3, frozenset(keys))


@pytest.mark.parametrize("strict", [True, False])
def test_a_total_that_becomes_smaller(
    strict: bool,  # noqa: FBT001
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged once in a walk, and an error of a strict one; the same total is neither."""
    check = WalkCheck(name="letters", strict=strict)
    with caplog.at_level(logging.WARNING, "claro_async"):
        check.add(1, standing(1, 12), 3, frozenset("abc"))
        check.add(2, standing(2, 12), 3, frozenset("def"))
        if strict:
            with pytest.raises(TransferError, match="12 items have become 11"):
                check.add(3, standing(3, 11), 3, frozenset("ghi"))
            assert not caplog.records
            return
        check.add(3, standing(3, 11), 3, frozenset("ghi"))
        check.add(4, standing(4, 10), 1, frozenset("j"))
    (record,) = caplog.records
    assert record.getMessage() == (
        "letters: 12 items have become 11 while they were read; some may have been missed"
    )
