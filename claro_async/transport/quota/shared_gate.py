"""The gate of clients that share a key's quota: in several processes, or on several machines.

All permits come from one shared record, in transactions that take in many requests at once. How
the quota is divided is said in :mod:`claro_async.transport.quota.fair_share`, how the record is
kept in :mod:`claro_async.transport.quota.record`.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from claro_async.errors import ClaroError, ClientClosedError, ConnectionFailedError
from claro_async.transport.quota.fair_share import Answer, Report, SharedQuota
from claro_async.transport.quota.gate import GRACE, GateBase
from claro_async.transport.quota.headers import DATE, TOO_MANY_REQUESTS, QuotaHeaders, ServerClock
from claro_async.transport.quota.lease import Lease
from claro_async.transport.quota.record import MemberView
from claro_async.transport.quota.state import QuotaState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from claro_async.quota_store import QuotaStore
    from claro_async.transport.clock import Clock
    from claro_async.transport.events import EventHook
    from claro_async.transport.quota.headers import RateLimit

STORE_PATIENCE = 90.0
"""Seconds for which requests wait for a store that is away, before they fail."""
FIRST_PATIENCE = 5.0
"""The same for a store that this client never reached: its address may be wrong."""
_RETRIES = (0.05, 0.25)  # seconds to wait while the store is away; then one each time
_LATER_RETRIES = 1.0


class SharedGate(GateBase):
    """The gate of one of several clients.

    Args:
        store: Where the shared record is.
        name: The name of the record.
        clock: Time.
        on_event: Called with pauses.
        run: The run that the client belongs to; empty where it belongs to none.
        close_store: Closes the store with the gate, where it was opened for it.
    """

    def __init__(  # noqa: PLR0913 - what the composition root puts together
        self,
        store: QuotaStore,
        name: str,
        clock: Clock,
        on_event: EventHook | None = None,
        *,
        run: str = "",
        close_store: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(clock, ServerClock.hinted(clock.time() - clock.monotonic()), on_event)
        self._store = store
        self._name = name
        self._run = run
        self._close_store = close_store
        self._member = secrets.token_hex(8)
        self._number = 0
        self._view = MemberView(clock.monotonic)
        self._quota = QuotaState()  # as this client knows it, by the record's time
        self._unreported: Report | None = None  # made, but not known to be stored
        self._replies: list[QuotaHeaders] = []
        self._lost = self._unused = 0
        self._held = 0  # permits of requests under way, and those kept
        self._lease = Lease()
        self._reserve = 0.0  # of the latest request
        self._opens_at = -math.inf
        self._news = asyncio.Event()
        self._reporting: asyncio.Task[None] | None = None
        self._wakes_early = False  # by the timer, since something waits
        self._was_reached = False
        self._closed = False

    @property
    def rate_limit(self) -> RateLimit:
        """The key's rate limit as the server reported it last, to whichever client."""
        return self._quota.rate_limit()

    def try_acquire(self, reserve: float = 0.0) -> bool:
        """Take one of the permits that were given ahead, if there is one."""
        if self._waiters or not self._lease.take(reserve, self._clock.monotonic()):
            return False
        self._want(reserve)
        return True

    def _want(self, reserve: float) -> None:
        self._lease.demand += 1
        self._reserve = reserve

    async def acquire(self, reserve: float = 0.0, *, max_wait: float = math.inf) -> None:
        """Wait for a permit.

        Raises:
            ConnectionFailedError: The shared record was away for too long; nothing was sent.
            ConfigurationError: The shared record cannot be used.
            RunClosedError: The run of this client was closed; nothing was sent.
            PauseTooLongError: The server pauses all requests for longer than `max_wait`.
            ClientClosedError: The gate was closed meanwhile.
        """
        if self._closed:
            raise ClientClosedError("the client was closed")
        if self.try_acquire(reserve):
            return
        started = self._clock.monotonic()
        if not self._waiters:
            self._short_until = started + GRACE
        self._want(reserve)
        waiter = self._waiters.join(reserve, max_wait)
        is_first = not reserve and self._waiters.foreground == 1 and self._waiters.background
        self._report_soon(urgent=bool(is_first))
        try:
            await waiter.admitted
        except asyncio.CancelledError:
            self._waiters.leave(waiter)
            if not waiter.admitted.cancelled() and waiter.admitted.exception() is None:
                self._return_permits(1)
            self._report_soon()
            raise
        finally:
            self._add_wait(started)

    def release(self, *, sent: bool) -> None:
        """An attempt ended without a reply; if it was sent, the server may have counted it."""
        if sent:
            self._held -= 1
            self._lost += 1
        else:
            self._return_permits(1)
        self._report_soon()

    def observe(self, status: int, headers: Mapping[str, str], sent: float) -> None:
        """A reply came: learn from its headers, and let the others know."""
        self._held -= 1
        received, ahead = self._clock.monotonic(), self._view.ahead
        self._server.observe(headers.get(DATE, ""), sent, received)
        reply = QuotaHeaders.read(status, headers, sent, received)
        self._replies.append(reply)
        throttled = status == TOO_MANY_REQUESTS
        before = self._quota.periods, type(self._quota.phase)
        as_expected = not throttled and self._quota.count_down(
            headers, sent + ahead, lambda: received + ahead
        )
        if not as_expected:
            self._quota.learn(
                reply.moved(ahead), self._held
            )  # until the record, which knows more, has it
        if throttled:
            self.throttled += 1
            self._return_permits(self._lease.give_up())
            self._note_pause(received)
        if throttled or before != (self._quota.periods, type(self._quota.phase)):
            self._report_soon(urgent=True)  # others wait for it
        elif self._waiters:
            self._report_soon()
        else:
            self._report_in_time()

    def _note_pause(self, received: float) -> None:
        now = received + self._view.ahead
        if self._quota.is_used_up(now):
            pause = self._quota.opens_at(now, self._held) - now
            self._opens_at = max(self._opens_at, received + pause)
        self._announce_pause(self.seconds_until_open(), throttled=True)

    def seconds_until_open(self) -> float:
        """Seconds for which nothing will be sent, as far as is known."""
        return max(0.0, self._opens_at - self._clock.monotonic())

    async def close_run(self, run: str) -> None:
        """Close a run: no client that belongs to it is given a permit from then on.

        Raises:
            ConnectionFailedError: The store cannot be reached.
            ConfigurationError: The store cannot be used.
        """
        await self._store.close_run(self._name, run)

    async def close(self) -> None:
        """Let those who wait fail, give back what is held, and let go of the shared record."""
        self._closed = True
        self._waiters.fail(ClientClosedError("the client was closed"))
        try:
            if self._reporting is not None:
                self._news.set()
                await asyncio.wait({self._reporting})
            if self._number:
                await self._leave()
        finally:
            self._disarm()
            if self._close_store is not None:
                await self._close_store()

    async def _leave(self) -> None:
        """Tell the others; if that fails, they will notice by themselves."""
        for report in (self._unreported, self._new_report(leaving=True)):
            if report is not None:
                with suppress(ClaroError):
                    await self._exchange(report)

    def _return_permits(self, count: int) -> None:
        self._held -= count
        self._unused += count

    def _report_soon(self, *, urgent: bool = False) -> None:
        """See to it that what is new is reported now, unless that is of no use yet."""
        quiet_for = 0.0 if urgent else self._lease.quiet_for(self._clock.monotonic())
        if not quiet_for:
            self._news.set()
        elif self._timer is not None and not self._wakes_early:
            self._disarm()
            self._wake_in(quiet_for)
            self._wakes_early = True
        self._report_in_time()

    def _wake_in(self, seconds: float) -> None:
        self._timer = self._clock.call_later(seconds, self._news.set)

    def _report_in_time(self) -> None:
        """See to it that what is new is reported at the next beat."""
        if self._reporting is None and not self._closed:
            self._reporting = asyncio.ensure_future(self._report_until_idle())

    @property
    def _is_idle(self) -> bool:
        busy = self._held or self._waiters or self._news.is_set()
        return not (busy or self._replies or self._lost or self._unused)

    async def _report_until_idle(self) -> None:
        """Report as long as any request waits or is under way, or there is something to report."""
        try:
            while True:
                self._news.clear()
                seconds = self._take_in(await self._report())
                _raise_swallowed_cancellation()
                if self._closed or self._is_idle:
                    return
                await self._wait(seconds)
        except asyncio.CancelledError:
            self._waiters.fail(ClientClosedError("the client's event loop ended"))
            raise
        except Exception as error:  # noqa: BLE001 - all who wait must hear of it, whatever it is
            self._waiters.fail(error)
        finally:
            self._reporting = None

    async def _wait(self, seconds: float) -> None:
        quiet_for = self._lease.quiet_for(self._clock.monotonic())
        self._wakes_early = bool(self._waiters and quiet_for)
        self._wake_in(min(seconds, quiet_for) if self._wakes_early else seconds)
        try:
            await self._news.wait()
        finally:
            self._disarm()

    async def _report(self) -> Answer:
        """Report what is new; again while the store is away."""
        delays, began = iter(_RETRIES), self._clock.monotonic()
        while True:
            report = self._unreported = self._unreported or self._new_report()
            try:
                answer = await self._exchange(report)
            except ConnectionFailedError:
                patience = STORE_PATIENCE if self._was_reached else FIRST_PATIENCE
                if self._closed or self._clock.monotonic() - began >= patience:
                    raise
                await self._clock.sleep(next(delays, _LATER_RETRIES))
            else:
                self._was_reached = True
                self._unreported = None
                return answer

    async def _exchange(self, report: Report) -> Answer:
        """One transaction: the report in, the answer out."""
        answers: list[tuple[Answer, QuotaState]] = []

        def take(shared: SharedQuota, now: float) -> None:
            ahead = now - self._clock.monotonic()
            if not shared.members and shared.quota.limit is None:
                shared.quota.server = ServerClock.hinted(self._clock.time() - now)
            replies = [each.moved(ahead) for each in report.replies]
            answer = shared.take(msgspec.structs.replace(report, replies=replies), now)
            answers.append((answer, shared.quota))

        def change(content: bytes | None, store_time: float) -> bytes:
            return self._view.change(content, store_time, take)

        await self._store.update(self._name, change, run=self._run)
        self._view.confirm()
        answer, self._quota = answers[-1]
        return answer

    def _new_report(self, *, leaving: bool = False) -> Report:
        waiters, lease = self._waiters, self._lease
        waiters.prune()
        reserve = waiters.reserve or self._reserve
        needed = lease.ask(reserve, waiting=bool(waiters))
        if lease.kept and (leaving or self._clock.monotonic() >= lease.until):
            self._return_permits(lease.give_up())
        self._number += 1
        report = Report(
            member=self._member,
            number=self._number,
            replies=self._replies,
            held=self._held,
            lost=self._lost,
            unused=self._unused,
            want=waiters.foreground,
            background=waiters.background,
            reserve=reserve,
            ahead=0 if self._run else max(0, needed - lease.kept),
            keep_probes=not waiters or self._is_short(self._quota.probe_permits, self._held),
            leaving=leaving,
        )
        self._replies = []
        self._lost = self._unused = 0
        return report

    def _take_in(self, answer: Answer) -> float:
        """Go by an answer; seconds until the next report."""
        now = self._clock.monotonic()
        if answer.closed_for:
            self._opens_at = now + answer.closed_for
        admitted = self._admit(answer.granted, foreground_only=True)
        admitted += self._admit(answer.background, foreground_only=False)
        self._held += answer.ahead
        self._announce_end(admitted)
        if self._waiters and answer.closed_for:
            self._announce_pause(answer.closed_for, throttled=False)
        return self._lease.take_in(answer, now)

    def _admit(self, granted: int, *, foreground_only: bool) -> int:
        """Let so many go; permits of those that were cancelled meanwhile are given back."""
        waiters, admitted = self._waiters, 0
        waiters.prune()
        while admitted < granted and (waiters.foreground if foreground_only else waiters):
            waiters.admit_first()
            waiters.prune()
            admitted += 1
        self._held += granted
        if admitted < granted:
            self._return_permits(granted - admitted)
            self._news.set()
        return admitted


def _raise_swallowed_cancellation() -> None:
    """End a task that was cancelled while a store was at work: redis-py swallows that at times."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
