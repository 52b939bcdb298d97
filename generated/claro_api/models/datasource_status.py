"""The enum ``DatasourceStatus``."""

from ..open_enum import OpenEnum


class DatasourceStatus(OpenEnum):
    """How far a data source is ("Manage Data Source", section "Query Parameters", "List Data
    Sources")."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
