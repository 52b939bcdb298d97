"""The enum ``ReplyStatus``."""

from ..open_enum import OpenEnum


class ReplyStatus(OpenEnum):
    """Whether a request succeeded. Every reply says so, whatever its HTTP status code."""

    OK = "ok"
    ERROR = "error"
