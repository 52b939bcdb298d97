"""The record of a shared quota: what is stored, by which clock, and what if it goes back.

No wall clock of a client counts. The record has a time of its own:

1. it is moved on by every change, and never goes back;
2. a client that changed the record before knows, by its own monotonic clock, how much later it is;
3. one that comes new goes by the clock of the store since the last change (of Redis, or of the
   machine for a file), which all clients see alike; where that went back, no time has passed;
4. the moments of replies are moved from the client's monotonic clock to the record's time;
5. the server's clock enters by ``Date`` headers only, and may be set at any time.

A store may forget the record (a flush), or hold an older one (a failover to a replica that lags).
Each record counts its changes, so a client sees that, and puts back the one that it knows. Nothing
is given out then until the others have reported what they hold, and what they know more.
"""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

import msgspec

from claro_async.errors import ConfigurationError
from claro_async.transport.quota.crowd import beat_of
from claro_async.transport.quota.fair_share import SharedQuota

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = 3
"""Of the record. A client refuses every other: two that read it differently would overrun."""
_REPORTED_BY = 1.25  # beats
_OUTDATED = 120.0  # seconds after which a copy is worth less than a record that others made anew


class Record(msgspec.Struct, kw_only=True):
    """What is stored.

    Attributes:
        version: See :data:`VERSION`.
        origin: Drawn when the record was made: two with the same origin have one time.
        changes: How often it was changed.
        restores: How often a client put it back from a copy.
        restored_from: How often that copy had been changed, the last time.
        time: The record's time at the last change.
        store_time: The store's time at the last change.
        shared: The quota and its members.
    """

    version: int = VERSION
    origin: str
    changes: int = 0
    restores: int = 0
    restored_from: int = 0
    time: float
    store_time: float
    shared: SharedQuota = msgspec.field(default_factory=SharedQuota)

    def encode(self) -> bytes:
        """The bytes to store."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, content: bytes) -> Record:
        """A record from its bytes.

        Raises:
            ConfigurationError: It is another version's, or none.
        """
        try:
            version = msgspec.json.decode(content, type=_Versioned).version
            if version == VERSION:
                return msgspec.json.decode(content, type=cls)
        except msgspec.MsgspecError as error:
            raise ConfigurationError(f"the shared quota's record cannot be read: {error}") from None
        raise ConfigurationError(
            f"the shared quota's record has version {version}, and this claro-async reads version"
            f" {VERSION}: use one version in all processes, or name another place"
        )


class _Versioned(msgspec.Struct):
    version: int = 1  # as long as no number was written


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    """A record as one client stored it; `ahead` is its time against the monotonic clock."""

    content: bytes
    origin: str
    changes: int
    restores: int
    ahead: float
    at: float


class MemberView:
    """What one client knows of the record, and how it changes it.

    Args:
        monotonic: The client's monotonic clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._known: _Known | None = None
        self._tried: _Known | None = None

    @property
    def ahead(self) -> float:
        """Seconds by which the record's time is ahead of the monotonic clock; 0 if not known."""
        return 0.0 if self._known is None else self._known.ahead

    def change(
        self,
        content: bytes | None,
        store_time: float,
        change: Callable[[SharedQuota, float], None],
    ) -> bytes:
        """What is to be stored instead; :meth:`confirm` once it is.

        Args:
            content: What is stored, or None.
            store_time: The store's time.
            change: Changes the quota; its second argument is the record's time by now.

        Raises:
            ConfigurationError: What is stored is no record of ours.
        """
        now = self._monotonic()
        record = self._load(content, store_time, now)
        record.time = max(record.time, self._time_of(record, store_time, now))
        record.store_time = store_time
        record.changes += 1
        change(record.shared, record.time)
        new = record.encode()
        self._tried = _Known(
            content=new,
            origin=record.origin,
            changes=record.changes,
            restores=record.restores,
            ahead=record.time - now,
            at=now,
        )
        return new

    def confirm(self) -> None:
        """What :meth:`change` returned last was stored."""
        self._known = self._tried

    def _load(self, content: bytes | None, store_time: float, now: float) -> Record:
        known = self._known
        if content is not None:
            record = Record.decode(content)
            if known is None or now > known.at + _OUTDATED:
                return record
            if record.origin == known.origin and record.restores > known.restores:
                return self._complete(record, known)
            if record.changes >= known.changes:
                return record
        elif known is None:
            return Record(origin=token_hex(8), time=0.0, store_time=store_time)
        return self._restore(known, now)

    def _restore(self, known: _Known, now: float) -> Record:
        """Our own copy, where the store fell back; it does not say what others hold by now."""
        record = Record.decode(known.content)
        record.restores += 1
        record.restored_from = known.changes
        members = len(record.shared.members)
        if members > 1:
            closed_for = _REPORTED_BY * beat_of(members)
            record.shared.closed_until = now + known.ahead + closed_for
        return record

    def _complete(self, record: Record, known: _Known) -> Record:
        """The record that another client put back, with what we know more."""
        if record.restored_from < known.changes:
            record.shared.quota.merge(Record.decode(known.content).shared.quota)
        return record

    def _time_of(self, record: Record, store_time: float, now: float) -> float:
        if self._known is not None and self._known.origin == record.origin:
            return now + self._known.ahead
        return record.time + max(0.0, store_time - record.store_time)
