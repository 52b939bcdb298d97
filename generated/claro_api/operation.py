"""What an operation is: everything that a request needs, and what its replies mean."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from attrs import field, frozen

T = TypeVar("T")

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
"""The empty mapping that operations share where they have no values."""


class Idempotency(Enum):
    """What a second send of a request does, when the first may have been applied."""

    SAFE = "safe"
    """Nothing: it only reads, or makes a link that harms nobody."""

    IDEMPOTENT = "idempotent"
    """It ends in the same state as one send."""

    UNSAFE = "unsafe"
    """It makes the change a second time: never sent again while the first may have been applied."""


@frozen
class Endpoint(Generic[T]):
    """One endpoint of the API, as the documents describe it."""

    operation_id: str
    """Name of the operation in the specification."""

    method: str
    """HTTP method, in capitals."""

    path: str
    """Path below the base URL, with a ``{name}`` for each path value."""

    idempotency: Idempotency
    """What a second send does."""

    success: type[T]
    """Type of the body of a success."""

    success_statuses: frozenset[int]
    """Status codes of a success."""

    errors: Mapping[str, type[Any]] = field(hash=False)
    """Type of the body of a failure, by status code or ``default``."""


@frozen
class JsonBody:
    """A body sent as JSON."""

    value: Any
    """The model to send."""


@frozen
class FileField:
    """A file of a form."""

    name: str
    """Name of the form's field."""

    source: object
    """Where the content comes from; whoever sends the request knows what to make of it."""


@frozen
class MultipartBody:
    """A body sent as ``multipart/form-data``."""

    fields: tuple[FileField, ...]
    """The fields, in order."""


Body = JsonBody | MultipartBody


@frozen
class Operation(Generic[T]):
    """One call of an endpoint, ready to be sent and free of any I/O."""

    endpoint: Endpoint[T]
    """The endpoint to call."""

    path_values: Mapping[str, str] = NOTHING
    """Values for the path, by wire name, not percent-encoded."""

    query: Mapping[str, str | int | float | bool] = NOTHING
    """The query parameters that were given, by wire name."""

    headers: Mapping[str, str] = NOTHING
    """Headers of this operation, beside those of every request."""

    body: Body | None = None
    """The body, if there is one."""
