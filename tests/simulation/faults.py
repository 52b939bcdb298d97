"""Planted faults: the library broken in one place, to see whether the simulation notices.

Each fault is the kind of mistake that a change could bring in. It replaces one method or value.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import attrs

from claro_async.bulk import account, patches, revert, revert_plan, statements
from claro_async.bulk import reading as reading_module
from claro_async.bulk.commits import GroupCommit
from claro_async.bulk.edits import EditOutcome, EditStatus
from claro_async.bulk.memory import MemoryStore
from claro_async.bulk.reading import Comparison
from claro_async.bulk.sqlite_store import SqliteStore
from claro_async.bulk.states import Tally
from claro_async.storage.locks import FileLock
from claro_async.transport.quota.fair_share import SharedQuota
from claro_async.transport.quota.period import Period
from claro_async.transport.retry import Effect, History, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from claro_async.bulk.edits import Entry

_real_intend = GroupCommit.intend
_real_planned = SqliteStore.planned
_real_statuses = Tally.statuses
_real_visit = Comparison.visit
_real_is_over = Period.is_over
_real_after = History.after


@attrs.frozen
class Fault:
    """A planted fault.

    Attributes:
        name: In a few words.
        target: What is replaced.
        attribute: Its attribute.
        replacement: By what.
        family: In which runs it can show.
    """

    name: str
    target: Any
    attribute: str
    replacement: Any
    family: str = "job"

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Within this block the library has the fault."""
        with patch.object(self.target, self.attribute, self.replacement):
            yield

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


async def _intend_without_waiting(self: GroupCommit, seq: int) -> None:
    self._intents.append(seq)
    self._start()


async def _forget_doubt(self: SqliteStore, after: int) -> list[Entry]:
    entries = await _real_planned(self, after)
    for entry in entries:
        entry.maybe_applied = False
    return entries


async def _resolve_only(self: SqliteStore, cells: Sequence[tuple[str, int]]) -> None:
    if cells:
        text = "UPDATE {edits} SET cell_id = ? WHERE seq = ?"
        await self.database.write(self._each(text, cells))


async def _do_nothing(*_: Any, **__: Any) -> None:
    return None


def _ignore(*_: Any, **__: Any) -> None:
    return None


def _statuses_without_the_rest(self: Tally) -> dict[EditStatus, int]:
    return {**_real_statuses(self), EditStatus.NOT_SENT: 0}


async def _visit_with_the_names_of_the_page(self: Comparison, page: Any) -> set[str]:
    self._names = None
    return await _real_visit(self, page)


async def _fail_without_a_second_look(scan: Any, comparison: Comparison, **_: Any) -> None:
    del scan
    failure = reading_module._MISSING
    await comparison.store.fail_unseen(failure, only_unresolved=False)


def _acquire_without_locking(_: type[FileLock], path: Path) -> FileLock:
    return FileLock(path, -1, left_behind=False)


def _always(*_: Any, **__: Any) -> bool:
    return True


def _over_too_early(self: Period, now: float) -> bool:
    return _real_is_over(self, now + 3.0)


def _over_too_late(self: Period, now: float) -> bool:
    return _real_is_over(self, now - 3.0)


def _previous_of_any_cell(_: Entry, exchange: Any) -> bytes:
    return bytes(exchange.value.previous_value)


def _say_not_sent(entry: Entry, exchange: Any) -> EditOutcome:
    return EditOutcome(entry.seq, entry.edit, EditStatus.NOT_SENT, None, exchange.attempts)


def _after_without_doubt(self: History, outcome: Outcome, **options: Any) -> History:
    return attrs.evolve(_real_after(self, outcome, **options), maybe_applied=False)


def _results_lost(self: GroupCommit, result: Any) -> None:
    del self, result


def _stand_first(self: MemoryStore, cell_id: str, seq: int) -> None:
    self._by_cell.setdefault(cell_id, seq)


_FAULTS: tuple[Callable[[], Fault], ...] = (
    partial(
        Fault, "intent after send", GroupCommit, "intend", _intend_without_waiting
    ),
    partial(Fault, "doubt forgotten on resume", SqliteStore, "planned", _forget_doubt),
    partial(Fault, "superseded not written down", SqliteStore, "resolve", _resolve_only),
    partial(Fault, "superseded not noticed in memory", MemoryStore, "_stand", _stand_first,
            "stream"),
    partial(Fault, "under way not recovered after a kill", SqliteStore, "recover", _do_nothing),
    partial(Fault, "drained edits not counted", Tally, "statuses", _statuses_without_the_rest),
    partial(Fault, "what is under way not in doubt at the end", account, "interrupted_outcome",
            _say_not_sent),
    partial(Fault, "waiters not told of a failed commit", GroupCommit, "_tell_all", _ignore),
    partial(Fault, "results not written down", GroupCommit, "record", _results_lost),
    partial(Fault, "column names of a narrowed page", Comparison, "visit",
            _visit_with_the_names_of_the_page),
    partial(Fault, "missing without a second look", reading_module, "_give_up_unseen",
            _fail_without_a_second_look),
    partial(Fault, "present values called the same", reading_module, "is_same", _always),
    partial(Fault, "cells read back called updated", reading_module, "same_json", _always),
    partial(Fault, "cells changed since set back", revert, "same_json", _always),
    partial(Fault, "uncertain values not named by a revert", revert_plan, "_SKIP_UNCERTAIN",
            "SELECT 1"),
    partial(Fault, "journal not locked", FileLock, "acquire",
            classmethod(_acquire_without_locking)),
    partial(Fault, "value before trusted after a lost reply", History, "after",
            _after_without_doubt),
    partial(Fault, "a lost reply counted as not applied", Outcome, "of_failure",
            classmethod(lambda _cls, _failure: Outcome(effect=Effect.NOT_APPLIED))),
    partial(Fault, "values left out on a resume", statements, "MARK_SENT",
            "UPDATE {edits} SET state = 1 WHERE seq IN (SELECT value FROM json_each(?)) AND 0"),
    partial(Fault, "value of another cell trusted", patches, "_previous_of", _previous_of_any_cell),
    partial(Fault, "permits not given back", SharedQuota, "_count", _ignore, "quota"),
    partial(Fault, "period thought to be over too early", Period, "is_over", _over_too_early,
            "quota"),
    partial(Fault, "period thought to be over too late", Period, "is_over", _over_too_late,
            "quota"),
)  # fmt: skip


def faults() -> list[Fault]:
    """All planted faults."""
    return [make() for make in _FAULTS]
