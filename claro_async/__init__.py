"""An async-first client for the Claro datasets API.

The names below are brought in when they are first used, so that importing the package costs next to
nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from claro_async._version import __version__

if TYPE_CHECKING:
    from claro_async.bulk.coercion import Misfit
    from claro_async.bulk.edits import CellEdit, EditOutcome, EditStatus, RowEdit
    from claro_async.bulk.plan import UpdatePlan
    from claro_async.bulk.report import BulkReport, RevertReport
    from claro_async.bulk.status import JobPhase, JournalStatus, journal_status
    from claro_async.bulk.sync import SyncPlan, SyncReport
    from claro_async.client import ClaroClient
    from claro_async.columnar.changes import diff
    from claro_async.communications_mining import CommunicationsMiningClient
    from claro_async.config import RetryPolicy, Timeout
    from claro_async.dataset import Dataset
    from claro_async.datasource import Datasource
    from claro_async.errors import (
        APIStatusError,
        AuthenticationError,
        BulkUpdateError,
        CellNotFoundError,
        ClaroError,
        ClientClosedError,
        ClientStateError,
        ColumnNotFoundError,
        ConfigurationError,
        ConnectionFailedError,
        DatasetNotFoundError,
        DatasourceNotFoundError,
        DecodeError,
        ForkedClientError,
        InvalidRequestError,
        InvalidTaskTypeError,
        JournalError,
        JournalIncompleteError,
        MissingKeyError,
        NotFoundByReadingError,
        NotFoundError,
        OtherLoopError,
        OutcomeUnknownError,
        PermissionDeniedError,
        ProcessingFailedError,
        ProcessingInProgressError,
        RateLimitError,
        RawColumnRequiredError,
        RequestTimeoutError,
        RowNotFoundError,
        RunClosedError,
        ServerError,
        TableFileError,
        TransferError,
        UnreadableReplyError,
        WebhookSignatureError,
    )
    from claro_async.models import (
        DatasetStatus,
        DatasetType,
        DatasourceStatus,
        ExportFormat,
        SortOrder,
        TaskType,
    )
    from claro_async.network import Network
    from claro_async.paging.pages import Page
    from claro_async.paging.rows import Row
    from claro_async.progress import BulkProgress, FilesProgress, Progress
    from claro_async.quota_store import QuotaStore
    from claro_async.tables import TableReader, read_rows
    from claro_async.transfers.batch import TransferOutcome, TransferReport
    from claro_async.transfers.download_all import DownloadAllReport
    from claro_async.transfers.export_all import ExportAllReport
    from claro_async.transfers.folders import FolderReport
    from claro_async.transfers.manifest import DownloadEntry, ManifestEntry
    from claro_async.transfers.transfer import DownloadResult, ExportResult
    from claro_async.transport.events import (
        AttemptFailed,
        CallEnded,
        CallStarted,
        Event,
        ExportNotUsed,
        JobEnded,
        JobProgressed,
        JobStarted,
        LaneNotUsed,
        QuotaPaused,
        QuotaResumed,
        ReplyReceived,
        RequestSent,
        RetryScheduled,
    )
    from claro_async.transport.ping import PingResult
    from claro_async.transport.quota.headers import RateLimit
    from claro_async.webhooks import WebhookEvent, verify_webhook

__all__ = [
    "APIStatusError",
    "AttemptFailed",
    "AuthenticationError",
    "BulkProgress",
    "BulkReport",
    "BulkUpdateError",
    "CallEnded",
    "CallStarted",
    "CellEdit",
    "CellNotFoundError",
    "ClaroClient",
    "ClaroError",
    "ClientClosedError",
    "ClientStateError",
    "ColumnNotFoundError",
    "CommunicationsMiningClient",
    "ConfigurationError",
    "ConnectionFailedError",
    "Dataset",
    "DatasetNotFoundError",
    "DatasetStatus",
    "DatasetType",
    "Datasource",
    "DatasourceNotFoundError",
    "DatasourceStatus",
    "DecodeError",
    "DownloadAllReport",
    "DownloadEntry",
    "DownloadResult",
    "EditOutcome",
    "EditStatus",
    "Event",
    "ExportAllReport",
    "ExportFormat",
    "ExportNotUsed",
    "ExportResult",
    "FilesProgress",
    "FolderReport",
    "ForkedClientError",
    "InvalidRequestError",
    "InvalidTaskTypeError",
    "JobEnded",
    "JobPhase",
    "JobProgressed",
    "JobStarted",
    "JournalError",
    "JournalIncompleteError",
    "JournalStatus",
    "LaneNotUsed",
    "ManifestEntry",
    "Misfit",
    "MissingKeyError",
    "Network",
    "NotFoundByReadingError",
    "NotFoundError",
    "OtherLoopError",
    "OutcomeUnknownError",
    "Page",
    "PermissionDeniedError",
    "PingResult",
    "ProcessingFailedError",
    "ProcessingInProgressError",
    "Progress",
    "QuotaPaused",
    "QuotaResumed",
    "QuotaStore",
    "RateLimit",
    "RateLimitError",
    "RawColumnRequiredError",
    "ReplyReceived",
    "RequestSent",
    "RequestTimeoutError",
    "RetryPolicy",
    "RetryScheduled",
    "RevertReport",
    "Row",
    "RowEdit",
    "RowNotFoundError",
    "RunClosedError",
    "ServerError",
    "SortOrder",
    "SyncPlan",
    "SyncReport",
    "TableFileError",
    "TableReader",
    "TaskType",
    "Timeout",
    "TransferError",
    "TransferOutcome",
    "TransferReport",
    "UnreadableReplyError",
    "UpdatePlan",
    "WebhookEvent",
    "WebhookSignatureError",
    "__version__",
    "diff",
    "journal_status",
    "read_rows",
    "verify_webhook",
]

_HOMES = {
    "claro_async.bulk.edits": ("CellEdit", "EditOutcome", "EditStatus", "RowEdit"),
    "claro_async.bulk.plan": ("UpdatePlan",),
    "claro_async.bulk.report": ("BulkReport", "RevertReport"),
    "claro_async.bulk.status": ("JobPhase", "JournalStatus", "journal_status"),
    "claro_async.bulk.coercion": ("Misfit",),
    "claro_async.bulk.sync": ("SyncPlan", "SyncReport"),
    "claro_async.client": ("ClaroClient",),
    "claro_async.columnar.changes": ("diff",),
    "claro_async.communications_mining": ("CommunicationsMiningClient",),
    "claro_async.config": ("RetryPolicy", "Timeout"),
    "claro_async.network": ("Network",),
    "claro_async.webhooks": ("WebhookEvent", "verify_webhook"),
    "claro_async.dataset": ("Dataset",),
    "claro_async.datasource": ("Datasource",),
    "claro_async.errors": (
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
    ),
    "claro_async.models": (
        "DatasetStatus",
        "DatasetType",
        "DatasourceStatus",
        "ExportFormat",
        "SortOrder",
        "TaskType",
    ),
    "claro_async.paging.pages": ("Page",),
    "claro_async.paging.rows": ("Row",),
    "claro_async.quota_store": ("QuotaStore",),
    "claro_async.progress": ("BulkProgress", "FilesProgress", "Progress"),
    "claro_async.tables": ("TableReader", "read_rows"),
    "claro_async.transfers.batch": ("TransferOutcome", "TransferReport"),
    "claro_async.transfers.download_all": ("DownloadAllReport",),
    "claro_async.transfers.export_all": ("ExportAllReport",),
    "claro_async.transfers.manifest": ("DownloadEntry", "ManifestEntry"),
    "claro_async.transfers.folders": ("FolderReport",),
    "claro_async.transfers.transfer": ("DownloadResult", "ExportResult"),
    "claro_async.transport.events": (
        "AttemptFailed",
        "CallEnded",
        "CallStarted",
        "Event",
        "ExportNotUsed",
        "JobEnded",
        "JobProgressed",
        "JobStarted",
        "LaneNotUsed",
        "QuotaPaused",
        "QuotaResumed",
        "ReplyReceived",
        "RequestSent",
        "RetryScheduled",
    ),
    "claro_async.transport.ping": ("PingResult",),
    "claro_async.transport.quota.headers": ("RateLimit",),
}

if not TYPE_CHECKING:  # type checkers would take any name for one that there is

    def __getattr__(name: str) -> object:
        for module, names in _HOMES.items():
            if name in names:
                value = getattr(import_module(module), name)
                globals()[name] = value  # the next time it is simply there
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted(__all__)
