"""The enum ``CommentOrder``."""

from ..open_enum import OpenEnum


class CommentOrder(OpenEnum):
    """Which of a comment's times sorts and filters an export ("Datasets", section "Export a
    dataset")."""

    CREATED_AT = "created_at"
    TIMESTAMP = "timestamp"
