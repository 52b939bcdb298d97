"""Exit statuses of the command line."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a process ends with, for scripts."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY = 3
    """Some of it is done, and the account says what is not."""
    NOT_AUTHORISED = 4
    """No key, a key that is not taken, or one that may not do this."""
    INTERRUPTED = 130
