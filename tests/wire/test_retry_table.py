"""The table of retries, row by row: every operation meets every kind of failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from claro_async import (
    ConnectionFailedError,
    OutcomeUnknownError,
    RequestTimeoutError,
    RetryPolicy,
    ServerError,
    Timeout,
)
from claro_async._generated.claro_api.operation import Idempotency
from claro_async._generated.claro_api.operations import ENDPOINTS
from claro_async.transport.events import AttemptFailed, RetryScheduled
from tests.wire.operations import DELETIONS, NEVER_TWICE, OPERATIONS, READS, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator
    from claro_async.transport.events import Event
    from tests.clocks import ManualClock

DOUBTS: dict[str, dict[str, Any]] = {
    "reset before": {"kind": "reset", "apply": False},
    "reset after": {"kind": "reset", "apply": True},
    "closed before": {"kind": "disconnect", "apply": False},
    "closed after": {"kind": "disconnect", "apply": True},
    "503 before": {"kind": "status", "status": 503, "apply": False},
    "503 after": {"kind": "status", "status": 503, "apply": True},
    "502 page": {"kind": "html", "apply": True},
    "408": {"kind": "status", "status": 408, "apply": True},
    "truncated": {"kind": "truncate"},
    "no first byte": {"kind": "slow", "delay": 60.0, "apply": True},
    "stalled reply": {"kind": "stall", "after_bytes": 1},
}
TIMEOUTS = frozenset({"no first byte", "stalled reply"})
every_operation = pytest.mark.parametrize("operation", sorted(OPERATIONS))


@pytest.mark.parametrize("doubt", DOUBTS)
@every_operation
async def test_after_a_doubtful_attempt(
    operation: str, doubt: str, emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """What changes nothing or converges goes again; what would do damage is left as unknown."""
    emulator.faults.add(operation, times=1, **DOUBTS[doubt])
    short = Timeout(first_byte=0.15, idle=0.15) if doubt in TIMEOUTS else Timeout()
    client = connect(emulator.base_url, timeout=short)
    if operation in NEVER_TWICE:
        with pytest.raises(OutcomeUnknownError) as caught:
            await send(client, operation)
        assert caught.value.operation == operation
        assert caught.value.attempts == 1
        assert emulator.ledger.count(operation) == 1
    else:
        result = await send(client, operation)
        applied_before = "before" not in doubt
        assert (result is None) == (operation in DELETIONS and applied_before)
        assert emulator.ledger.count(operation) == 2


@every_operation
async def test_after_a_429(
    operation: str,
    emulator: Emulator,
    connect: Callable[..., ClaroClient],
    clock: ManualClock,
) -> None:
    """A throttled request goes again once the time that the reply names is over."""
    emulator.faults.add(operation, "rate_limit", times=1, retry_after=7)
    started = clock.monotonic()
    await send(connect(emulator.base_url), operation)
    assert emulator.ledger.count(operation, 429) == 1
    assert emulator.ledger.count(operation, 200) == 1
    assert 7 <= clock.monotonic() - started < 8


@every_operation
async def test_when_nothing_listens(
    operation: str,
    emulator: Emulator,
    connect: Callable[..., ClaroClient],
    events: list[Event],
) -> None:
    """Refused connections are certain not to have sent anything, so all attempts are made."""
    base_url = emulator.base_url
    await emulator.__aexit__(None, None, None)
    client = connect(base_url, retry=RetryPolicy(max_attempts=3))
    with pytest.raises(ConnectionFailedError, match="nothing was changed, after 3 attempts"):
        await send(client, operation)
    failures = [event for event in events if isinstance(event, AttemptFailed)]
    assert [event.sent for event in failures] == [False] * 3


@every_operation
async def test_when_doubt_never_ends(
    operation: str, emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """After the last attempt a read says what it met, and a change says that it is unknown."""
    emulator.faults.add(operation, "status", status=500)
    client = connect(emulator.base_url, retry=RetryPolicy(max_attempts=3))
    with pytest.raises(ServerError if operation in READS else OutcomeUnknownError):
        await send(client, operation)
    assert emulator.ledger.count(operation) == (1 if operation in NEVER_TWICE else 3)


@every_operation
async def test_when_every_attempt_takes_too_long(
    operation: str, emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """A read that is too slow says so and that nothing was changed; a change is unknown."""
    emulator.faults.add(operation, "slow", delay=60.0)
    client = connect(
        emulator.base_url, retry=RetryPolicy(max_attempts=2), timeout=Timeout(first_byte=0.03)
    )
    with pytest.raises(RequestTimeoutError if operation in READS else OutcomeUnknownError):
        await send(client, operation)


@pytest.mark.parametrize("status", [401, 403, 409])
async def test_a_refusal_after_a_doubtful_attempt_does_not_settle_it(
    status: int, emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """A change that may have been applied stays unknown when the next attempt is locked out."""
    emulator.faults.add("updateCell", "reset", apply=True, times=1)
    emulator.faults.add("updateCell", "status", status=status, code="NEW", times=1)
    with pytest.raises(OutcomeUnknownError):
        await send(connect(emulator.base_url), "updateCell")
    assert len(emulator.ledger.edits) == 1


async def test_a_rate_limit_after_a_doubtful_attempt_does_not_settle_it(
    emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """A change that may have been applied stays unknown when the quota never opens again."""
    emulator.faults.add("updateCell", "reset", apply=True, times=1)
    emulator.faults.add("updateCell", "rate_limit", retry_after=1)
    client = connect(emulator.base_url, retry=RetryPolicy(max_rate_limit_waits=2))
    with pytest.raises(OutcomeUnknownError):
        await send(client, "updateCell")
    assert emulator.ledger.count("updateCell") == 4


async def test_delays_grow_are_cut_and_obey_retry_after(
    emulator: Emulator,
    connect: Callable[..., ClaroClient],
    clock: ManualClock,
    events: list[Event],
) -> None:
    """Delays double up to the maximum, from the upper half; what a 5xx asks for is never cut."""
    emulator.faults.add("getDataset", "status", status=503, times=4)
    emulator.faults.add("getDataset", "status", status=503, times=1, retry_after=4)
    emulator.faults.add("getDataset", "status", status=503, times=1, retry_after=3000)
    policy = RetryPolicy(max_attempts=7, base_delay=0.5, max_delay=5.0)
    await send(connect(emulator.base_url, retry=policy), "getDataset")
    bounds = [(0.25, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 5.0), (3000.0, 3000.0)]
    delays = [event.delay for event in events if isinstance(event, RetryScheduled)]
    assert len(delays) == len(bounds)
    for (low, high), delay in zip(bounds, delays, strict=True):
        assert low <= delay <= high
    assert clock.slept == delays


def test_the_table_is_the_documented_one() -> None:
    """Each operation is in the class that the design of the library gives it."""
    by_class = {
        kind: {name for name, endpoint in ENDPOINTS.items() if endpoint.idempotency is kind}
        for kind in Idempotency
    }
    assert by_class == {
        Idempotency.SAFE: READS,
        Idempotency.IDEMPOTENT: {"updateCell", "updateColumn", "linkDatasource", *DELETIONS},
        Idempotency.UNSAFE: NEVER_TWICE,
    }
