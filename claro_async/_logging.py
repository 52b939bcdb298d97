"""The logger of the package, ``claro_async``; silent until the program, or ``CLARO_LOG``, wants it.

What is logged is said in :mod:`claro_async.transport.logs`.
"""

from __future__ import annotations

import logging
import sys

LOGGER = logging.getLogger("claro_async")
LOGGER.addHandler(logging.NullHandler())


class _StderrHandler(logging.Handler):
    """Writes to whatever standard error is at the time."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as a line."""
        try:
            sys.stderr.write(self.format(record) + "\n")
        except (OSError, ValueError, AttributeError):  # closed, or there is none
            self.handleError(record)


def show_log(level: int) -> None:
    """Write the package's log to standard error from this level on; once, however often called."""
    LOGGER.setLevel(level)
    if not any(isinstance(handler, _StderrHandler) for handler in LOGGER.handlers):
        LOGGER.addHandler(_StderrHandler())
