"""Every exception that this package raises on its own account.

.. code-block:: text

    ClaroError
    ├── ConfigurationError            settings that cannot work: plain http off loopback
    │   └── MissingKeyError               no key anywhere
    ├── RunClosedError                the client's run was closed: nothing more is sent
    ├── ClientStateError              a client that cannot be used here or any more (RuntimeError)
    │   ├── ClientClosedError             it was closed
    │   ├── OtherLoopError                it was opened in another event loop
    │   └── ForkedClientError             it was opened before the process was forked
    ├── WebhookSignatureError         a notification that was not signed with the secret
    ├── ConnectionFailedError         nothing was changed: not sent, or a read that got no answer
    │   └── RequestTimeoutError       the same, because a phase took too long
    ├── OutcomeUnknownError           a change may or may not have been applied
    ├── DecodeError                   a reply that is not what the documents say
    │   └── UnreadableReplyError          not JSON at all: a proxy's page, or half a reply
    ├── TransferError                 an upload, download or export that cannot be completed
    ├── TableFileError                a file of rows that cannot be read (ValueError)
    ├── ProcessingFailedError         what was waited for ended as failed
    ├── JournalError                  a journal that cannot be used
    │   └── JournalIncompleteError        its job ended before anything was sent
    ├── NotFoundByReadingError        the whole dataset was read, and has no such cell or row
    ├── BulkUpdateError               failures of a bulk call, as an ExceptionGroup
    └── APIStatusError                the server said no
        ├── AuthenticationError           UNAUTHORIZED, 401
        ├── PermissionDeniedError         ACCESS_DENIED, 403
        ├── NotFoundError                 404
        │   ├── DatasetNotFoundError          DATASET_NOT_FOUND
        │   ├── CellNotFoundError             CELL_NOT_FOUND
        │   ├── ColumnNotFoundError           COLUMN_NOT_FOUND
        │   ├── RowNotFoundError              ROW_NOT_FOUND
        │   └── DatasourceNotFoundError       DATASOURCE_NOT_FOUND
        ├── InvalidRequestError           INVALID_PARAMETERS, 400, 422 and other 4xx
        │   ├── InvalidTaskTypeError          INVALID_TASK_TYPE
        │   └── RawColumnRequiredError        RAW_COLUMN_REQUIRED
        ├── ProcessingInProgressError     PROCESSING_IN_PROGRESS
        ├── RateLimitError                429
        └── ServerError                   5xx

An argument that can be seen to be wrong before anything is sent raises :class:`ValueError` or
:class:`TypeError`, as in Python's own library. All errors can be pickled, and none holds a key, a
token or a signed URL.

The codes are those of Claro API v2, "Manage Dataset" and "Manage Data Source", sections "Error
Codes".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

from claro_async._times import parse_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

__all__ = [
    "APIStatusError",
    "AuthenticationError",
    "BulkUpdateError",
    "CellNotFoundError",
    "ClaroError",
    "ClientClosedError",
    "ClientStateError",
    "ColumnNotFoundError",
    "ConfigurationError",
    "ConnectionFailedError",
    "DatasetNotFoundError",
    "DatasourceNotFoundError",
    "DecodeError",
    "ForkedClientError",
    "InvalidRequestError",
    "InvalidTaskTypeError",
    "JournalError",
    "JournalIncompleteError",
    "MissingKeyError",
    "NotFoundByReadingError",
    "NotFoundError",
    "OtherLoopError",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "ProcessingFailedError",
    "ProcessingInProgressError",
    "RateLimitError",
    "RawColumnRequiredError",
    "RequestTimeoutError",
    "RowNotFoundError",
    "RunClosedError",
    "ServerError",
    "TableFileError",
    "TransferError",
    "UnreadableReplyError",
    "WebhookSignatureError",
]


class ClaroError(Exception):
    """The root of all errors of this package."""


class ConfigurationError(ClaroError):
    """Settings that cannot work; raised before anything is sent."""


class MissingKeyError(ConfigurationError):
    """There is no key: none was passed, and neither the environment nor a profile has one."""


class RunClosedError(ClaroError):
    """The run that the client belongs to was closed (``close_run``): nothing more is sent.

    Attributes:
        run: The run's id.
    """

    def __init__(self, run: str) -> None:
        super().__init__(f"the run {run!r} was closed: nothing more is sent for it")
        self.run = run

    def __reduce__(self) -> tuple[type[Self], tuple[str], dict[str, Any]]:
        return type(self), (self.run,), self.__dict__


class WebhookSignatureError(ClaroError):
    """A notification whose signature is not that of its body: drop it."""


class ClientStateError(ClaroError, RuntimeError):
    """A client that cannot be used where or when it was; nothing was sent."""


class ClientClosedError(ClientStateError):
    """The client was closed."""


class OtherLoopError(ClientStateError):
    """The client was opened in another event loop, to which its connections belong."""


class ForkedClientError(ClientStateError):
    """The client was opened before the process was forked, and belongs to the other process."""


class ConnectionFailedError(ClaroError):
    """No usable answer came, and nothing was changed by the call.

    Raised when the request was certainly not sent (refused, unresolved, TLS), and for calls that
    only read. A call that changes something and may have been applied raises
    :class:`OutcomeUnknownError` instead.

    Attributes:
        attempts: How many attempts were made.
    """

    def __init__(self, message: str, *, attempts: int = 1) -> None:
        super().__init__(message)
        self.attempts = attempts


class RequestTimeoutError(ConnectionFailedError):
    """As :class:`ConnectionFailedError`, because connecting or waiting for bytes took too long."""


class OutcomeUnknownError(ClaroError):
    """A change was sent, and nobody knows whether it was applied.

    Attributes:
        operation: The operation's id, for example ``uploadDatasource``.
        attempts: How many attempts were made.
        reason: What the last attempt met, in words.
        candidates: What was found when looking for traces of the change (for an upload: data
            sources).
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str = "",
        attempts: int = 1,
        reason: str = "",
        candidates: Sequence[Any] = (),
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.attempts = attempts
        self.reason = reason
        self.candidates: tuple[Any, ...] = tuple(candidates)


