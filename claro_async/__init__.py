"""An async-first client for the Claro datasets API."""

from claro_async._version import __version__
from claro_async.bulk.edits import CellEdit, EditOutcome, EditStatus
from claro_async.bulk.report import BulkProgress, BulkReport
from claro_async.client import ClaroClient
from claro_async.config import RetryPolicy, Timeout
from claro_async.datasets import Dataset
from claro_async.datasources import Datasource
from claro_async.errors import (
    APIStatusError,
    AuthenticationError,
    BulkUpdateError,
    CellNotFoundError,
    ClaroError,
    ColumnNotFoundError,
    ConfigurationError,
    ConnectionFailedError,
    DatasetNotFoundError,
    DatasourceNotFoundError,
    DecodeError,
    InvalidRequestError,
    InvalidTaskTypeError,
    JournalError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProcessingFailedError,
    ProcessingInProgressError,
    RateLimitError,
    RawColumnRequiredError,
    RequestTimeoutError,
    RowNotFoundError,
    ServerError,
    TransferError,
)
from claro_async.models import (
    DatasetStatus,
    DatasetType,
    DatasourceStatus,
    ExportFormat,
    SortOrder,
    TaskType,
)
from claro_async.paging import Page, Row
from claro_async.transport.ratelimit import RateLimit

__all__ = [
    "APIStatusError",
    "AuthenticationError",
    "BulkProgress",
    "BulkReport",
    "BulkUpdateError",
    "CellEdit",
    "CellNotFoundError",
    "ClaroClient",
    "ClaroError",
    "ColumnNotFoundError",
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
    "EditOutcome",
    "EditStatus",
    "ExportFormat",
    "InvalidRequestError",
    "InvalidTaskTypeError",
    "JournalError",
    "NotFoundError",
    "OutcomeUnknownError",
    "Page",
    "PermissionDeniedError",
    "ProcessingFailedError",
    "ProcessingInProgressError",
    "RateLimit",
    "RateLimitError",
    "RawColumnRequiredError",
    "RequestTimeoutError",
    "RetryPolicy",
    "Row",
    "RowNotFoundError",
    "ServerError",
    "SortOrder",
    "TaskType",
    "Timeout",
    "TransferError",
    "__version__",
]
