"""What a journal says of its job, for whoever looks at it from outside."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from claro_async._checks import check_path
from claro_async.bulk.edits import EditStatus
from claro_async.bulk.journal import KIND, PLANNED, READ_META, STAGED, incomplete
from claro_async.bulk.statements import COUNT
from claro_async.bulk.states import IN_DOUBT, STATUS_OF, State
from claro_async.errors import JournalError, JournalIncompleteError
from claro_async.storage.locks import FileLock, InUseError
from claro_async.storage.sqlite import LockedSqlite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class JobPhase(StrEnum):
    """How far a job is that has a journal."""

    STAGING = "staging"
    """Its input is being written down, or was when its process ended; nothing was sent."""
    PLANNING = "planning"
    """It is being decided what is sent; nothing was sent."""
    SENDING = "sending"
    """Some edits are still to be sent, or looked up."""
    DONE = "done"
    """Every edit has its outcome."""
    SETTING_BACK = "setting_back"
    """A revert set cells back, and has more to do."""
    SET_BACK = "set_back"
    """A revert is complete."""


_NEXT: Mapping[JobPhase, str] = {
    JobPhase.STAGING: "a resume says to start again: nothing was sent",
    JobPhase.PLANNING: "a resume plans the job, then sends what is planned",
    JobPhase.SENDING: "a resume reads pages to look up {unknown} edits, and sends {not_sent}",
    JobPhase.DONE: "a resume sends nothing, and gives the report again",
    JobPhase.SETTING_BACK: "a resume is refused; another revert goes on with the one begun",
    JobPhase.SET_BACK: "a resume is refused: the job was set back",
}


@attrs.frozen(kw_only=True)
class JournalStatus:
    """What a journal says of its job.

    Attributes:
        path: The file.
        job_id: What tells this job from any other.
        kind: ``update`` or ``sync``.
        base_url: The API's root.
        dataset_id: The dataset.
        phase: How far the job is.
        in_use: Whether a process works on it now.
        counts: Edits by status, as a report would count them; they sum to the input.
        set_back: Cells that a revert has set back.
        began: When the job began.
        ended: When its last edit had its outcome, or None before.
        next_step: What a resume would do, in words.
    """

    path: Path
    job_id: str
    kind: str
    base_url: str
    dataset_id: str
    phase: JobPhase
    in_use: bool
    counts: Mapping[EditStatus, int]
    set_back: int
    began: datetime
    ended: datetime | None
    next_step: str

    @property
    def total(self) -> int:
        """Edits of the input, as far as it is written down."""
        return sum(self.counts.values())

    def to_dict(self) -> dict[str, Any]:
        """The status as plain JSON values."""
        return {
            **attrs.asdict(self, recurse=False),
            "path": str(self.path),
            "phase": str(self.phase),
            "counts": {str(status): number for status, number in self.counts.items()},
            "total": self.total,
            "began": self.began.isoformat(),
            "ended": None if self.ended is None else self.ended.isoformat(),
        }


def journal_status(path: str | os.PathLike[str]) -> JournalStatus:
    """What a journal says of its job; also while a process works on it, which is not disturbed.

    Blocks for as long as counting the edits takes: some 0.1 s a million.

    Args:
        path: The journal.

    Raises:
        JournalIncompleteError: Nothing was written to it yet: its job can be started again.
        JournalError: There is none, or it is something else, or damaged.
    """
    check_path("journal", path)
    file = Path(os.path.realpath(path))
    in_use = _is_in_use(file)
    if not in_use:
        database = LockedSqlite.open(file, KIND, "read")
        try:
            return _status(file, database.execute, in_use=False)
        finally:
            database.close()
    try:
        with closing(_connect_read_only(file)) as connection:
            return _status(file, lambda sql: connection.execute(sql).fetchall(), in_use=True)
    except sqlite3.Error as error:
        raise JournalError(f"{file} cannot be read: {error}") from None


def _is_in_use(file: Path) -> bool:
    if not file.is_file():
        return False
    try:
        FileLock.acquire(file).release()
    except InUseError:
        return True
    except OSError:
        return False  # a folder that cannot be written: nobody works on a file in it
    return False


def _connect_read_only(file: Path) -> sqlite3.Connection:
    """A connection that can change nothing, not even by being closed last."""
    connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, isolation_level=None)
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != KIND.application_id:
        connection.close()
        raise JournalIncompleteError(incomplete(file))
    return connection


def _status(file: Path, execute: Callable[[str], list[Any]], *, in_use: bool) -> JournalStatus:
    execute("BEGIN")  # all that follows is of one moment
    meta = dict(execute(READ_META))
    edits, undo = (
        {State(state): number for state, number in execute(COUNT.replace("{edits}", table))}
        for table in ("edits", "undo")
    )
    execute("COMMIT")
    if "job_id" not in meta:
        raise JournalIncompleteError(incomplete(file))
    counts: Counter[EditStatus] = Counter()
    for state, number in edits.items():
        counts[STATUS_OF[state]] += number
    phase = _phase(meta, counts, undo)
    return JournalStatus(
        path=file,
        job_id=meta["job_id"],
        kind=meta["kind"],
        base_url=meta["base_url"],
        dataset_id=meta["dataset_id"],
        phase=phase,
        in_use=in_use,
        counts={status: counts[status] for status in EditStatus},
        set_back=undo.get(State.UPDATED, 0),
        began=_moment(meta["began"]),
        ended=_moment(meta["ended"]) if "ended" in meta else None,
        next_step=_NEXT[phase].format(
            unknown=counts[EditStatus.UNKNOWN], not_sent=counts[EditStatus.NOT_SENT]
        ),
    )


def _phase(
    meta: Mapping[str, str], counts: Mapping[EditStatus, int], undo: Mapping[State, int]
) -> JobPhase:
    if "set_back" in meta:
        return JobPhase.SET_BACK
    if any(undo.get(state) for state in (State.UPDATED, *IN_DOUBT)):
        return JobPhase.SETTING_BACK
    if STAGED not in meta:
        return JobPhase.STAGING
    if PLANNED not in meta:
        return JobPhase.PLANNING
    is_open = counts[EditStatus.NOT_SENT] or counts[EditStatus.UNKNOWN]
    return JobPhase.SENDING if is_open else JobPhase.DONE


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(float(text), UTC)
