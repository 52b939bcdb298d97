"""What happens, as it happens: server-sent events (WHATWG HTML, section "Server-sent events").

The newest requests are kept anyway; each looker reads them at its own pace and has nothing of its
own but a position. So no looker makes the emulator wait or grow: one that falls behind what is kept
gets ``reset``, and one that does not read at all is cut off.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiohttp import web

from claro_async.emulator.console import requests, shapes, switches
from claro_async.emulator.console.changes import change_of
from claro_async.emulator.console.security import HEADERS
from claro_async.emulator.errors import ApiError
from claro_async.emulator.ledger import (
    AppliedColumnUpdate,
    AppliedDelete,
    AppliedExport,
    AppliedMiningChange,
    AppliedTaskType,
    AppliedUpload,
)
from claro_async.emulator.recent import Kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claro_async.emulator.console.asking import Desk
    from claro_async.emulator.ledger import Applied

LOOKERS_MAX: Final = 32
_AT_ONCE: Final = 1_000
_PAUSE: Final = 0.1
_TICK: Final = 1.0
_QUOTA_SECONDS: Final = 10
_KEEP_ALIVE: Final = 15.0
_PATIENCE: Final = 5.0

_REASONS: Final[dict[type, str]] = {
    AppliedColumnUpdate: "column",
    AppliedTaskType: "column",
    AppliedUpload: "upload",
    AppliedExport: "export",
    AppliedMiningChange: "mining",
}


class _Position(NamedTuple):
    """How far a looker has read: entries of what is kept, and changes of the ledger."""

    entries: int
    changes: int


def _written(desk: Desk, epoch: str, position: _Position) -> str:
    """A position as it stands in an event's id."""
    cleared = desk.world.ledger.times_cleared
    return f"{epoch}-{cleared}:{position.entries}.{position.changes}"


_NUMBER: Final = "[0-9]{1,18}"
_ID: Final = re.compile(
    rf"(?P<epoch>[0-9a-f]+)-(?P<cleared>{_NUMBER}):(?P<entries>{_NUMBER})\.(?P<changes>{_NUMBER})"
)
"""What `_written` writes; a looker may send anything in its place."""


class _Gone(Exception):  # noqa: N818 - no error: the looker has left, or does not read
    """A looker is there no more."""


class _Looker:
    """One connection: what it has seen, so that it gets what is new."""

    def __init__(self, desk: Desk, epoch: str, position: _Position) -> None:
        self.position = position
        self.woken = asyncio.Event()
        self._desk = desk
        self._epoch = epoch
        self._cleared = desk.world.ledger.times_cleared
        self._faults = _faults_seen(desk)
        self._quota = _quota_seen(desk)
        self._quota_due = 0.0
        self._datasets = _datasets_seen(desk)

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Tell what has happened since the last time."""
        recent, ledger = self._desk.world.ledger.recent, self._desk.world.ledger
        if self._cleared != ledger.times_cleared:
            self._cleared = ledger.times_cleared
            yield self._reset("ledger")
        elif self.position.entries < recent.oldest:
            yield self._reset("history")
        yield from self._world()
        yield from self._switches()
        yield from self._entries()  # last, as it moves the position that the last one has

    def _reset(self, reason: str) -> tuple[str, dict[str, Any]]:
        self.position = here(self._desk)
        return "reset", {"reason": reason, "position": self.written()}

    def written(self) -> str:
        """The position as it stands in an event's id."""
        return _written(self._desk, self._epoch, self.position)

    def _entries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        desk = self._desk
        world, ledger = desk.world, desk.world.ledger
        entries = ledger.recent.since(self.position.entries)[:_AT_ONCE]
        done = self.position.changes
        applied = ledger.applied[done : done + _AT_ONCE]
        entries_seen = self.position.entries + len(entries)
        self.position = _Position(entries_seen, done + len(applied))
        desk.attempts.catch_up()
        kept = [entry for entry in entries if isinstance(entry, Kept)]
        now = world.clock()
        changes = [change._replace(at=now) for change in map(change_of, applied) if change]
        yield from ((entry.name, entry.data) for entry in entries if not isinstance(entry, Kept))
        yield from map(_world_event, dict.fromkeys(filter(None, map(_reason, applied))))
        if kept or changes:
            yield (
                "requests",
                {
                    "requests": [
                        shapes.request(each, desk.attempts.of(each.record.index)) for each in kept
                    ],
                    "cells": shapes.changes(world, changes),
                    "invariants": requests.invariants(desk),
                    "total": ledger.count(),
                },
            )

    def _world(self) -> Iterator[tuple[str, dict[str, Any]]]:
        before, self._datasets = self._datasets, _datasets_seen(self._desk)
        if before != self._datasets:
            for dataset_id in before.keys() - self._datasets.keys():
                yield _world_event(("dataset-deleted", dataset_id))
            for dataset_id, seen in self._datasets.items():
                if dataset_id not in before:
                    yield _world_event(("dataset-added", dataset_id))
                elif before[dataset_id] != seen:
                    yield _world_event(("processing", dataset_id))

    def _switches(self) -> Iterator[tuple[str, dict[str, Any]]]:
        seen = _faults_seen(self._desk)
        if seen != self._faults:
            self._faults = seen
            yield "faults", {"faults": switches.faults(self._desk)}
        now = asyncio.get_running_loop().time()
        quota = _quota_seen(self._desk)
        if quota != self._quota and now >= self._quota_due:
            self._quota, self._quota_due = quota, now + _TICK
            yield "quota", switches.quota(self._desk, _QUOTA_SECONDS)


