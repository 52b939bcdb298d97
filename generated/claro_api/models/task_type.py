"""The enum ``TaskType``."""

from ..open_enum import OpenEnum


class TaskType(OpenEnum):
    """How a column gets its values ("Manage Dataset", section "Task Types"). Replies in the
    samples also show `extraction`, which that section does not list."""

    RAW = "raw"
    DOC_EXTRACTION = "doc_extraction"
    WEB_ENRICH = "web_enrich"
    CLASSIFICATION = "classification"
    AI_ENRICH = "ai_enrich"
    PLACES_COUNT = "places_count"
