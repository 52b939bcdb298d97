"""What an operation is: the same as in ``claro_api``, so that one transport runs them all."""

from ..claro_api.operation import (
    NOTHING,
    Body,
    Endpoint,
    FileField,
    Idempotency,
    JsonBody,
    MultipartBody,
    Operation,
)

__all__ = (
    "NOTHING",
    "Body",
    "Endpoint",
    "FileField",
    "Idempotency",
    "JsonBody",
    "MultipartBody",
    "Operation",
)
