"""The enum ``DatasetType``."""

from ..open_enum import OpenEnum


class DatasetType(OpenEnum):
    """What a dataset is for ("Manage Dataset", section "Query Parameters", "List Datasets")."""

    EXTRACTION = "extraction"
    ANALYSIS = "analysis"
    CLASSIFICATION = "classification"
