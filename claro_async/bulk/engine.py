"""Carries edits out: a fixed pool of workers, one request a cell, never two of a cell at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import aclosing, closing
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from claro_async import errors
from claro_async.bulk.account import Account
from claro_async.bulk.buffer import EditBuffer
from claro_async.bulk.concurrency import AttemptEnd
from claro_async.bulk.edits import EditOutcome, Entry
from claro_async.bulk.inputs import Stint
from claro_async.bulk.patches import Patches, end_of, failed_outcome
from claro_async.bulk.slots import Slot, Slots
from claro_async.bulk.stopping import STOPPING, ConsecutiveFailures, Halt, HaltedError
from claro_async.bulk.store import RECORDED
from claro_async.transport.life import Closing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from claro_async.bulk.report import BulkReport
    from claro_async.bulk.store import Record
    from claro_async.options import SendOptions, StopSignal
    from claro_async.transport.exchange import Exchange
    from claro_async.transport.transport import Transport

ReadySource: TypeAlias = "Generator[Entry | EditOutcome, None, None]"
WaitingSource: TypeAlias = "AsyncGenerator[Entry | list[Entry] | EditOutcome, None]"
Source: TypeAlias = "ReadySource | WaitingSource"
"""Edits to send, one or several at a time, and outcomes of items that cannot be sent; a plain
generator where none of them has to be waited for, since that costs less."""
Sink: TypeAlias = Callable[[EditOutcome], Awaitable[None]]

_ANSWERED = AttemptEnd.ANSWERED  # at hand for every edit: to find a member takes a while
_LOOK_AHEAD = 4  # edits read ahead for each worker
_COUNTING_SECONDS = 1.0  # for which what is left of an input is counted
_COUNTED_ITEMS = 1_000_000


class BulkEngine:
    """One run over the edits of one dataset.

    A worker takes an edit when a slot is free, records the intent, and carries the request out; it
    gives its slot back while it waits for another attempt. Once the job is halted, what is on its
    way comes to its end and nothing is sent any more.

    Args:
        transport: Carries the requests out.
        dataset_id: The dataset.
        options: How.
        report: Takes the figures of the run, and the outcomes worth a look.
        record: Where it stands what is about to be sent, and what became of it.
        sink: Takes every outcome, if any is wanted.
    """

    def __init__(  # noqa: PLR0913 - what a run is put together from
        self,
        transport: Transport,
        dataset_id: str,
        options: SendOptions,
        report: BulkReport,
        *,
        record: Record,
        sink: Sink | None = None,
    ) -> None:
        self._transport = transport
        self._clock = transport.clock
        self._patches = Patches(dataset_id)
        self._options = options
        self._report = report
        self._record = record
        self._sink = sink
        self._buffer = EditBuffer(_LOOK_AHEAD * options.max_concurrency)
        self._slots = Slots(options.max_concurrency, self._clock, self._hand_out)
        self._account = Account(record, report, self._clock, options.on_progress)
        self._failures = ConsecutiveFailures()
        self._halt = Halt()
        self._counts_rest = False
        self._is_read = False  # whether the input is at its end
        self._failure: Exception | None = None
        self._room = asyncio.Event()  # awaited only while it is not set
        self._room.set()
        self._idle: list[asyncio.Future[Entry | None]] = []

    async def run(self, source: Source, total: int | None, *, counts_rest: bool = False) -> None:
        """Carry out the edits of a source.

        Args:
            source: The edits; closed at the end.
            total: How many edits there are in all, where that is known.
            counts_rest: Whether, once nothing is sent any more, the rest of a source that never
                waits is read to be counted; not after a stop that the caller asked for.

        Raises:
            Exception: Whatever the source raised.
        """
        self._counts_rest = counts_rest
        self._transport.begin_job()
        with self._account.running(self._transport.quota, total):
            await self._run(source, total)
        if self._failure is not None:
            raise self._failure

    async def _run(self, source: Source, total: int | None) -> None:
        stop, workers = self._options.stop, self._options.max_concurrency
        if total is not None:
            workers = min(workers, max(1, total))
        if isinstance(stop, Closing):
            with stop.calls(self._stop):
                await self._run_with(source, workers, [])
        elif stop is not None:
            # it begins before the workers do: what is set already sends nothing
            await self._run_with(source, workers, [asyncio.ensure_future(self._watch(stop))])
        else:
            await self._run_with(source, workers, [])

    async def _run_with(
        self, source: Source, workers: int, watches: list[asyncio.Task[None]]
    ) -> None:
        jobs = [self._feed(source)]
        jobs += [self._work() for _ in range(workers)]
        tasks = [asyncio.ensure_future(job) for job in jobs]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in (*watches, *tasks):
                task.cancel()
            await asyncio.gather(*watches, *tasks, return_exceptions=True)

    async def _watch(self, stop: StopSignal) -> None:
        """Halt the job once its caller says so."""
        if not stop.is_set():
            await stop.wait()
        self._stop()

    def _stop(self) -> None:
        self._report.stop_requested = True
        self._halt_job()

    # --- the input

    async def _feed(self, source: Source) -> None:
        """Read the input, never further ahead than the buffer is large."""
        try:
            if isinstance(source, Generator):
                with closing(source):
                    await self._read_ready(source)
            else:
                async with aclosing(source):
                    await self._read_as_it_comes(source)
        except HaltedError:
            pass
        except Exception as error:  # noqa: BLE001 - whatever the caller's own iterator raises
            self._halt_job(error)
        self._is_read = True
        self._hand_out()

    async def _read_ready(self, source: ReadySource) -> None:
        """Read what never waits, and let other tasks run now and then."""
        stint = Stint(self._clock)
        while not self._halt.is_set:
            item = next(source, None)
            if item is None:
                return
            if isinstance(item, Entry):
                self._take_in(item)
                if self._buffer.is_full:
                    await self._wait_for_room()
            else:
                await self._ended(item)
            if stint.is_over():
                await stint.give_way()
        if self._counts_rest:
            await self._count_rest(source, stint)

    async def _read_as_it_comes(self, source: WaitingSource) -> None:
        waits = self._halt.waits()
        while not self._halt.is_set:
            try:
                with waits:
                    item = await anext(source)
            except StopAsyncIteration:
                return
            if isinstance(item, EditOutcome):
                await self._ended(item)
            else:
                await self._take_in_all(item if isinstance(item, list) else (item,))

    def _take_in(self, entry: Entry) -> None:
        if self._halt.is_set:
            return
        superseded = self._buffer.offer(entry)
        if superseded is not None:
            self._account.superseded(superseded)
        if self._idle:
            self._hand_out()

    async def _take_in_all(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._take_in(entry)
            if self._buffer.is_full:
                await self._wait_for_room()

    async def _wait_for_room(self) -> None:
        while self._buffer.is_full and not self._halt.is_set:
            self._room.clear()
            await self._room.wait()

    async def _count_rest(self, source: ReadySource, stint: Stint) -> None:
        """Count what is left of the input, unless that takes long: it may never end."""
        ends = self._clock.monotonic() + _COUNTING_SECONDS
        for _ in range(_COUNTED_ITEMS):
            if self._report.stop_requested or self._failure is not None:
                return
            if self._clock.monotonic() > ends:
                break
            if stint.is_over():
                await stint.give_way()
            if next(source, None) is None:
                return
        self._report.note("the input was not read to its end: what is left of it is not counted")

    # --- the workers

    async def _work(self) -> None:
        slot = Slot(self._slots)
        admission = partial(self._readmit, slot)
        buffer = self._buffer
        entry = await self._next()
        while entry is not None:
            slot.begin()
            try:
                await self._apply(entry, slot, admission)
            except BaseException:
                slot.give_back()
                raise
            buffer.finish(entry.cell_id)
            if not self._room.is_set() and not buffer.is_full:
                self._room.set()
            entry = buffer.take() if slot.can_stay else None
            if entry is None:
                slot.give_back()
                entry = await self._next()

    async def _next(self) -> Entry | None:
        """The next edit, with a slot; None when there will be none."""
        if self._slots.is_free and (entry := self._buffer.take()) is not None:
            self._slots.active += 1
            return entry
        future: asyncio.Future[Entry | None] = asyncio.get_running_loop().create_future()
        self._idle.append(future)
        self._hand_out()
        return await future

    def _hand_out(self) -> None:
        """Give what is ready to workers that are idle, as far as there are slots."""
        while self._idle:
            if self._idle[-1].done():  # cancelled
                self._idle.pop()
                continue
            if self._is_read and self._buffer.is_empty:
                entry = None
            elif self._slots.is_free and (entry := self._buffer.take()) is not None:
                self._slots.active += 1
            else:
                return
            self._idle.pop().set_result(entry)

    async def _apply(
        self,
        entry: Entry,
        slot: Slot,
        admission: Callable[[Exchange, float], Awaitable[None]],
    ) -> None:
        exchange = self._patches.exchange(entry)
        try:
            recorded = self._record.intend(entry)
            if recorded is not RECORDED:  # else there is nothing to wait for
                await recorded
            if self._halt.is_set:
                raise HaltedError  # noqa: TRY301 - as from a wait
            await self._transport.carry_out(
                exchange, reserve=self._options.reserve, admission=admission
            )
        except asyncio.CancelledError:
            self._account.interrupted(entry, exchange)
            raise
        except HaltedError:
            await self._tell(self._account.interrupted(entry, exchange))
        except errors.JournalError as error:  # of the intent: nothing was sent
            self._record.withdraw(entry)
            self._halt_job(error)
        except errors.ClaroError as error:
            self._attempt_failed(slot, exchange)  # unless a wait for the next one ended it
            await self._failed(entry, exchange, error)
        else:
            now = self._clock.monotonic()
            slot.ended(_ANSWERED, now)
            if exchange.error is None:
                self._failures.succeeded()
                outcome = self._account.updated(
                    entry, exchange, self._slots.active, now, wanted=self._sink is not None
                )
                if outcome is not None:
                    await self._tell(outcome)
                self._account.show_progress()
            else:
                await self._failed(entry, exchange, exchange.error)

    async def _readmit(self, slot: Slot, exchange: Exchange, delay: float) -> None:
        """Wait until an attempt may go; between two attempts without a slot."""
        if self._attempt_failed(slot, exchange):
            slot.give_back()
        with self._halt:
            if exchange.attempts:
                if delay > 0:
                    await self._clock.sleep(delay)
                await slot.retake()
            await self._transport.admit(exchange, 0.0, self._options.reserve)
        slot.restart()

    def _attempt_failed(self, slot: Slot, exchange: Exchange) -> bool:
        """Tell the slot of an attempt without a success; returns whether there was a new one."""
        is_new = slot.notes_attempt(exchange.attempts)
        if is_new:
            slot.ended(end_of(slot, exchange), self._clock.monotonic())
        return is_new

    # --- what became of an edit

    async def _failed(self, entry: Entry, exchange: Exchange, error: errors.ClaroError) -> None:
        number = self._buffer.number_of(entry.cell_id)
        self._account.measure(exchange, self._slots.active, self._clock.monotonic())
        await self._ended(failed_outcome(entry, exchange, error), number)

    async def _ended(self, outcome: EditOutcome, number: int | None = None) -> None:
        """Record an edit that was not applied, and stop where going on makes no sense.

        Args:
            outcome: What became of it.
            number: Its number in the order of sending; None for what could not be sent.
        """
        self._account.ended(outcome)
        error = outcome.error
        is_outage = number is not None and self._failures.failed(
            number, self._buffer.oldest_under_way, error
        )
        if isinstance(error, STOPPING) or is_outage:
            self._report.stopped_by = self._report.stopped_by or error
            self._halt_job()
        elif self._options.on_error == "raise":
            self._halt_job()
        await self._tell(outcome)
        self._account.show_progress()

    async def _tell(self, outcome: EditOutcome) -> None:
        if self._sink is not None:
            await self._sink(outcome)

    def _halt_job(self, failure: Exception | None = None) -> None:
        """Send nothing more; what is on its way comes to its end."""
        if self._failure is None:
            self._failure = failure
        if self._halt.is_set:
            return
        self._halt.set()
        self._buffer.drain()
        self._room.set()
        self._hand_out()
