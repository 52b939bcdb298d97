"""Where an export stands, without a network: what is noted of a page, and what is written down."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.communications_mining.continuation import (
    Place,
    Position,
    TokenCheck,
    read_position,
)
from claro_async.communications_mining.known_uids import DIGEST, RecentUids, StoredUids
from claro_async.communications_mining.models import CommentOrder
from claro_async.communications_mining.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Sequence

NOON = datetime(2024, 3, 14, 12, tzinfo=UTC)
FAR = NOON + timedelta(days=99)


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def position(**values: Any) -> Position:
    """A position behind the first page of a single run."""
    values.setdefault("selection", Selection())
    values.setdefault("place", Place(0, "a"))
    return Position(dataset="p/n", **{"bounds": (), **values})


def give(where: Position, minutes: Sequence[float | None], token: str | None = "b") -> None:  # noqa: S107 - no password
    """Give a page of comments of these minutes, and go on to the next page of the run."""
    for number, _ in enumerate(minutes):
        where.recent.add(f"{where.place}.{number}.{len(where.recent)}")
        where.given += 1
    following = None if token is None or where.place is None else Place(where.place.run, token)
    where.move(following, minutes, lambda each: None if each is None else at(each))


@pytest.mark.parametrize(
    ("pages", "last", "at_last", "ordered"),
    [
        ([], None, 0, True),
        ([[]], None, 0, True),
        ([[1]], 1, 1, True),
        ([[1, 2, 3]], 3, 1, True),
        ([[1, 3, 3]], 3, 2, True),
        ([[3, 3, 3]], 3, 3, True),
        ([[1, 3], [3, 3]], 3, 3, True),
        ([[1, 3], [3, 4]], 4, 1, True),
        ([[1, 3], [4, 4]], 4, 2, True),
        ([[1, 3], []], 3, 1, True),
        ([[None, None]], None, 2, True),
        ([[None], [None, None]], None, 3, True),
        ([[1, None]], 1, 2, True),
        ([[1, 2, None, 2, None]], 2, 4, True),
        ([[1, 2], [None, None]], 2, 3, True),
        ([[1, 2], [None, 2]], 2, 3, True),
        ([[1, 5], [4, 6]], 6, 1, False),
        ([[1, 5], [6, 4]], 4, 1, False),
        ([[1, 5], [5, 6]], 6, 1, True),
        ([[1, 5], [None, 4]], 4, 2, False),
        ([[1, 5], [4, 6], [7, 8]], 8, 1, False),
    ],
)
def test_what_is_noted_of_the_times_of_pages(
    pages: list[list[float | None]], last: float | None, at_last: int, *, ordered: bool
) -> None:
    """The latest time, how many comments in a row have it, and whether the order was kept."""
    where = position()
    for page in pages:
        give(where, page)
    assert where.last == (None if last is None else at(last))
    assert (where.at_last, where.ordered, where.given) == (at_last, ordered, 0)


def test_another_run_has_times_of_its_own() -> None:
    """What is noted of times, and where a run was begun again, ends with the run."""
    where = position(bounds=(at(50),), since=at(1))
    give(where, [1, 5])
    give(where, [4])
    assert (where.since, where.ordered) == (at(1), False)
    where.move(Place(1), [6], at)
    assert (where.place, where.since, where.last) == (Place(1), None, None)
    assert (where.at_last, where.ordered, where.given) == (0, True, 0)
    where.move(None, [7], at)
    assert (where.place, where.last, where.write()) == (None, None, None)


@pytest.mark.parametrize(
    ("start", "since"), [(None, 5), (at(1), 5), (at(5), 5), (at(6), 6), (NOON, 5)]
)
def test_a_run_is_begun_again_at_the_latest_time(start: datetime | None, since: float) -> None:
    """It begins at the time of the latest comment, but never before the run itself does."""
    where = position(selection=Selection(from_=start, to=FAR, source_ids=["s"]))
    give(where, [1, 5])
    assert where.begin_run_again(knows_all=False)
    assert (where.place, where.since) == (Place(0, None), at(since))
    (request,) = where.requests()
    assert (request.from_, request.to, request.source_ids) == (at(since), FAR, ["s"])
    assert request.continuation is None


def test_only_the_present_run_is_begun_again() -> None:
    """The other time ranges stay as they are."""
    where = position(place=Place(1, "a"), bounds=(at(10), at(20)))
    give(where, [11, 15])
    assert where.begin_run_again(knows_all=True)
    assert [(each.from_, each.to) for each in where.requests()] == [
        (None, at(10)),
        (at(15), at(20)),
        (at(20), None),
    ]


def test_what_cannot_be_begun_again() -> None:
    """Nothing is begun again where there is no token, no time or no order, or too much to know."""
    none: list[dict[str, Any]] = [
        {"place": None},
        {"place": Place(0, None), "last": NOON},
        {},
        {"last": NOON, "ordered": False},
    ]
    for values in none:
        assert position(**values).begin_run_again(knows_all=True) is False
    assert position(last=NOON).begin_run_again(knows_all=True) is True
    known = RecentUids(b"x" * 3 * DIGEST)
    for given in (2, 3):
        where = position(last=NOON, recent=known, at_last=1, given=given)
        assert where.begin_run_again(knows_all=False) is (given == 2)
        assert (where.place == Place(0, None)) == (given == 2)
    assert position(last=NOON, recent=known, at_last=9).begin_run_again(knows_all=True)


def test_comments_by_uid_are_begun_again_without_a_time() -> None:
    """A group of uids is begun from its start, whatever the order of its comments."""
    uids = [f"s.{number}" for number in range(600)]
    where = position(selection=Selection(comment_uids=uids), place=Place(1, "a"), ordered=False)
    assert where.begin_run_again(knows_all=False)
    assert (where.place, where.since) == (Place(1, None), None)
    assert [each.from_ for each in where.requests()] == [None, None, None]


def test_all_of_a_position_is_written() -> None:
    """What is read from the text is what was written, field by field."""
    selection = Selection(
        order_by="created_at", from_=NOON, to=FAR, source_ids=["s", "t"], windows=3, limit=9
    )
    where = position(
        selection=selection,
        place=Place(2, "tök.en"),
        bounds=(at(10.5), at(20)),
        given=4,
        since=at(21),
        last=at(22),
        at_last=7,
        ordered=False,
    )
    for number in range(300):
        where.recent.add(f"s.{number}")
    text = where.write()
    assert text is not None
    again = read_position(text, "p/n", Selection(windows=3, limit=8))
    assert again.selection == Selection(
        order_by=CommentOrder.CREATED_AT,
        from_=NOON,
        to=FAR,
        source_ids=["s", "t"],
        windows=3,
        limit=8,
    )
    for name in ("dataset", "place", "bounds", "given", "since", "last", "at_last", "ordered"):
        assert getattr(again, name) == getattr(where, name)
    assert "s.299" in again.recent
    assert read_position(text, "p/n", selection).selection == selection
    plain = read_position(position().write() or "", "p/n", Selection())
    assert (plain.selection, plain.bounds, plain.place) == (Selection(), (), Place(0, "a"))
    assert read_position(position(bounds=None).write() or "", "p/n", Selection()).bounds is None


@pytest.mark.parametrize(
    ("at_last", "given", "written"),
    [(0, 0, 256), (255, 1, 256), (200, 57, 257), (0, 300, 300), (2048, 0, 2048), (2000, 50, 2048)],
)
def test_how_many_uids_are_written(at_last: int, given: int, written: int) -> None:
    """At least 256, all of the latest time and of the page, and at most 2,048."""
    where = position(at_last=at_last, given=given)
    for number in range(3000):
        where.recent.add(f"s.{number}")
    again = read_position(where.write() or "", "p/n", Selection())
    assert len(again.recent) == written
    assert f"s.{3000 - written}" in again.recent
    assert f"s.{2999 - written}" not in again.recent


def test_the_servers_own_token() -> None:
    """Any other text is the server's token, of a single run; it goes with the plain filters."""
    found = read_position("2021.abc", "p/n", Selection(limit=3))
    assert (found.place, found.bounds) == (Place(0, "2021.abc"), ())
    assert found.selection == Selection(limit=3)
    for selection in (Selection(windows=2), Selection(comment_uids=["a"])):
        with pytest.raises(ValueError, match="the server's own token"):
            read_position("2021.abc", "p/n", selection)


