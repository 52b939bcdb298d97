"""What a download or an export is before it is decided how to take it."""

from __future__ import annotations

import warnings
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs

from claro_async._plain import PlainRecord

if TYPE_CHECKING:
    import os
    from collections.abc import Generator
    from datetime import datetime
    from pathlib import Path

    from claro_async.storage.blocks import Writable

R = TypeVar("R")


@attrs.frozen(kw_only=True)
class DownloadResult(PlainRecord):
    """A file that was downloaded whole.

    Attributes:
        path: Where it is, or None where it went to a file object.
        file_name: What the server calls it, without any folder.
        size: Bytes.
    """

    path: Path | None
    file_name: str
    size: int


@attrs.frozen(kw_only=True)
class ExportResult(PlainRecord):
    """A dataset that was exported whole.

    Attributes:
        path: Where the file is, or None where it went to a file object.
        format: ``csv``, ``json``, ``xlsx``, ``jsonl``, ``parquet`` or ``arrow``.
        rows: Rows written; for XLSX, which is not read, those of the dataset when it began.
        size: Bytes.
        updated_at: When the dataset had been changed last, when the export began.
        read_at: When the export began, by the server's clock.
        via: How the rows were read: ``export`` (files of the server's) or ``rows`` (pages).
    """

    path: Path | None
    format: str
    rows: int
    size: int
    updated_at: datetime | None = None
    read_at: datetime | None = None
    via: Literal["export", "rows"] = "export"


class Transfer(Coroutine[Any, Any, R]):
    """A transfer that has not begun: await it, or iterate over :meth:`stream`; not both.

    It is a coroutine, so ``asyncio.create_task`` and task groups take it.
    """

    def __init__(
        self,
        run: Callable[[], Coroutine[Any, Any, R]],
        stream: Callable[[], AsyncGenerator[bytes, None]],
        name: str,
    ) -> None:
        self._run = run
        self._stream = stream
        self._coroutine: Coroutine[Any, Any, R] | None = None
        self._used = False
        self.__name__ = self.__qualname__ = name

    def stream(self) -> AsyncGenerator[bytes, None]:
        """The bytes as they come, for ``async for``; nothing is written to a path.

        Bytes that were handed out cannot be taken back, so what cannot be resumed after a break is
        an error here.

        Raises:
            TransferError: It cannot be had whole.
        """
        self._used = True
        return self._stream()

    def __await__(self) -> Generator[Any, Any, R]:
        return self._started().__await__()

    def send(self, value: Any, /) -> Any:
        """As of any coroutine."""
        return self._started().send(value)

    def throw(self, *error: Any) -> Any:
        """As of any coroutine."""
        return self._started().throw(*error)

    def close(self) -> None:
        """As of any coroutine."""
        self._used = True
        if self._coroutine is not None:
            self._coroutine.close()

    def _started(self) -> Coroutine[Any, Any, R]:
        self._used = True
        if self._coroutine is None:
            self._coroutine = self._run()
        return self._coroutine

    def __del__(self) -> None:
        if not self._used:
            warnings.warn(f"{self.__name__}() was never awaited", RuntimeWarning, stacklevel=2)


class WindowTransfer(Transfer[R]):
    """A transfer that can go to a file as well: await it, or :meth:`save` it, or :meth:`stream`."""

    def __init__(
        self,
        run: Callable[[], Coroutine[Any, Any, R]],
        stream: Callable[[], AsyncGenerator[bytes, None]],
        save: Callable[[str | os.PathLike[str] | Writable], Coroutine[Any, Any, DownloadResult]],
        name: str,
    ) -> None:
        super().__init__(run, stream, name)
        self._save = save

    async def save(self, target: str | os.PathLike[str] | Writable) -> DownloadResult:
        """Write it to a path, into a folder, or to a file object, as any download.

        Memory does not grow with it, and what breaks off goes on or begins anew.

        Raises:
            OSError: The target cannot be written; nothing is sent.
            TransferError: It cannot be had whole; the target is as it was.
        """
        self._used = True
        return await self._save(target)
