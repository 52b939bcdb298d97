"""The error envelope and every code that the emulator answers with.

Claro API v2, "Manage Dataset" and "Manage Data Source", section "Error Codes", list the codes;
the HTTP statuses beside them are inferred (see ``docs/emulator.md``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS_BY_CODE: Final[Mapping[str, int]] = {
    "UNAUTHORIZED": 401,
    "ACCESS_DENIED": 403,
    "DATASET_NOT_FOUND": 404,
    "CELL_NOT_FOUND": 404,
    "COLUMN_NOT_FOUND": 404,
    "ROW_NOT_FOUND": 404,
    "DATASOURCE_NOT_FOUND": 404,
    "INVALID_TASK_TYPE": 400,
    "RAW_COLUMN_REQUIRED": 400,
    "INVALID_PARAMETERS": 400,
    "PROCESSING_IN_PROGRESS": 409,
    # The three codes below are not in the documents: they name what HTTP itself calls for.
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "RATE_LIMIT_EXCEEDED": 429,
}

MESSAGE_BY_CODE: Final[Mapping[str, str]] = {
    "UNAUTHORIZED": "Authentication required",
    "ACCESS_DENIED": "Insufficient permissions",
    "DATASET_NOT_FOUND": "Dataset not found",
    "CELL_NOT_FOUND": "Cell not found",
    "COLUMN_NOT_FOUND": "Column not found",
    "ROW_NOT_FOUND": "Row not found",
    "DATASOURCE_NOT_FOUND": "Data source not found",
    "INVALID_TASK_TYPE": "Task type not supported",
    "RAW_COLUMN_REQUIRED": "Operation requires raw data column",
    "INVALID_PARAMETERS": "Invalid parameters",
    "PROCESSING_IN_PROGRESS": "Still processing",
    "NOT_FOUND": "No such endpoint",
    "METHOD_NOT_ALLOWED": "Method not allowed",
    "RATE_LIMIT_EXCEEDED": "Rate limit exceeded",
}


class ApiError(Exception):
    """An answer in the error envelope; raised by handlers, written by the server.

    Args:
        code: A key of `STATUS_BY_CODE`, or any other code together with a status.
        details: The ``details`` object of the envelope.
        message: The ``error`` text; by default the usual one of the code.
        status: The HTTP status; by default the usual one of the code.
        headers: Further reply headers.
    """

    def __init__(
        self,
        code: str,
        details: Mapping[str, Any] | None = None,
        *,
        message: str | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status: int = STATUS_BY_CODE.get(code, 400) if status is None else status
        self.message: str = message or MESSAGE_BY_CODE.get(code, code)
        self.details: dict[str, Any] = dict(details or {})
        self.headers: dict[str, str] = dict(headers or {})

    def body(self) -> bytes:
        """Write the envelope ``{"error": str, "code": str, "details": object}``."""
        envelope = {"error": self.message, "code": self.code, "details": self.details}
        return json.dumps(envelope).encode()


def invalid(parameter: str, problem: str, *, status: int = 400) -> ApiError:
    """Make an ``INVALID_PARAMETERS`` error that names the parameter and what is wrong with it."""
    details = {"parameter": parameter, "message": problem}
    return ApiError("INVALID_PARAMETERS", details, status=status)
