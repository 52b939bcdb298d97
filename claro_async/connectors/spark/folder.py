"""The folder of a run's receipts: small files, each whole or not there, on any file system.

.. code-block:: text

    RECEIPTS/RUN/
      about.json                  what the run is: dataset, API, format of these files
      epochs/NUMBER.json          one a driver that began or went on with the run
      epochs/NUMBER.known         what was known of cells when it began
      epochs/NUMBER.rows          with a key: which cells a row has
      ended/NUMBER.json           once that driver's write was committed or aborted
      reports/NUMBER.json         the report of a write that was committed
      attempts/EPOCH/PARTITION.ATTEMPT        one a task, before it sends anything
      cells/EPOCH/PARTITION.ATTEMPT           the cells it is about to edit
      edits/EPOCH/PARTITION.ATTEMPT.NUMBER.sent       edits that are about to be sent
      edits/EPOCH/PARTITION.ATTEMPT.NUMBER.done       what became of edits

Files are never changed, so readers see all of one or nothing.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import attrs
from pyarrow import fs

from claro_async.errors import ConfigurationError
from claro_async.storage.atomic import write_whole

if TYPE_CHECKING:
    from typing import Self


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
                f"receipts must be a folder's absolute path or a URI such as s3://bucket/folder:"
                f" {error}"
            ) from None
        return cls(filesystem, f"{path.rstrip('/')}/{quote(run, safe='')}")

    def write(self, name: str, content: bytes) -> None:
        """Write a file that is whole or not there.

        Raises:
            OSError: It cannot be written.
        """
        target = f"{self.path}/{name}"
        self.filesystem.create_dir(target.rpartition("/")[0], recursive=True)
        if isinstance(self.filesystem, fs.LocalFileSystem):
            write_whole(Path(target), content)
            return
        part = f"{target}.{uuid.uuid4().hex}.part"
        with self.filesystem.open_output_stream(part) as stream:
            stream.write(content)
        self.filesystem.move(part, target)

    def read(self, name: str) -> bytes | None:
        """A file's content, or None where there is no such file.

        Raises:
            OSError: It cannot be read.
        """
        try:
            with self.filesystem.open_input_stream(f"{self.path}/{name}") as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder below this one, sorted; none where there is none.

        Files in the making, locks beside them and what a killed writer left of either are not
        among them: their names begin with a dot or end with ``.part``.

        Raises:
            OSError: It cannot be read.
        """
        selector = fs.FileSelector(f"{self.path}/{folder}", allow_not_found=True)
        return sorted(
            info.base_name
            for info in self.filesystem.get_file_info(selector)
            if info.is_file and not info.base_name.startswith(".") and info.extension != "part"
        )
