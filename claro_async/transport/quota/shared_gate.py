"""The gate of clients that share a key's quota: in several processes, or on several machines.

All permits come from one shared record, in transactions that take in many requests at once. How
the quota is divided is said in :mod:`claro_async.transport.quota.fair_share`.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from claro_async.errors import ClaroError, ConnectionFailedError
from claro_async.transport.quota.fair_share import Answer, Report, SharedQuota
from claro_async.transport.quota.gate import GRACE, GateBase
from claro_async.transport.quota.period import QuotaState, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claro_async.transport.clock import Clock
    from claro_async.transport.events import EventHook
    from claro_async.transport.quota.headers import RateLimit

T = TypeVar("T")

_RETRIES = (0.05, 0.25, 1.0)  # seconds to wait while the store cannot be had


class QuotaStore(Protocol):
    """Where the shared record is."""

    async def update(self, change: Callable[[SharedQuota], T]) -> T:
        """Load the record, change it and store it, with nobody else between.

        Args:
            change: Changes the record; it may be called several times, each with a fresh one, and
                in another thread.

        Raises:
            ConnectionFailedError: The store cannot be had now.
            ConfigurationError: It will not be had at all.
        """

    async def close(self) -> None:
        """Let go of the store."""


class SharedGate(GateBase):
    """The gate of one of several clients.

    Args:
        store: Where the shared record is.
        clock: Time.
        on_event: Told of pauses.
    """

    def __init__(self, store: QuotaStore, clock: Clock, on_event: EventHook | None = None) -> None:
        super().__init__(clock, on_event)
        self._store = store
        self._member = secrets.token_hex(8)
        self._number = 0
        self._untold: Report | None = None
        self._told: list[Told] = []
        self._done = self._lost = self._unused = 0
        self._held = 0
        self._state = QuotaState()
        self._opens_at = 0.0
        self._news = asyncio.Event()
        self._reporting: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def told(self) -> RateLimit:
        """The quota as last told, to whichever client."""
        return self._rate_limit(self._state)

    def try_acquire(self, reserve: float = 0.0) -> bool:  # noqa: ARG002 - part of the protocol
        """Never true: every permit is asked for."""
        return False

    async def acquire(self, reserve: float = 0.0) -> None:
        """Wait for a permit.

        Raises:
            ConnectionFailedError: The shared record cannot be had; nothing was sent.
            ConfigurationError: The shared record is none.
            RuntimeError: The gate was closed meanwhile.
        """
        if self._closed:
            raise RuntimeError("the client was closed")
        started = self._clock.monotonic()
        if not self._waiters:
            self._short_until = started + GRACE
        waiter = self._waiters.join(reserve)
        self._tell()
        try:
            await waiter.admitted
        except asyncio.CancelledError:
            self._waiters.leave(waiter)
            if not waiter.admitted.cancelled() and waiter.admitted.exception() is None:
                self._held -= 1
                self._unused += 1
            self._tell()
            raise
        finally:
            self.seconds_waited += self._clock.monotonic() - started

    def release(self, *, sent: bool) -> None:
        """An attempt ended without a reply; if it was sent, the server may have counted it."""
        self._held -= 1
        self._done += 1
        self._lost += sent
        self._tell()

    def observe(self, status: int, headers: Mapping[str, str], sent: float) -> None:
        """A reply came: learn from its headers, and let the others know."""
        self._held -= 1
        self._done += 1
        time = self._server_time
        time.observe(headers.get("Date", ""), sent)
        told = Told.read(status, headers, sent + time.ahead, time.now())
        self._told.append(told)
        self._state.learn(told)  # until the record, which knows more, has taken it in
        if told.refused:
            self.refusals += 1
            self._opens_at = max(self._opens_at, told.retry_at or told.ends_at or 0.0)
            self._announce_pause(self.seconds_until_open(), limited=True)
        self._tell()

    def seconds_until_open(self) -> float:
        """Seconds for which nothing will be sent, as far as is known."""
        return max(0.0, self._opens_at - self._server_time.now())

    async def close(self) -> None:
        """Let those who wait fail, give back what is held, and let go of the shared record."""
        self._closed = True
        self._waiters.fail(RuntimeError("the client was closed"))
        try:
            if self._reporting is not None:
                self._news.set()
                await self._reporting
            if self._number:
                await self._leave()
        finally:
            self._disarm()
            await self._store.close()

    async def _leave(self) -> None:
        """Tell the others; if that fails, they will notice by themselves."""
        for report in (self._untold, self._new_report(leaving=True)):
            if report is not None:
                with suppress(ClaroError):
                    await self._store.update(partial(self._settle, report=report))

    def _tell(self) -> None:
        """See to it that what is new is reported."""
        self._news.set()
        if self._reporting is None and not self._closed:
            self._reporting = asyncio.ensure_future(self._report_until_idle())

    async def _report_until_idle(self) -> None:
        """Report as long as anybody waits or is under way, or there is something to tell."""
        try:
            while True:
                self._news.clear()
                self._take_in(answer := await self._report())
                if self._closed:
                    return
                if not (self._held or self._waiters or self._news.is_set()):
                    return
                await self._wait(answer.check_in)
        except Exception as error:  # noqa: BLE001 - all who wait must hear of it, whatever it is
            self._waiters.fail(error)
        finally:
            self._reporting = None

    async def _wait(self, seconds: float) -> None:
        self._timer = self._clock.call_later(seconds, self._news.set)
        try:
            await self._news.wait()
        finally:
            self._disarm()

    async def _report(self) -> Answer:
        """Report what is new; again while the store cannot be had."""
        delays = iter(_RETRIES)
        while True:
            report = self._untold = self._untold or self._new_report()
            try:
                answer = await self._store.update(partial(self._settle, report=report))
            except ConnectionFailedError:
                delay = next(delays, None)
                if delay is None or self._closed:
                    raise
                await self._clock.sleep(delay)
            else:
                self._untold = None
                return answer

    def _settle(self, shared: SharedQuota, report: Report) -> Answer:
        return shared.settle(report, self._server_time.now())

    def _new_report(self, *, leaving: bool = False) -> Report:
        waiters = self._waiters
        waiters.prune()
        self._number += 1
        report = Report(
            member=self._member,
            number=self._number,
            told=self._told,
            done=self._done,
            lost=self._lost,
            unused=self._unused,
            want=waiters.prompt,
            patient=waiters.patient,
            reserve=waiters.reserve,
            spare=not waiters or self._short(self._state.spares, self._held),
            leaving=leaving,
        )
        self._told = []
        self._done = self._lost = self._unused = 0
        return report

    def _take_in(self, answer: Answer) -> None:
        self._state = answer.state
        if answer.early:
            self._server_time.doubt()
        if answer.closed_for:
            self._opens_at = self._server_time.now() + answer.closed_for
        waiters, admitted = self._waiters, 0
        waiters.prune()
        for granted, line in ((answer.granted, "prompt"), (answer.granted_patient, "all")):
            for _ in range(granted):
                if waiters.prompt or (line == "all" and waiters):
                    waiters.admit_first()
                    waiters.prune()
                    admitted += 1
                else:  # it was cancelled meanwhile
                    self._unused += 1
                    self._news.set()
        self._held += admitted
        self._announce_end(admitted)
        if waiters and answer.closed_for:
            self._announce_pause(answer.closed_for, limited=False)