class DecodeError(ClaroError):
    """A reply that does not have the documented shape.

    Attributes:
        path: Where in the reply, for example ``columns[2].taskType``; empty for the whole.
        status: The reply's HTTP status.
    """

    def __init__(self, message: str, *, path: str = "", status: int = 200) -> None:
        super().__init__(message)
        self.path = path
        self.status = status


class UnreadableReplyError(DecodeError):
    """A reply with a status of success that is not JSON at all: a proxy's page, or half a reply.

    A call that reads is repeated after it, as after a reset; this is what remains after the last
    attempt.
    """


class TransferError(ClaroError):
    """An upload, download or export that cannot be completed; says what was left where."""


class TableFileError(ClaroError, ValueError):
    """A file of rows that is damaged, cut off, or no table; no edit was sent.

    Attributes:
        path: The file; ``-`` for standard input.
        line: The line, or the row of a columnar file, from 1; None where it is all of the file.
        column: The character in that line, from 1, or None.
    """

    def __init__(
        self, message: str, *, path: str = "", line: int | None = None, column: int | None = None
    ) -> None:
        super().__init__(message)
        self.path = path
        self.line = line
        self.column = column


class ProcessingFailedError(ClaroError):
    """A dataset or data source that was waited for has the status ``failed``."""


class JournalError(ClaroError):
    """A journal that cannot be used: damaged, foreign, in use, or of another dataset."""


class JournalIncompleteError(JournalError):
    """A job that ended before its whole input was written down, and before anything was sent.

    The file can be removed, and the job started again.
    """


class NotFoundByReadingError(ClaroError):
    """The whole dataset was read, and has no such cell, row or column; no request was sent for it.

    Where the server itself said so, the error is a :class:`NotFoundError` with its status.
    """


