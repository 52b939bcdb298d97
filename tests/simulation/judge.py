"""Holds a run to the promises of ``docs/guarantees.md``, by the server's own record.

It knows the edits, what the server applied, and what the client reported. It does not know how the
client works. Each violation begins with the promise's number.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from contextvars import Context
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from claro_async import journal_status
from claro_async.bulk.edits import EditStatus
from claro_async.errors import ClaroError, JournalError, NotFoundByReadingError
from tests.simulation.network import Fate
from tests.simulation.process import CallbackError, files_in

if TYPE_CHECKING:
    from claro_async import BulkReport
    from claro_async.bulk.edits import EditOutcome
    from tests.simulation.network import Sent
    from tests.simulation.process import Process
    from tests.simulation.scenario import Action
    from tests.simulation.server import Period, Written
    from tests.simulation.world import World

_TASKS_BESIDE = 16
_SLACK = 30.0  # seconds
_DOCUMENTED_PERIOD = 60.0
_REFUSED = 3
_LEAST_PERIOD = 7.0
_FEW_PERIODS = 3
_USED = 0.9
_CERTAIN = (Fate.NORMAL,)
_NOT_APPLIED = range(400, 500)


class Judge:
    """The judge of one run.

    Attributes:
        violations: What was promised and not kept.
        taken: Edits that the client took from an input.
        was_reverted: Whether a revert of the job was begun.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.violations: list[str] = []
        self.taken = 0
        self.was_reverted = False
        self._skipped: set[str] = set()
        self._outcomes: list[EditOutcome] = []
        self._missed: set[int] = set()
        job = world.scenario.job
        self._targets = [self._target(edit) for edit in job.edits]
        self._values = [_canonical(edit[-1]) for edit in job.edits]
        self._last = {cell: place for place, cell in enumerate(self._targets) if cell is not None}
        self._places: dict[tuple[str, str], list[int]] = defaultdict(list)
        for place, edit in enumerate(job.edits):
            named = self._targets[place] or (edit[0] if len(edit) == 2 else None)
            if named is not None:
                self._places[named, self._values[place]].append(place)

    def say(self, violation: str) -> None:
        """Note that a promise was not kept."""
        violation = self._plain(violation)
        self.violations.append(violation)
        self._world.trace.add(self._world.loop.time(), "judge", "VIOLATION", violation)

    def _plain(self, value: object) -> str:
        """A text without the name of the run's folder, which differs from run to run."""
        text = value if isinstance(value, str) else repr(value)
        return text.replace(f"{self._world.folder}/", "")

    @property
    def _is_staged(self) -> bool:
        job = self._world.scenario.job
        return job.journal or job.skip_unchanged is True or self._is_sized

    def _target(self, edit: tuple[Any, ...]) -> str | None:
        """The cell that an edit means, or None where it means none."""
        server = self._world.server
        if len(edit) == 2:
            return edit[0] if edit[0] in server.cells else None
        row, column = edit[0], edit[1]
        if not self._world.scenario.job.journal and not self._resolves_rows:
            return None
        if column in server.column_ids:
            return f"{row}/{column}"
        names = server.plan.columns
        if names.count(column) != 1:
            return None
        return f"{row}/{server.column_ids[names.index(column)]}"

    @property
    def _is_sized(self) -> bool:
        return self._world.scenario.job.form in {"list", "mapping"}

    @property
    def _resolves_rows(self) -> bool:
        job = self._world.scenario.job
        return job.form == "list" or job.skip_unchanged is True

    # --- each process, when it has ended ---

    def judge_process(self, process: Process, action: Action) -> None:
        """What one process did, sent and reported."""
        trace, now = self._world.trace, self._world.loop.time()
        if action.kind == "revert" and not process.alive:
            self.was_reverted = True
        what = self._plain(process.error) if process.error else _counts(process.result)
        if process.alive:
            trace.add(now, process.name, "RETURNS", what)
        self._judge_sends()
        if action.kind == "revert" and self._sent_by(process):
            self.was_reverted = True
        if not process.alive:
            return
        self._judge_error(process)
        self._judge_rest(process)
        self._judge_time(process)
        if process.result is not None and self._world.scenario.family != "quota":
            report = process.result
            if action.kind == "revert":
                self.was_reverted = True
                self._skipped.update(each.cell_id for each in report.skipped)
            else:
                self._judge_report(process, report)

    def _judge_error(self, process: Process) -> None:
        error, planned = process.error, process.interruption
        if error is None:
            return
        if isinstance(error, JournalError) and "set back" in str(error):
            self.was_reverted = True
        if isinstance(error, asyncio.CancelledError):
            if not planned.cancel_at_step:
                self.say(f"E9 {process.name} raised CancelledError, and nobody cancelled it")
            return
        if planned.cancel_at_step and process.steps > planned.cancel_at_step:
            self.say(f"E9 {process.name} was cancelled and raised {error!r} instead")
        own = planned.input_raises_at or planned.equal_raises_at
        if self._world.scenario.job.outcomes:
            own = own or planned.callback_raises_at  # it is the body of the caller's own loop
        if isinstance(error, CallbackError) and own:
            return
        if not isinstance(error, ClaroError):
            self.say(f"E8 {process.name} raised an error that is none of ours: {error!r}")

    def _judge_rest(self, process: Process) -> None:
        """Nothing is left of a process that ended by itself."""
        left = process.unfinished()
        if left:
            self.say(f"P4 {process.name} left {len(left)} tasks: {left[0]!r}")
        for connection in process.disk.connections:
            try:
                connection.total_changes  # noqa: B018 - raises for a closed one
            except Exception:  # noqa: BLE001, S112 - closed, as it should be
                continue
            self.say(f"P4 {process.name} left an open database: {connection.path}")
        if all(each.alive and each.is_over for each in self._world.processes):
            odd = [name for name in files_in(self._world.folder) if not _may_stay(name)]
            if odd:
                self.say(f"P4 {process.name} left files: {odd}")

    def _judge_time(self, process: Process) -> None:
        """A job that nothing disturbs takes no longer than its requests need."""
        scenario = self._world.scenario
        plan, quota = scenario.server, scenario.server.quota
        troubled = plan.locked or plan.revoked or plan.requests_at_once or scenario.store_outages
        if troubled or scenario.network.fates:
            return
        requests = sum(each.process == process.name for each in self._world.network.sent)
        periods = 0.0
        if quota.limit is not None:
            together = len(scenario.actions) if scenario.family == "quota" else 1
            is_told = quota.reset not in {"none", "absurd"}
            period = quota.period if is_told else max(quota.period, _DOCUMENTED_PERIOD)
            periods = (requests * together / quota.limit + 3) * period
        slowest = 10 * scenario.network.latency.mean
        # an input may take its time for each item, also where none is sent in the end
        for_input = 3.0 * self.taken if scenario.job.form == "async" else 0.0
        seconds = process.ended - process.began
        if seconds > periods + requests * slowest + for_input + _SLACK:
            self.say(f"P3 {process.name} took {seconds:,.0f} s for {requests} requests")

    def _judge_report(self, process: Process, report: BulkReport) -> None:
        edits = self._world.scenario.job.edits
        total = report.total
        if min(report.to_dict()[status.value] for status in EditStatus) < 0:
            self.say(f"E1 a count of {process.name} is negative: {_counts(report)}")
        staged = self._is_staged and not (process.stopped and not self._is_sized)
        expected = len(edits) if staged else None
        if expected is not None and total != expected:
            self.say(f"E1 the counts of {process.name} sum to {total}, not {expected}")
        if expected is None and total > len(edits):
            self.say(f"E1 the counts of {process.name} sum to {total}, of {len(edits)} edits")
        if self._world.scenario.server.shifts:
            missed = (
                e.index for e in report.failures if isinstance(e.error, NotFoundByReadingError)
            )
            self._missed.update(missed)
        if self._is_staged:
            self._judge_counts(process, report)

    def _judge_counts(self, process: Process, report: BulkReport) -> None:
        """Whether counts can be true, by what the server applied."""
        scenario = self._world.scenario
        if not scenario.is_tidy:
            return
        holds = {cell for cell in self._last if self._holds(cell)}
        applied = {each.cell for each in self._edits_sent() if each.applied is not None} & set(
            self._last
        )
        maybe = {each.cell for each in self._edits_sent() if _may_be_applied(each)} & set(
            self._last
        )
        true = holds if self.was_reverted else holds | applied
        if report.updated + report.unchanged > len(true):
            self.say(
                f"E2 {process.name} says {report.updated} updated and {report.unchanged} unchanged,"
                f" and only {len(true)} cells hold what they should"
            )
        if not self.was_reverted:
            known = report.updated + report.unchanged + report.unknown
            if known < len(maybe):
                self.say(
                    f"E3 {process.name} says of {known} edits that they may be applied,"
                    f" and {len(maybe)} may be: {_counts(report)}"
                )
            same = sum(
                _canonical(self._world.server.original(cell)) == self._values[place]
                for cell, place in self._last.items()
            )
            if report.unchanged > same:
                self.say(
                    f"E2 {process.name} says {report.unchanged} unchanged, and only {same} were"
                )

    def judge_outcome(self, outcome: EditOutcome) -> None:
        """An outcome that was given by itself."""
        self._outcomes.append(outcome)
        cell = self._targets[outcome.index]
        if cell is None:
            if outcome.status in {EditStatus.UPDATED, EditStatus.UNCHANGED}:
                self.say(f"E2 edit {outcome.index} means no cell and is {outcome.status}")
            return
        value = self._values[outcome.index]
        mine = [each for each in self._edits_sent() if each.cell == cell and each.value == value]
        applied = any(each.applied is not None for each in mine)
        # requests are known by their values: which edit one of two with one value carried is not
        is_only_one = len(self._places[cell, value]) == 1
        match outcome.status:
            case EditStatus.UPDATED if not applied:
                self.say(f"E2 edit {outcome.index} is updated, and was never applied")
            case EditStatus.FAILED | EditStatus.NOT_SENT if applied and is_only_one:
                self.say(f"E3 edit {outcome.index} is {outcome.status}, and was applied")
            case EditStatus.UNKNOWN if not mine:
                self.say(f"E3 edit {outcome.index} is unknown, and was never sent")

    # --- all that was sent ---

    def _edits_sent(self) -> list[Sent]:
        return [
            each
            for each in self._world.network.sent
            if each.method == "PATCH" and not each.process.startswith("revert")
        ]

    def _sent_by(self, process: Process) -> list[Sent]:
        return [
            each
            for each in self._world.network.sent
            if each.process == process.name and each.method == "PATCH"
        ]

    def _judge_sends(self) -> None:
        last: dict[str, Sent] = {}
        place_of: dict[str, int] = {}
        for sent in self._world.network.sent:
            if sent.method != "PATCH":
                continue
            before = last.get(sent.cell)
            if before is not None and _overlap(before, sent):
                both = f"{before.number} and {sent.number}"
                self._say_once(f"E4 two requests were under way for {sent.cell}: {both}")
            last[sent.cell] = sent
            if sent.process.startswith("revert"):
                self._judge_undo(sent)
            else:
                self._judge_edit(sent, place_of)

    def _judge_edit(self, sent: Sent, place_of: dict[str, int]) -> None:
        places = self._places.get((sent.cell, sent.value))
        if not places:
            self._say_once(
                f"E5 request {sent.number} wrote what nobody asked for: {sent.cell} = {sent.value}"
            )
            return
        what = f"{sent.cell} = {sent.value}"
        newest = self._last.get(sent.cell, max(places))
        if self._is_staged and max(places) != newest and not self._may_be_lost(newest):
            self._say_once(f"E6 request {sent.number} sent a superseded value: {what}")
        later = [place for place in places if place >= place_of.get(sent.cell, 0)]
        if not later:
            self._say_once(f"E6 request {sent.number} sent an older value after a newer: {what}")
        else:
            place_of[sent.cell] = min(later)

    def _may_be_lost(self, place: int) -> bool:
        """Whether an edit may fail since rows moved each time that its row was looked for."""
        by_row = len(self._world.scenario.job.edits[place]) == 3
        return by_row and self._world.scenario.server.shifts > 0

    def _judge_undo(self, sent: Sent) -> None:
        history = self._world.server.cells[sent.cell]
        theirs = {_canonical(each.value) for each in history if each.by == -1}
        if sent.value not in theirs:
            self._say_once(f"R1 request {sent.number} of a revert wrote {sent.cell} = {sent.value}")
        if sent.cell not in self._last:
            self._say_once(
                f"R2 request {sent.number} of a revert wrote {sent.cell}, which the job did not"
            )

    def _say_once(self, violation: str) -> None:
        if self._plain(violation) not in self.violations:
            self.say(violation)

    # --- the end ---

    def judge_never_begun(self, error: Exception) -> None:
        """A job that cannot be gone on with has sent nothing."""
        if self._edits_sent():
            self.say(f"J2 a job that has sent edits cannot be gone on with: {error!r}")

    def judge_values(self, *, finished: bool) -> None:
        """What the cells hold when the job is over."""
        if self.was_reverted:
            return
        for cell, place in self._last.items():
            if self._is_disturbed(cell) or not self._world.server.exists(cell):
                continue
            sent = [each for each in self._edits_sent() if each.cell == cell]
            refused = any(each.status == 403 for each in sent)
            # rows that move can hide one from both readings: its edit is named as failed
            named = refused or place in self._missed
            if finished and not named and not self._holds(cell):
                self.say(f"E7 {cell} does not hold the value of edit {place}, and the job is over")
            newest = self._carried(cell, place, sent)
            if any(each.applied is not None for each in newest) and not self._holds(cell):
                self.say(f"E7 {cell} does not hold the last value that was applied")

    def _carried(self, cell: str, place: int, sent: list[Sent]) -> list[Sent]:
        """Those of a cell's requests that carried its last edit.

        Requests are known by their values. Where an earlier edit has the same value, only what was
        sent after all requests with another value is certainly of the last one.
        """
        value = self._values[place]
        if len(self._places[cell, value]) == 1:
            return [each for each in sent if each.value == value]
        return list(takewhile(lambda each: each.value == value, reversed(sent)))

    def judge_reverted(self) -> None:
        """What the cells hold when the job has been set back."""
        scenario, server = self._world.scenario, self._world.server
        if not scenario.job.keep_values or not scenario.is_tidy:
            return
        certain = self._certainly_known()
        for cell in self._last:
            if self._is_disturbed(cell) or server.value(cell) == server.original(cell):
                continue
            if cell not in self._skipped:
                self.say(f"R3 {cell} was not set back, and the revert does not say so")
            elif cell in certain:
                self.say(f"R4 {cell} was not set back, though what it held was known for sure")

    def judge_nothing_left(self, sent_before: int) -> None:
        """A revert after a finished one sends nothing."""
        edits = [e for e in self._world.network.sent[sent_before:] if e.method == "PATCH"]
        if edits and self._world.scenario.is_tidy:
            self.say(f"R5 a revert after a finished one sent {len(edits)} edits")

    def _certainly_known(self) -> set[str]:
        """Cells that one undisturbed request of an undisturbed job wrote to."""
        world = self._world
        if any(str(each.interruption) != "none" for each in world.processes):
            return set()
        count = Counter(each.cell for each in self._edits_sent())
        normal = {e.cell for e in self._edits_sent() if e.fate in _CERTAIN and e.status == 200}
        return {cell for cell in normal if count[cell] == 1}

    def judge_send(self, process: Process, sent: Sent) -> None:
        """What can be said when a request is sent."""
        if sent.number % 8:
            return
        if self._world.scenario.job.journal and sent.method == "PATCH":
            self._judge_intent(process, sent)
        tasks = len(process.unfinished())
        most = self._world.scenario.job.max_concurrency + _TASKS_BESIDE
        if tasks > most:
            self._say_once(f"P5 {process.name} has {tasks} tasks, more than {most}")

    def _judge_intent(self, process: Process, sent: Sent) -> None:
        """What is on its way stands in the journal, so that a kill in this moment loses nothing."""
        if sent.process.startswith("revert"):
            return
        on_their_way = sum(each.ended is None for each in self._sent_by(process))
        status = Context().run(journal_status, self._world.journal)
        on_record = status.counts[EditStatus.UNKNOWN]
        if on_record < on_their_way:
            self._say_once(
                f"J1 {on_their_way} requests of {process.name} are on their way, and"
                f" {on_record} stand in its journal"
            )
        if status.total != len(self._world.scenario.job.edits):
            self._say_once(f"J3 the journal of {process.name} holds {status.total} edits")

    def judge_quota(self) -> None:
        """What a quota was used for, and whether more than that was tried."""
        world = self._world
        lost = sum(each.status is None for each in world.network.sent)
        others = sum(each.by_others for each in world.server.periods)
        refused = sum(each.refused for each in world.server.periods)
        quota = world.scenario.server.quota
        looks = 0  # whether a period of no whole seconds is over, where the reset is rounded
        if not quota.is_exact and quota.period % 1:
            looks = len(world.server.periods)
        # one that joins after a fall back cannot know what was sent since
        joined = len(world.scenario.store_losses) * world.scenario.job.max_concurrency
        if refused > _REFUSED + lost + others + looks + joined:
            self.say(f"Q1 {refused} requests over the quota, and {lost} were lost")
        periods = [each for each in world.server.periods if self._was_wanted(each)]
        if quota.period < _LEAST_PERIOD or not self._is_undisturbed or len(periods) < _FEW_PERIODS:
            return
        # whether the server counted what it did not answer is not known: it holds a permit back
        used = sum(each.counted for each in periods) + self._unanswered_in(periods)
        share = used / (len(periods) * (quota.limit or 1))
        if share < _USED:
            self.say(f"Q2 {share:.0%} of the quota was used while there was work")

    @property
    def _is_undisturbed(self) -> bool:
        scenario = self._world.scenario
        killed = any(not each.alive for each in self._world.processes)
        troubled = scenario.store_outages or scenario.store_losses or scenario.others
        return not (killed or troubled)

    def _was_wanted(self, period: Period) -> bool:
        """Whether a process had work through the whole period."""
        begins = period.ends - self._world.scenario.server.quota.period
        return any(
            each.began <= begins and period.ends <= each.ended for each in self._world.processes
        )

    def _unanswered_in(self, periods: list[Period]) -> int:
        """How many requests of these periods got no reply."""
        length = self._world.scenario.server.quota.period
        return sum(
            each.ends - length <= sent.began < each.ends
            for each in periods
            for sent in self._world.network.sent
            if sent.status is None
        )

    def _holds(self, cell: str) -> bool:
        return _canonical(self._world.server.value(cell)) == self._values[self._last[cell]]

    def _is_disturbed(self, cell: str) -> bool:
        """Whether others wrote to a cell, or a late request overtook a later one for it."""
        history: list[Written] = self._world.server.cells[cell]
        if any(each.by == -1 for each in history[1:]):
            return True
        sent = [each for each in self._world.network.sent if each.cell == cell]
        return any(late.was_late and _came_between(late, other) for late in sent for other in sent)