def here(desk: Desk) -> _Position:
    """Tell where a looker stands that has seen all until now."""
    ledger = desk.world.ledger
    return _Position(ledger.recent.added, len(ledger.applied))


def _world_event(reason: tuple[str, str | None]) -> tuple[str, dict[str, Any]]:
    return "world", {"reason": reason[0], "datasetId": reason[1]}


def _reason(entry: Applied) -> tuple[str, str | None] | None:
    if isinstance(entry, AppliedDelete):
        is_dataset = entry.resource == "dataset"
        return None if is_dataset else ("datasource-deleted", entry.resource_id)
    reason = _REASONS.get(type(entry))
    return None if reason is None else (reason, getattr(entry, "dataset_id", None))


def _faults_seen(desk: Desk) -> tuple[Any, ...]:
    return tuple((fault.number, fault.hits, fault.state) for fault in desk.faults)


def _quota_seen(desk: Desk) -> tuple[Any, ...]:
    limiter = desk.limiter
    return limiter.limit, limiter.window, *limiter.present(), limiter.counted


def _datasets_seen(desk: Desk) -> dict[str, tuple[str, str]]:
    found, _ = desk.world.datasets.page(None, None, 0, -1)
    return {dataset.id: (dataset.name, dataset.status) for dataset in found}


class Stream:
    """Serves everybody who looks on.

    Args:
        desk: The parts of the emulator.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._epoch = secrets.token_hex(4)
        self._lookers: set[_Looker] = set()

    def position(self) -> str:
        """Tell the position of one who has seen all until now."""
        return _written(self._desk, self._epoch, here(self._desk))

    async def follow(self, request: web.BaseRequest, after: str | None) -> web.StreamResponse:
        """Send events until the looker leaves.

        Args:
            request: The request; its ``Last-Event-ID`` says how far the looker has read.
            after: The same for a looker that is new.

        Raises:
            ApiError: ``TOO_MANY_LOOKERS``.
        """
        if len(self._lookers) >= LOOKERS_MAX:
            raise ApiError("TOO_MANY_LOOKERS", {"lookers": LOOKERS_MAX}, status=503)
        looker = _Looker(self._desk, self._epoch, here(self._desk))
        first = self._resume(looker, request.headers.get("Last-Event-ID") or after)
        headers = {**HEADERS, "Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers)
        self._lookers.add(looker)
        self._desk.world.ledger.recent.on_add = self.wake
        try:
            await response.prepare(request)
            await self._send(request, response, b"retry: 1000\n" + self._written(looker, first))
            await self._run(request, response, looker)
        except (_Gone, ConnectionError):
            pass
        finally:
            self._lookers.discard(looker)
            if not self._lookers:
                self._desk.world.ledger.recent.on_add = None
        return response

    def wake(self) -> None:
        """Tell everybody who looks on that there is something new."""
        for looker in self._lookers:
            looker.woken.set()

    def _resume(self, looker: _Looker, seen: str | None) -> list[tuple[str, dict[str, Any]]]:
        """Put a looker where it was, if what has happened since is still kept."""
        now = looker.position
        found = _ID.fullmatch(seen or looker.written())
        reset = None
        if found is None or found["epoch"] != self._epoch:
            reset = "restarted"
        elif int(found["cleared"]) != self._desk.world.ledger.times_cleared:
            reset = "ledger"
        else:
            position = _Position(int(found["entries"]), int(found["changes"]))
            oldest = self._desk.world.ledger.recent.oldest
            if oldest <= position.entries <= now.entries and position.changes <= now.changes:
                looker.position = position
            else:
                reset = "history"
        written = looker.written()
        hello = ("hello", {"epoch": self._epoch, "position": written})
        return (
            [hello]
            if reset is None
            else [
                hello,
                ("reset", {"reason": reset, "position": written}),
            ]
        )

    async def _run(
        self, request: web.BaseRequest, response: web.StreamResponse, looker: _Looker
    ) -> None:
        loop = asyncio.get_running_loop()
        sent_at = loop.time()
        while True:
            data = self._written(looker, list(looker.events()))
            if data or loop.time() - sent_at >= _KEEP_ALIVE:
                await self._send(request, response, data or b": nothing new\n\n")
                sent_at = loop.time()
            await asyncio.sleep(_PAUSE)
            try:
                async with asyncio.timeout(_TICK - _PAUSE):
                    await looker.woken.wait()
            except TimeoutError:
                continue
            looker.woken.clear()

    def _written(self, looker: _Looker, events: list[tuple[str, dict[str, Any]]]) -> bytes:
        place = looker.written()
        texts = [f"event: {name}\ndata: {shapes.write_json(data)}\n" for name, data in events]
        if texts:  # only with the last one has all of it been read
            texts[-1] = f"id: {place}\n{texts[-1]}"
        return shapes.encode(self._desk.secrets.hide("".join(f"{text}\n" for text in texts)))

    async def _send(
        self, request: web.BaseRequest, response: web.StreamResponse, data: bytes
    ) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await response.write(data)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise _Gone from None
