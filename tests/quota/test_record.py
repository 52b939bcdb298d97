"""The record of a shared quota: its time, and what becomes of it when the store falls back."""

from __future__ import annotations

import attrs
import msgspec
import pytest

from claro_async.errors import ConfigurationError
from claro_async.transport.quota.crowd import BEAT
from claro_async.transport.quota.fair_share import Member, SharedQuota
from claro_async.transport.quota.phases import Paused
from claro_async.transport.quota.record import VERSION, MemberView, Record


@attrs.define
class Place:
    """A store that can fall back to what it held before.

    Attributes:
        time: Its clock.
        content: What it holds.
    """

    time: float = 1_000.0
    content: bytes | None = None

    @property
    def record(self) -> Record:
        """What it holds, decoded."""
        assert self.content is not None
        return Record.decode(self.content)


@attrs.define
class Client:
    """A client of a store, with a monotonic clock of its own."""

    place: Place
    now: float = 0.0
    view: MemberView = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.view = MemberView(lambda: self.now)

    def touch(self, name: str = "") -> float:
        """Change the record, as a member of this name; the record's time."""
        times = []

        def change(shared: SharedQuota, now: float) -> None:
            times.append(now)
            if name:
                shared.members[name] = Member(gone_at=now)

        self.place.content = self.view.change(self.place.content, self.place.time, change)
        self.view.confirm()
        return times[-1]

    def pass_time(self, seconds: float) -> None:
        """Time passes for the client and for the store."""
        self.now += seconds
        self.place.time += seconds


def test_a_record_begins_with_its_own_time() -> None:
    """The first time is 0, whatever clocks say, so that no digit of it is lost."""
    client = Client(Place(), 5e8)
    assert client.touch() == 0.0
    client.pass_time(2.5)
    assert client.touch() == 2.5
    assert client.view.ahead == -5e8


@pytest.mark.parametrize("step", [-86_400.0, -1.0, 3_600.0, 86_400.0])
def test_one_who_knows_the_record_goes_by_its_own_clock(step: float) -> None:
    """Whatever happens to the store's clock, time passes as on the client's monotonic one."""
    client = Client(Place())
    before = client.touch()
    client.pass_time(7)
    client.place.time += step
    assert client.touch() == before + 7


def test_a_newcomer_goes_by_the_clock_of_the_store() -> None:
    """What passed since the last change is known by the store alone, and counts."""
    place = Place()
    first = Client(place)
    first.touch()
    first.pass_time(50)
    assert Client(place, 9.0).touch() == 50
    assert first.touch() == 50


def test_a_store_whose_clock_went_back_stops_time_for_newcomers() -> None:
    """Where the store's clock was set back, or the machine restarted, no time has passed."""
    place = Place()
    first = Client(place)
    first.pass_time(20)
    before = first.touch()
    place.time = 1.0
    second = Client(place)
    assert second.touch() == before
    second.pass_time(3)
    assert second.touch() == before + 3


def test_time_never_goes_back() -> None:
    """One whose clock is slow does not set the record back."""
    place = Place()
    fast, slow = Client(place), Client(place)
    fast.touch()
    slow.touch()
    fast.now += 10
    assert fast.touch() == 10
    slow.now += 9
    assert slow.touch() == 10
    slow.now += 1
    assert slow.touch() == 11


def test_a_flushed_record_is_put_back() -> None:
    """The first to notice restores what it knows; until others have reported all is closed."""
    place = Place()
    first, second = Client(place), Client(place)
    first.touch("first")
    second.touch("second")
    first.touch()
    changes = place.record.changes
    place.content = None
    first.pass_time(1)
    now = first.touch()
    assert now == 1
    assert set(place.record.shared.members) == {"first", "second"}
    assert place.record.changes == changes + 1
    assert now + BEAT < place.record.shared.closed_until <= now + 1.5 * BEAT