def _came_between(late: Sent, other: Sent) -> bool:
    """Whether a late request was applied after another one, for another value, was sent."""
    return (
        late.value != other.value
        and late.number < other.number
        and late.applied is not None
        and other.began < late.applied
    )


def _may_be_applied(sent: Sent) -> bool:
    """Whether the client could not know that a request was not applied."""
    if sent.fate is Fate.REFUSED:
        return False
    return _is_of_a_proxy(sent) or sent.status not in _NOT_APPLIED


def _is_of_a_proxy(sent: Sent) -> bool:
    """Whether the reply is none of the API's."""
    return sent.fate is Fate.PAGE_404 and sent.status == 404


def _overlap(before: Sent, after: Sent) -> bool:
    """Whether a request was sent while its client was not done with another one."""
    if before.ended is None:  # its process was killed
        return before.process == after.process
    return after.began < before.ended


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _counts(report: Any) -> str:
    names = [status.value for status in EditStatus]
    found = " ".join(f"{name}={getattr(report, name, None)}" for name in names)
    extra = f", skipped {report.skipped_count}" if hasattr(report, "skipped_count") else ""
    stopped = getattr(report, "stopped_by", None)
    return f"{found}{extra}" + (f", stopped by {stopped!r}" if stopped else "")


def _may_stay(name: str) -> bool:
    """Whether a file may be there after all processes have ended."""
    return name in {"job.claro", "job.claro.revert", "job.claro.lock", "job.claro.revert.lock"} or (
        name.startswith("quota.sqlite")
    )
