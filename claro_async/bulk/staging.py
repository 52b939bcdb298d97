"""The input of a bulk job: checked, staged in batches, and known again by a digest."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from claro_async.bulk.edits import CellEdit, EditOutcome, EditStatus, Entry, stage, stage_all
from claro_async.bulk.failures import failure_of
from claro_async.bulk.file_edits import FileEdits
from claro_async.bulk.inputs import Stint, iterating, read_input
from claro_async.bulk.store import BATCH

if TYPE_CHECKING:
    from claro_async.bulk.edits import StagedEdit
    from claro_async.bulk.engine import Source
    from claro_async.bulk.memory import StreamStore
    from claro_async.bulk.states import Failure
    from claro_async.bulk.store import EditStore
    from claro_async.transport.clock import Clock

_encoder = msgspec.json.Encoder()


class InputDigest:
    """What tells one input from another: a hash of every item, however they come in batches."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, edits: Sequence[StagedEdit]) -> None:
        """Go on with edits."""
        self._hash.update(_encoder.encode_lines(edits))

    def add_failed(self, failure: Failure) -> None:
        """Go on with an item that cannot be sent."""
        self._hash.update(_encoder.encode_lines([(failure.reason, failure.text)]))

    @property
    def text(self) -> str:
        """The digest so far."""
        return self._hash.hexdigest()


Batch: TypeAlias = "tuple[int, list[StagedEdit], list[tuple[int, Failure]]]"
"""The place of the first, edits, and items that cannot be sent; these come after the edits."""


async def staged_batches(
    items: Iterable[object] | AsyncIterable[object], clock: Clock
) -> AsyncGenerator[Batch, None]:
    """The input in batches, checked.

    Raises:
        TableFileError: A row of a file is no edit, or the file cannot be read.
        TypeError: An item of a list is no edit, or its value has no form in JSON.
        ValueError: An item of a list cannot be sent.
    """
    if isinstance(items, FileEdits):
        first = 0
        async with aclosing(items.batches()) as batches:
            async for edits in batches:
                yield first, edits, []
                first += len(edits)
        return
    if isinstance(items, Sequence):
        for first in range(0, len(items), BATCH):
            yield first, stage_all(items[first : first + BATCH], first), []
            await asyncio.sleep(0)  # a batch takes some milliseconds: others may run now
        return
    async with aclosing(_batches_as_they_come(items, clock)) as found:
        async for batch in found:
            yield batch


async def _batches_as_they_come(
    items: Iterable[object] | AsyncIterable[object], clock: Clock
) -> AsyncGenerator[Batch, None]:
    batching = _Batching()
    if isinstance(items, Iterable):
        stint = Stint(clock)
        with iterating(items) as iterator:
            for item in iterator:
                if (batch := batching.add(item)) is not None:
                    yield batch
                if stint.is_over():
                    await stint.give_way()
    else:
        async with aclosing(read_input(items, clock)) as found:
            async for item in found:
                if (batch := batching.add(item)) is not None:
                    yield batch
    yield batching.rest()


async def check_list(items: Sequence[object], clock: Clock) -> None:
    """Check a list as a whole, before anything is made of it.

    Raises:
        TypeError: An item is no edit, or its value has no form in JSON.
        ValueError: An item cannot be sent.
    """
    async with aclosing(staged_batches(items, clock)) as batches:
        async for _ in batches:
            pass


class _Batching:
    """Puts items together to batches; one that cannot be sent ends its batch."""

    def __init__(self) -> None:
        self._first = 0
        self._edits: list[StagedEdit] = []

    def add(self, item: object) -> Batch | None:
        """Take an item in; returns the batch that it ends, if it does."""
        edits = self._edits
        try:
            edits.append(stage(item))
        except (TypeError, ValueError) as error:
            return self._end([(self._first + len(edits), failure_of(error))])
        return self._end([]) if len(edits) >= BATCH else None

    def rest(self) -> Batch:
        """What no batch has yet."""
        return self._end([])

    def _end(self, failed: list[tuple[int, Failure]]) -> Batch:
        batch = self._first, self._edits, failed
        self._first += len(self._edits) + len(failed)
        self._edits = []
        return batch


async def stage_items(
    store: EditStore,
    items: Iterable[object] | AsyncIterable[object],
    clock: Clock,
    digest: InputDigest | None = None,
) -> None:
    """Write the whole input down.

    Args:
        store: Where.
        items: The input.
        clock: Time.
        digest: Is made of it, if given.

    Raises:
        TypeError: An item of a list is no edit, or its value has no form in JSON.
        ValueError: An item of a list cannot be sent.
    """
    async with aclosing(staged_batches(items, clock)) as batches:
        async for first, edits, failed in batches:
            if digest is not None:
                digest.add(edits)
                for _, failure in failed:
                    digest.add_failed(failure)
            await store.insert(first, edits)
            if failed:
                await store.insert_failed(failed)


async def digest_of(items: Iterable[object] | AsyncIterable[object], clock: Clock) -> str:
    """The digest of an input, which is read to its end."""
    digest = InputDigest()
    async with aclosing(staged_batches(items, clock)) as batches:
        async for _, edits, failed in batches:
            digest.add(edits)
            for _, failure in failed:
                digest.add_failed(failure)
    return digest.text


def stream_entries(
    items: Iterable[object] | AsyncIterable[object], store: StreamStore, clock: Clock
) -> Source:
    """The input as entries, counted in the store; items that cannot be sent as outcomes."""
    if isinstance(items, Iterable):
        return _entries(items, store)
    return _entries_as_they_come(items, store, clock)


def _entries(
    items: Iterable[object], store: StreamStore
) -> Generator[Entry | EditOutcome, None, None]:
    with iterating(items) as iterator:
        for index, item in enumerate(iterator):
            store.tally.add()
            yield _to_send(index, item)


async def _entries_as_they_come(
    items: AsyncIterable[object], store: StreamStore, clock: Clock
) -> AsyncGenerator[Entry | EditOutcome, None]:
    index = 0
    async with aclosing(read_input(items, clock)) as found:
        async for item in found:
            store.tally.add()
            yield _to_send(index, item)
            index += 1


def _as_edit(item: object) -> CellEdit:
    """An item that cannot be sent, as the edit that it was meant to be, or as the value of none."""
    match item:
        case (str(cell_id), value):
            return CellEdit(cell_id, value)
        case _:
            return CellEdit("", item)


def _to_send(index: int, item: object) -> Entry | EditOutcome:
    try:
        staged = stage(item)
        if staged.cell_id is None:
            raise TypeError(  # noqa: TRY301 - one way for all that cannot be sent
                "edits by row and column need the dataset to be read first: pass a list,"
                " a journal, or skip_unchanged=True"
            )
    except (TypeError, ValueError) as error:
        return EditOutcome(index, _as_edit(item), EditStatus.FAILED, error)
    return Entry(index, staged.cell_id, staged.content)
