"""One run: the drivers that began it or went on with it, and which of its tasks may send.

Each driver's part is an *epoch*. Every task has a fence of its own in the shared quota: before it
asks for a permit it is named in the folder, so whoever ends the epoch, or follows the task, finds
it there and closes it. A closed task gets no permit more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import attrs
import msgspec

from claro_async.connectors.spark.folder import Folder
from claro_async.connectors.spark.receipts import Ledger, decode_known, encode_lines, enter
from claro_async.errors import ConfigurationError, RunClosedError

if TYPE_CHECKING:
    from claro_async.connectors.spark.options import WriteOptions

FORMAT = 1
"""Version of the files of receipts."""


class About(msgspec.Struct, forbid_unknown_fields=True):
    """What a run is.

    Attributes:
        format: Version of its files.
        dataset: The dataset's id.
        base_url: The API's root.
    """

    format: int
    dataset: str
    base_url: str


@attrs.frozen(order=True)
class Attempt:
    """One task, as files name it.

    Attributes:
        partition: The partition that it writes.
        number: Spark's number of the task; a later task of an epoch has a greater one.
    """

    partition: int
    number: int

    def __str__(self) -> str:
        return f"{self.partition:06d}.{self.number:012d}"

    @classmethod
    def of(cls, name: str) -> Self:
        """The task that a file's name begins with."""
        partition, number = name.split(".")[:2]
        return cls(int(partition), int(number))


@attrs.frozen(kw_only=True)
class Epoch:
    """A driver's part of a run.

    Attributes:
        folder: The run's folder.
        run: The run's id.
        number: The epoch's number, from 1.
    """

    folder: Folder
    run: str
    number: int

    @property
    def name(self) -> str:
        """How files name it."""
        return f"{self.number:06d}"

    def fence(self, attempt: Attempt) -> str:
        """The id under which a task asks for permits."""
        return f"{self.run}/{self.name}/{attempt}"

    def attempts(self) -> list[Attempt]:
        """The tasks that have begun so far."""
        return [Attempt.of(name) for name in self.folder.names(f"attempts/{self.name}")]

    def begin_attempt(self, attempt: Attempt) -> list[Attempt]:
        """Name a task in the folder; returns the earlier ones of its partition, to be closed.

        Raises:
            RunClosedError: The epoch is over, or a later task has the partition.
        """
        self.folder.write(f"attempts/{self.name}/{attempt}", b"")
        # Named first, looked after it: whoever ends the epoch writes that down and then reads
        # the names, so one of the two sees the other.
        is_ended = f"{self.name}.json" in self.folder.names("ended")
        if is_ended or epoch_numbers(self.folder)[-1] > self.number:
            raise RunClosedError(f"the write of run {self.run!r} that this task belongs to is over")
        others = [each for each in self.attempts() if each.partition == attempt.partition]
        if max(others) > attempt:
            raise RunClosedError(f"a later task writes partition {attempt.partition} by now")
        return [each for each in others if each < attempt]

    def end(self, how: str) -> list[Attempt]:
        """Write down that the epoch is over; returns its tasks, to be closed."""
        self.folder.write(f"ended/{self.name}.json", msgspec.json.encode({"how": how}))
        return self.attempts()

    def ledger(self) -> Ledger:
        """What was known of the run's cells when the epoch began."""
        return Ledger(decode_known(self.folder.read(f"epochs/{self.name}.known") or b""))

    def read_edits(self, ledger: Ledger, partition: int | None = None) -> None:
        """Enter what the tasks of the epoch wrote down, of all partitions or of one."""
        place = f"edits/{self.name}"
        for name in sorted(self.folder.names(place), key=_order):
            if partition is None or Attempt.of(name).partition == partition:
                enter(ledger, name, self.folder.read(f"{place}/{name}") or b"")


def _order(name: str) -> tuple[Attempt, bool, str]:
    """Of each task first what it was about to send, then what became of it."""
    return Attempt.of(name), name.endswith(".done"), name


def begin_epoch(options: WriteOptions, base_url: str) -> tuple[Epoch, list[Epoch]]:
    """Begin a run or go on with it; returns the new epoch, and the earlier ones, to be closed.

    Raises:
        ConfigurationError: The folder holds a run of another dataset or of another version.
        OSError: The folder cannot be used.
    """
    folder = Folder.open(options.receipts, options.run)
    about = About(FORMAT, options.dataset, base_url)
    found = read_about(folder)
    if found is None:
        folder.write("about.json", msgspec.json.encode(about))
    elif found != about:
        raise ConfigurationError(
            f"run {options.run!r} below {options.receipts} is one of dataset {found.dataset} at"
            f" {found.base_url}, not of this: give the run another id"
        )
    earlier = [Epoch(folder=folder, run=options.run, number=n) for n in epoch_numbers(folder)]
    number = earlier[-1].number + 1 if earlier else 1
    epoch = Epoch(folder=folder, run=options.run, number=number)
    folder.write(f"epochs/{epoch.name}.json", b"{}")
    return epoch, earlier


def write_known(epoch: Epoch, earlier: list[Epoch]) -> None:
    """Write down, for the tasks of an epoch, what is known from the earlier ones.

    No task of those may send any more: their fences are closed.
    """
    epoch.folder.write(f"epochs/{epoch.name}.known", encode_lines(known_after(earlier)))


def known_after(epochs: list[Epoch]) -> Ledger:
    """What is known of a run's cells after these epochs."""
    ledger = Ledger()
    for epoch in epochs:
        # a driver that ended before it wrote this down had no tasks
        if (content := epoch.folder.read(f"epochs/{epoch.name}.known")) is not None:
            ledger = Ledger(decode_known(content))
        epoch.read_edits(ledger)
    return ledger


def epoch_numbers(folder: Folder) -> list[int]:
    """The epochs of a run, in order."""
    return [int(name[:6]) for name in folder.names("epochs") if name.endswith(".json")]


def read_about(folder: Folder) -> About | None:
    """What the run in a folder is, or None where there is none.

    Raises:
        ConfigurationError: It was written by another version of this package, or is damaged.
    """
    content = folder.read("about.json")
    if content is None:
        return None
    try:
        about = msgspec.json.decode(content, type=About)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"{folder.path}/about.json is damaged: {error}") from None
    if about.format != FORMAT:
        raise ConfigurationError(
            f"the receipts in {folder.path} have format {about.format}, this package writes"
            f" {FORMAT}: go on with the version that wrote them"
        )
    return about