def test_uids_are_given_again() -> None:
    """The text of an export by uids holds a digest of them: they are passed again, and compared."""
    uids = [f"s.{number}" for number in range(600)]
    selection = Selection(comment_uids=uids)
    text = position(selection=selection, place=Place(2, "a")).write() or ""
    again = read_position(text, "p/n", selection)
    assert (again.place, again.selection) == (Place(2, "a"), selection)
    with pytest.raises(ValueError, match="pass the same again"):
        read_position(text, "p/n", Selection())
    with pytest.raises(ValueError, match="another comment_uids"):
        read_position(text, "p/n", Selection(comment_uids=uids[1:]))
    with pytest.raises(ValueError, match="another comment_uids"):
        read_position(position().write() or "", "p/n", selection)


def changed(**values: Any) -> str:
    """The text of a position, with other values in it."""
    text = position().write() or ""
    state = json.loads(base64.urlsafe_b64decode(text.partition("1.")[2])) | values
    return "claro-export-1." + base64.urlsafe_b64encode(json.dumps(state).encode()).decode()


@pytest.mark.parametrize(
    "values",
    [
        {"run": 1},
        {"run": -1},
        {"run": "0"},
        {"selection": {}},
        {"selection": None},
        {"bounds": ["x"]},
        {"recent": 5},
        {"token": 5},
    ],
)
def test_damaged_texts(values: dict[str, Any]) -> None:
    """A text of another shape, or of a run that there is not, is damaged."""
    assert read_position(changed(), "p/n", Selection()) is not None
    with pytest.raises(ValueError, match="damaged"):
        read_position(changed(**values), "p/n", Selection())


@pytest.mark.parametrize(
    ("tokens", "repeats"),
    [
        ("aa", 1),
        ("ab", None),
        ("abb", 2),
        ("abab", 3),
        ("abcabca", 6),
        ("abcdefgh", None),
    ],
)
def test_circles(tokens: str, repeats: int | None) -> None:
    """A token that came before is noticed: at once, or when the one that is kept comes again."""
    check = TokenCheck(tokens[0])
    found = [check.repeats(token) for token in tokens[1:repeats]]
    assert found == [False] * len(found)
    if repeats is not None:
        assert check.repeats(tokens[repeats]) is True


async def test_stored_uids() -> None:
    """All uids are known from then on, unless they are forgotten."""
    known = StoredUids()
    assert await known.add(["a", "b"]) == set()
    assert await known.add([]) == set()
    assert await known.add(["b", "c"]) == {"b"}
    assert await known.add(["c", "d", "a"]) == {"a", "c"}
    assert await known.add(["b", "e"], forget=["b", "d"]) == set()
    assert await known.add(["b", "d", "e"]) == {"b", "e"}
    assert known.insert(["e", "f", "f", "g"]) == 2
    assert await known.add([f"x{number}" for number in range(3000)]) == set()
    assert len(await known.add([f"x{number}" for number in range(3001)])) == 3000
