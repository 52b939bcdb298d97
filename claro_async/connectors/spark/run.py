"""One run: the drivers that began it or went on with it, and which of its tasks may send.

Each driver's part is an *epoch*. Every task has a fence of its own in the shared quota: before it
asks for a permit it is named in the folder, so whoever ends the epoch, or follows the task, finds
it there and closes it. A closed task gets no permit more.

No file system is asked for locks. Whoever begins something first writes that down, then looks who
else did: of two at the same moment at least one sees the other. The name of an epoch has a part of
chance, so that two drivers which count alike have different ones; the greater name goes on.
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


class _Version(msgspec.Struct):
    format: int


class About(msgspec.Struct, frozen=True):
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
        name: How files name it: its number, from 1, and a part of chance.
    """

    folder: Folder
    run: str
    name: str

    def fence(self, attempt: Attempt) -> str:
        """The id under which a task asks for permits."""
        return f"{self.run}/{self.name}/{attempt}"

    def attempts(self) -> list[Attempt]:
        """The tasks that have begun so far."""
        return [Attempt.of(name) for name in self.folder.names(f"attempts/{self.name}")]

    def begin_attempt(self, attempt: Attempt) -> list[Attempt]:
        """Name a task in the folder; returns the earlier ones of its partition, to be closed.

        Raises:
            ConfigurationError: The task sees another folder than the driver.
            RunClosedError: The epoch is over, or a later task has the partition.
        """
        self.content("json")
        self.folder.write(f"attempts/{self.name}/{attempt}", b"")
        # Named first, looked after it: whoever ends the epoch writes that down and then reads
        # the names, so one of the two sees the other.
        if self.is_ended or epoch_names(self.folder)[-1] > self.name:
            raise RunClosedError(f"the write of run {self.run!r} that this task belongs to is over")
        others = [each for each in self.attempts() if each.partition == attempt.partition]
        if max(others) > attempt:
            raise RunClosedError(f"a later task writes partition {attempt.partition} by now")
        return [each for each in others if each < attempt]

    @property
    def is_ended(self) -> bool:
        """Whether its write was committed or aborted."""
        return f"{self.name}.json" in self.folder.names("ended")

    def end(self, how: str) -> list[Attempt]:
        """Write down that the epoch is over; returns its tasks, to be closed.

        Spark aborts a write, too, whose commit raised: it stays committed.
        """
        if not self.is_ended:
            self.folder.write(f"ended/{self.name}.json", msgspec.json.encode({"how": how}))
        return self.attempts()

    def content(self, kind: str) -> bytes:
        """What the driver wrote down when it began the epoch, for its tasks.

        Raises:
            ConfigurationError: It is not there, so this is not the driver's folder.
        """
        content = self.folder.read(f"epochs/{self.name}.{kind}")
        if content is None:
            raise ConfigurationError(
                f"option 'receipts' names a folder that is not the same on all machines: here,"
                f" {self.folder.path}/epochs/{self.name}.{kind} is not there or not whole; use a"
                " file system that the driver and all executors reach, such as s3:// or hdfs://"
            )
        return content

    def ledger(self) -> Ledger:
        """What was known of the run's cells when the epoch began.

        Raises:
            ConfigurationError: As :meth:`content`.
        """
        return Ledger(decode_known(self.content("known")))

    def read_edits(self, ledger: Ledger, partition: int | None = None) -> None:
        """Enter what the tasks of the epoch wrote down, of all partitions or of one.

        A file that is not whole is as none: its writer had not yet sent what it names, or leaves
        in doubt what became of it.
        """
        place = f"edits/{self.name}"
        for name in sorted(self.folder.names(place), key=_order):
            if partition is None or Attempt.of(name).partition == partition:
                enter(ledger, name, self.folder.read(f"{place}/{name}") or b"")


def _order(name: str) -> tuple[Attempt, bool, str]:
    """Of each task first what it was about to send, then what became of it."""
    return Attempt.of(name), name.endswith(".done"), name


def begin_epoch(options: WriteOptions, base_url: str, chance: str) -> tuple[Epoch, list[Epoch]]:
    """Begin a run or go on with it; returns the new epoch, and the earlier ones, to be closed.

    Args:
        options: What is written.
        base_url: The API's root.
        chance: Eight hexadecimal digits that no other driver has.

    Raises:
        ConfigurationError: The folder holds a run of another dataset or of another version.
        RunClosedError: Another driver goes on with the run at the same moment.
        OSError: The folder cannot be used.
    """
    folder = Folder.open(options.receipts, options.run)
    about = About(FORMAT, options.dataset, base_url)
    before = epoch_names(folder)
    _check_about(folder, before, about)
    number = 1 + int(before[-1].partition("-")[0]) if before else 1
    epoch = Epoch(folder=folder, run=options.run, name=f"{number:06d}-{chance}")
    folder.write(f"epochs/{epoch.name}.json", msgspec.json.encode(about))
    try:
        names = _earlier(epoch, about)
    except BaseException:
        folder.remove(f"epochs/{epoch.name}.json")
        raise
    return epoch, [Epoch(folder=folder, run=options.run, name=each) for each in names]


def _earlier(epoch: Epoch, about: About) -> list[str]:
    """The epochs of a run before one that was just written down.

    Raises:
        ConfigurationError: Another driver began a run of another dataset in the same folder.
        RunClosedError: Another driver goes on with the run.
    """
    names = epoch_names(epoch.folder)
    _check_about(epoch.folder, names, about)
    if names[-1] > epoch.name:
        raise RunClosedError(
            f"another driver goes on with run {epoch.run!r} at this moment; nothing was sent by"
            " this one"
        )
    return [each for each in names if each < epoch.name]


def _check_about(folder: Folder, epochs: list[str], about: About) -> None:
    for name in epochs:
        found = _about(folder, name)
        if found not in {None, about}:
            raise ConfigurationError(
                f"the receipts in {folder.path} are those of a run of dataset {found.dataset} at"
                f" {found.base_url}, not of this: give the run another id by option 'run'"
            )


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


def epoch_names(folder: Folder) -> list[str]:
    """The epochs of a run, in order."""
    names = folder.names("epochs")
    return [name.removesuffix(".json") for name in names if name.endswith(".json")]


def read_about(folder: Folder) -> About | None:
    """What the run in a folder is, or None where there is none.

    Raises:
        ConfigurationError: It was written by another version of this package.
    """
    found = (_about(folder, name) for name in epoch_names(folder))
    return next((each for each in found if each is not None), None)


def _about(folder: Folder, epoch: str) -> About | None:
    """What a driver wrote down of the run; None where it did not get that far."""
    content = folder.read(f"epochs/{epoch}.json")
    if content is None:
        return None
    version = msgspec.json.decode(content, type=_Version).format
    if version != FORMAT:
        raise ConfigurationError(
            f"the receipts in {folder.path} have format {version}, this package writes {FORMAT}:"
            " go on with the version that wrote them"
        )
    return msgspec.json.decode(content, type=About)
