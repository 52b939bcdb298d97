"""Waiting until a dataset or data source is processed.

Claro API v2, "Manage Data Source", section "Get Data Source Data" (``PROCESSING_IN_PROGRESS`` with
``details.estimatedCompletion``); "Manage Dataset", sections "Error Codes" and "List All Datasets".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from claro_async.errors import (
    APIStatusError,
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    ProcessingFailedError,
    ProcessingInProgressError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from claro_async.transport.transport import Transport


class _HasStatus(Protocol):
    @property
    def status(self) -> str: ...


D = TypeVar("D", bound=_HasStatus)

_FIRST_STEP = 1.0
_LONGEST_STEP = 30.0


async def wait_until_ready(
    name: str,
    get: Callable[[], Awaitable[D]],
    read: Callable[[], Awaitable[Any]],
    transport: Transport,
    timeout: float,  # noqa: ASYNC109 - a time limit that spans many requests
) -> D:
    """Ask for the details until the status is ``completed``.

    A status that is not documented, such as ``queued``, is waited for as well.

    Args:
        name: What is waited for, in words.
        get: Reads the details.
        read: Reads data, which while processing fails with an estimate.
        transport: Knows the time, ours and the server's.
        timeout: Seconds in all.

    Raises:
        ProcessingFailedError: The status is ``failed``.
        TimeoutError: Not completed after `timeout`.
    """
    if not timeout > 0:
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout!r}")
    clock = transport.clock
    deadline = clock.monotonic() + timeout
    step = _FIRST_STEP
    estimates = True  # whether reading data may bring an estimate
    while True:
        details = await get()
        status = str(details.status).lower()
        if status == "failed":
            raise ProcessingFailedError(f"{name}: processing failed")
        if status == "completed":
            return details
        left = deadline - clock.monotonic()
        if left <= 0:
            raise TimeoutError(
                f"{name} is not ready after {timeout:g} seconds: its status is {details.status!r}"
            )
        # asked for anew each time: an estimate that has passed is no estimate any more
        moment = await _estimate(read) if estimates else None
        estimates = moment is not None
        wait = 0.0 if moment is None else moment - transport.quota.server_now()
        await clock.sleep(min(left, max(wait, step)))
        step = min(2 * step, _LONGEST_STEP) if wait <= 0 else _FIRST_STEP


async def _estimate(read: Callable[[], Awaitable[Any]]) -> float | None:
    """When the server thinks that it will be done, in epoch seconds; None if it does not say."""
    try:
        await read()
    except ProcessingInProgressError as error:
        moment = error.estimated_completion
        return None if moment is None else moment.timestamp()
    except (AuthenticationError, PermissionDeniedError, NotFoundError):
        raise
    except APIStatusError:
        return None  # as may be said of what is not processed yet
    return None