def test_the_record_says_how_often_it_was_put_back() -> None:
    """Only a client that found it missing puts it back; it is closed by the record's own time."""
    place = Place()
    first = Client(place, 5e8)
    assert first.view.ahead == 0.0
    first.touch("first")
    first.touch("second")
    assert (place.record.restores, place.record.restored_from) == (0, 0)
    place.content = None
    first.pass_time(3)
    first.touch()
    assert (place.record.restores, place.record.restored_from, place.record.changes) == (1, 2, 3)
    assert place.record.time == 3
    assert place.record.shared.closed_until == 3 + 1.25 * BEAT


def test_what_a_client_knows_more_than_the_one_that_put_the_record_back() -> None:
    """A pause that the older copy lacks holds again as soon as who knows of it comes by."""
    place = Place()
    older, newer = Client(place), Client(place)
    older.touch("older")
    newer.touch("newer")

    def pause(shared: SharedQuota, now: float) -> None:
        shared.quota.phase = Paused(None, now, 500.0)

    place.content = newer.view.change(place.content, place.time, pause)
    newer.view.confirm()
    place.content = None
    older.touch("third")
    assert (place.record.restores, place.record.restored_from) == (1, 1)
    assert not isinstance(place.record.shared.quota.phase, Paused)
    newer.touch()
    assert isinstance(place.record.shared.quota.phase, Paused)
    assert set(place.record.shared.members) == {"older", "third"}
    assert place.record.restores == 1


def test_one_who_was_alone_need_not_wait_after_a_flush() -> None:
    """Where no other member was known, the restored record is open at once."""
    place = Place()
    client = Client(place)
    client.touch("only")
    place.content = None
    client.touch()
    assert place.record.shared.closed_until == 0.0
    assert set(place.record.shared.members) == {"only"}


def test_a_replica_that_lags_is_brought_up_to_date() -> None:
    """After a failover to an older record, the newer copy counts."""
    place = Place()
    client = Client(place)
    client.touch("first")
    old = place.content
    client.touch("second")
    place.content = old
    client.touch()
    assert set(place.record.shared.members) == {"first", "second"}
    assert place.record.changes == 3


def test_an_old_copy_gives_way_to_a_new_record() -> None:
    """One who was away for long takes what others began anew, and by that record's time."""
    place = Place()
    absent = Client(place)
    for _ in range(5):
        absent.touch("absent")
    place.content = None
    newcomer = Client(place)
    newcomer.touch("newcomer")
    absent.pass_time(120)
    assert absent.touch() >= 120
    assert "absent" in place.record.shared.members
    place.content = None
    newcomer = Client(place)
    newcomer.touch("newcomer")
    absent.pass_time(121)
    newcomer.now = 121
    assert newcomer.touch() == 121
    assert absent.touch() == 121
    assert set(place.record.shared.members) == {"newcomer"}


def test_a_change_that_was_not_stored_is_not_known() -> None:
    """Only what is confirmed is taken for the record, since a store may call more than once."""
    place = Place()
    client = Client(place)
    client.touch("first")
    client.view.change(place.content, place.time, lambda shared, _: shared.members.clear())
    place.content = None
    client.touch()
    assert set(place.record.shared.members) == {"first"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"version":"2"}'])
def test_what_is_no_record_is_refused(content: bytes) -> None:
    """Anything else under the name is an error of the settings that says so."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Record.decode(content)


@pytest.mark.parametrize("content", [b'{"version":1}', b'{"version":4,"new":[]}', b'{"quota":{}}'])
def test_a_record_of_another_version_is_refused(content: bytes) -> None:
    """The error names both versions and the way out; one without a number is version 1."""
    with pytest.raises(ConfigurationError, match=f"reads version {VERSION}: use one version"):
        Record.decode(content)


def test_a_record_reads_back_as_it_was() -> None:
    """All of a record survives being stored."""
    record = Record(origin="o", time=1.5, store_time=2.5, changes=7)
    record.shared.members["a"] = Member(gone_at=1.0, held=3, waits=True)
    record.shared.quota.limit = 100
    assert Record.decode(record.encode()) == record
    assert msgspec.json.decode(record.encode())["version"] == VERSION