class ErrorReport(Protocol):
    """What the report of a bulk call says, be it a ``BulkReport`` or a ``TransferReport``.

    Attributes:
        failed: Items that failed.
        not_sent: Items of which nothing was sent.
        unknown: Items that may or may not have been done.
        notes: What else happened, in words.
    """

    failed: int
    not_sent: int
    unknown: int
    notes: list[str]

    @property
    def total(self) -> int:
        """All items."""


class BulkUpdateError(ClaroError, ExceptionGroup[Exception]):
    """The failures of a bulk call; ``except*`` and ``.exceptions`` work as for any group.

    Attributes:
        report: What became of every item: a ``BulkReport`` of edits, a ``TransferReport`` of files.
    """

    report: ErrorReport

    def __new__(cls, message: str, exceptions: Sequence[Exception]) -> Self:
        """Make the group; ``report`` is set by the engine."""
        return super().__new__(cls, message, exceptions)

    def derive(self, excs: Sequence[Exception], /) -> BulkUpdateError:  # type: ignore[override]
        """Keep class and report when ``except*`` or ``split`` make a smaller group."""
        part = BulkUpdateError(self.message, excs)
        part.report = self.report
        return part


class APIStatusError(ClaroError):
    """The server answered, and the answer was no.

    Attributes:
        status: The HTTP status.
        code: The documented error code, or None where the reply has none.
        details: The ``details`` of the error reply: an object by the documents, kept as they came
            where they are anything else; an empty object where there are none.
        request_id: The ``X-Request-Id`` of the reply, where there is one.
        operation: The operation's id.
    """

    def __init__(  # noqa: PLR0913 - the fields of an error reply
        self,
        message: str,
        *,
        status: int = 0,
        code: str | None = None,
        details: Any = None,
        request_id: str | None = None,
        operation: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details: Any = {} if details is None else details
        self.request_id = request_id
        self.operation = operation


class AuthenticationError(APIStatusError):
    """The key is missing or wrong (``UNAUTHORIZED``)."""


class PermissionDeniedError(APIStatusError):
    """The key may not do this (``ACCESS_DENIED``)."""


class NotFoundError(APIStatusError):
    """What was named does not exist."""


class DatasetNotFoundError(NotFoundError):
    """``DATASET_NOT_FOUND``."""


class CellNotFoundError(NotFoundError):
    """``CELL_NOT_FOUND``."""


class ColumnNotFoundError(NotFoundError):
    """``COLUMN_NOT_FOUND``."""


class RowNotFoundError(NotFoundError):
    """``ROW_NOT_FOUND``."""


class DatasourceNotFoundError(NotFoundError):
    """``DATASOURCE_NOT_FOUND``."""


class InvalidRequestError(APIStatusError):
    """The server refused the request as it was (``INVALID_PARAMETERS``)."""


class InvalidTaskTypeError(InvalidRequestError):
    """``INVALID_TASK_TYPE``: unknown, or not for this kind of dataset."""


class RawColumnRequiredError(InvalidRequestError):
    """``RAW_COLUMN_REQUIRED``: documents go to cells of raw data columns only."""


class ProcessingInProgressError(APIStatusError):
    """``PROCESSING_IN_PROGRESS``: locked while a task runs; wait, nothing was changed."""

    @property
    def estimated_completion(self) -> datetime | None:
        """When it will be done as the server thinks (``estimatedCompletion``), or None."""
        if not isinstance(self.details, dict) or "estimatedCompletion" not in self.details:
            return None
        try:
            return parse_time(self.details["estimatedCompletion"])
        except ValueError:
            return None


class RateLimitError(APIStatusError):
    """429, still after the waits that the retry policy allows, or for longer than it allows.

    Attributes:
        retry_after: Seconds to wait, as the server said, or None.
        retry_at: The end of that wait by this machine's clock, or None.
    """

    retry_after: float | None = None
    retry_at: datetime | None = None


class ServerError(APIStatusError):
    """5xx on a call that only reads.

    Attributes:
        retry_after: Seconds to wait, as the server said, or None.
    """

    retry_after: float | None = None
