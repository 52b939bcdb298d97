"""The enum ``DatasetStatus``."""

from ..open_enum import OpenEnum


class DatasetStatus(OpenEnum):
    """How far a dataset is ("Manage Dataset", section "Query Parameters", "List Datasets")."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
