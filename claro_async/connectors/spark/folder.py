"""The folder of a run's receipts: small files, each whole or not there, on any file system.

.. code-block:: text

    RECEIPTS/RUN/
      epochs/EPOCH.json           what the run is; one a driver that began or went on with it
      epochs/EPOCH.known          what was known of cells when it began
      epochs/EPOCH.rows           with a key: which cells a row has
      ended/EPOCH.json            once that driver's write was committed or aborted
      reports/EPOCH.json          the report of a write that was committed
      attempts/EPOCH/PARTITION.ATTEMPT        one a task, before it sends anything
      cells/EPOCH/PARTITION.ATTEMPT           the cells it is about to edit
      edits/EPOCH/PARTITION.ATTEMPT.NUMBER.sent       edits that are about to be sent
      edits/EPOCH/PARTITION.ATTEMPT.NUMBER.done       what became of edits

Files are never changed, and no two writers have a name in common. Each ends with a digest of what
is before it: a file system that shows files which are still being written, or leaves half of one
where a writer was killed, gets nobody to take that for the whole. A name that no writer gives is
not of the folder, whoever left it there: Hadoop (``_SUCCESS``, ``.NAME.crc``, ``NAME._COPYING_``),
a tool that syncs or copies, a writer that was killed before its file was at its place.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import attrs
from pyarrow import fs

from claro_async.errors import ConfigurationError
from claro_async.storage.atomic import write_whole

if TYPE_CHECKING:
    from typing import Self

_OURS = re.compile(
    r"\d{6}-[0-9a-f]{8}\.(?:json|known|rows)"  # of an epoch
    r"|\d{6,}\.\d{12,}(?:\.\d{6,}\.(?:sent|done))?"  # of a task
)
_SEAL_LENGTH = 35  # bytes: a digest of 32 digits in quotes, so that lines of JSON remain such


def _seal(content: bytes) -> bytes:
    """The line that a file of this content ends with."""
    return b'"%b"\n' % hashlib.blake2b(content, digest_size=16).hexdigest().encode()


@attrs.frozen
class Folder:
    """A folder on a file system that pyarrow knows: local, HDFS, S3, Google or Azure storage.

    It blocks: call it in a task's own thread. What is written to a local disk is on it before a
    call returns; elsewhere, what the file system promises for a closed file.
    """

    filesystem: fs.FileSystem
    path: str

    @classmethod
    def open(cls, where: str, run: str) -> Self:
        """The folder of a run below a folder for receipts; nothing is written.

        Args:
            where: A local path or the URI of a file system.
            run: The run's id.

        Raises:
            ConfigurationError: No such file system, or it cannot be reached.
        """
        try:
            filesystem, path = fs.FileSystem.from_uri(where)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                "option 'receipts' must be a folder's absolute path or a URI such as"
                f" s3://bucket/folder: {error}"
            ) from None
        return cls(filesystem, f"{path.rstrip('/')}/{quote(run, safe='')}")

    def write(self, name: str, content: bytes) -> None:
        """Write a file, which must not be there yet.

        Raises:
            OSError: It cannot be written.
        """
        target, sealed = f"{self.path}/{name}", content + _seal(content)
        self.filesystem.create_dir(target.rpartition("/")[0], recursive=True)
        if isinstance(self.filesystem, fs.LocalFileSystem):
            write_whole(Path(target), sealed)
            return
        part = f"{target}.{uuid.uuid4().hex}.part"
        try:
            with self.filesystem.open_output_stream(part) as stream:
                stream.write(sealed)
            self.filesystem.move(part, target)
        except BaseException:
            with suppress(OSError):
                self.filesystem.delete_file(part)
            raise

    def remove(self, name: str) -> None:
        """Remove a file, if it is there.

        Raises:
            OSError: It cannot be removed.
        """
        with suppress(FileNotFoundError):
            self.filesystem.delete_file(f"{self.path}/{name}")

    def read(self, name: str) -> bytes | None:
        """A file's content, or None where there is no such file, or not all of it.

        Raises:
            OSError: It cannot be read.
        """
        try:
            with self.filesystem.open_input_stream(f"{self.path}/{name}") as stream:
                sealed = bytes(stream.read())
        except FileNotFoundError:
            return None
        content = sealed[:-_SEAL_LENGTH]
        return content if sealed[-_SEAL_LENGTH:] == _seal(content) else None

    def names(self, folder: str) -> list[str]:
        """The names of a folder below this one that writers gave, sorted; whole files or not.

        Raises:
            OSError: It cannot be read.
        """
        selector = fs.FileSelector(f"{self.path}/{folder}", allow_not_found=True)
        return sorted(
            info.base_name
            for info in self.filesystem.get_file_info(selector)
            if info.is_file and _OURS.fullmatch(info.base_name)
        )
