"""What holds for every request: bearer, paths, methods, rate limits, HTTP's own rules."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from claro_async.emulator import OPERATION_IDS, Emulator, ManualClock
from claro_async.emulator.server import HANDLERS

START = 1_710_430_200


def test_there_are_fifteen_operations() -> None:
    """Every documented operation has a handler, and there are no others."""
    assert len(OPERATION_IDS) == 15
    assert set(HANDLERS) == OPERATION_IDS


@pytest.mark.parametrize(
    ("header", "flag"),
    [
        (None, "absent"),
        ("", "wrong"),
        ("Bearer", "wrong"),
        ("Bearer wrong", "wrong"),
        ("Bearer emulator-key2", "wrong"),
        ("bearer emulator-key", "wrong"),
        ("Basic emulator-key", "wrong"),
        ("emulator-key", "wrong"),
    ],
)
@pytest.mark.parametrize("path", ["/datasets", "/datasources/nowhere", "/nothing", ""])
async def test_without_the_right_bearer_nothing_is_told(
    api: Any, header: str | None, flag: str, path: str
) -> None:
    """Every path answers as the sample "Authentication Error", before anything is looked up."""
    headers = {} if header is None else {"Authorization": header}
    answer = await api.fetch("GET", api.emulator.base_url + path, headers=headers)
    assert answer.status == 401
    assert answer.json == {
        "error": "Authentication required",
        "code": "UNAUTHORIZED",
        "details": {"message": "Bearer token missing or invalid"},
    }
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert api.emulator.ledger.requests[-1].authorization == flag


async def test_the_ledger_never_holds_a_key(api: Any) -> None:
    """No record shows a bearer, right or wrong, in its headers or its text."""
    await api("GET", "/datasets", headers={"X-Other": "kept"})
    await api("GET", "/datasets", headers={"Authorization": "Bearer secret-of-someone"})
    for record in api.emulator.ledger.requests:
        assert "Authorization" not in record.headers
        assert "emulator-key" not in repr(record)
        assert "secret-of-someone" not in repr(record)
    assert api.emulator.ledger.requests[0].headers["x-other"] == "kept"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("GET", "/datasets/a/b/c/d/e", 404, "NOT_FOUND"),
        ("GET", "/Datasets", 404, "NOT_FOUND"),
        ("GET", "/datasets/a/rows", 404, "NOT_FOUND"),
        ("POST", "/datasets", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/datasets/a/cells/b", 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/datasets/a", 405, "METHOD_NOT_ALLOWED"),
        ("HEAD", "/datasets", 405, ""),
        ("OPTIONS", "/datasets", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/datasets/", 400, "INVALID_PARAMETERS"),
        ("GET", "/datasets//data", 400, "INVALID_PARAMETERS"),
        ("GET", "/datasets/../datasets", 400, "INVALID_PARAMETERS"),
        ("GET", "/datasets/%2e%2e/data", 400, "INVALID_PARAMETERS"),
    ],
)
async def test_unknown_paths_and_methods(
    api: Any, method: str, path: str, status: int, code: str
) -> None:
    """Unknown paths answer 404, unknown methods 405 with Allow, both in the envelope."""
    answer = await api(method, path)
    assert answer.status == status
    assert not code or answer.code == code
    assert ("Allow" in answer.headers) == (status == 405)


async def test_a_path_outside_the_api_is_not_found(api: Any) -> None:
    """The server's root has nothing but the API and the signed URLs."""
    headers = {"Authorization": "Bearer emulator-key"}
    for path in ("/", "/api/v3/datasets", "/api/v2", "/exports/x"):
        answer = await api.fetch("GET", api.emulator.origin + path, headers=headers)
        assert (answer.status, answer.code) == (404, "NOT_FOUND")


async def test_denied_resources(api: Any) -> None:
    """What another account owns answers ACCESS_DENIED until it is allowed again."""
    first = api.emulator.dataset_ids()[1]
    api.emulator.deny_access(first)
    for method, tail, body in [
        ("GET", "", None),
        ("DELETE", "", None),
        ("PATCH", "/cells/cell_1_1", {"value": 1}),
    ]:
        answer = await api(method, f"/datasets/{first}{tail}", json=body)
        assert (answer.status, answer.code) == (403, "ACCESS_DENIED")
    assert (await api("GET", f"/datasources/{first}")).code == "ACCESS_DENIED"
    api.emulator.allow_access(first)
    assert (await api("GET", f"/datasets/{first}")).status == 200


async def _raw(emulator: Emulator, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    writer.write(data)
    reply = await reader.read()
    writer.close()
    await writer.wait_closed()
    return reply


async def test_what_is_not_http_is_refused(emulator: Emulator) -> None:
    """A request line that is none answers 400 in the envelope and ends the connection."""
    reply = await _raw(emulator, b"nonsense\r\n\r\n")
    assert reply.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert b'"INVALID_PARAMETERS"' in reply


async def test_a_broken_chunk_is_refused(emulator: Emulator) -> None:
    """A body whose transfer coding is broken answers 400 and changes nothing."""
    dataset = emulator.dataset_ids()[0]
    head = (
        f"PATCH /api/v2/datasets/{dataset}/cells/cell_1_1 HTTP/1.1\r\nHost: x\r\n"
        "Authorization: Bearer emulator-key\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n"
    )
    reply = await _raw(emulator, head.encode())
    assert b" 400 " in reply.split(b"\r\n", 1)[0]
    assert emulator.ledger.applied == []


async def test_a_client_that_leaves_is_entered(emulator: Emulator, until: Any) -> None:
    """A request that breaks off in its body is in the ledger, without a status, and not applied."""
    dataset = emulator.dataset_ids()[0]
    _reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    writer.write(
        f"PATCH /api/v2/datasets/{dataset}/cells/cell_1_1 HTTP/1.1\r\nHost: x\r\n"
        "Authorization: Bearer emulator-key\r\nContent-Type: application/json\r\n"
        'Content-Length: 100\r\n\r\n{"val'.encode()
    )
    await writer.drain()
    await until(lambda: emulator.ledger.in_flight)
    writer.close()
    await until(lambda: not emulator.ledger.in_flight)
    (record,) = emulator.ledger.requests
    assert (record.operation, record.status, record.body_size) == ("updateCell", None, 5)
    assert emulator.ledger.applied == []


async def test_expect_continue_is_answered(emulator: Emulator) -> None:
    """A client that waits for 100 Continue gets it, and then its reply."""
    dataset = emulator.dataset_ids()[0]
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    writer.write(
        f"PATCH /api/v2/datasets/{dataset}/cells/cell_1_1 HTTP/1.1\r\nHost: x\r\n"
        "Authorization: Bearer emulator-key\r\nContent-Type: application/json\r\n"
        "Expect: 100-continue\r\nContent-Length: 11\r\nConnection: close\r\n\r\n".encode()
    )
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b'{"value":1}')
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
    writer.close()
    await writer.wait_closed()


async def test_a_window_lets_its_number_through(api_of: Any) -> None:
    """Three requests a window pass, the fourth gets 429, and the next window starts afresh."""
    clock = ManualClock(START)
    async with Emulator(clock=clock, rate_limit=3, rate_window=10) as emulator:
        api = api_of(emulator)
        for left in ("2", "1", "0"):
            answer = await api("GET", "/datasets")
            assert answer.headers["X-RateLimit-Limit"] == "3"
            assert answer.headers["X-RateLimit-Remaining"] == left
            assert answer.headers["X-RateLimit-Reset"] == str(START + 10)
            clock.advance(1)
        refused = await api("GET", "/datasets")
        assert (refused.status, refused.code) == (429, "RATE_LIMIT_EXCEEDED")
        assert refused.headers["Retry-After"] == "7"
        assert refused.json["details"] == {"retryAfter": 7}
        clock.advance(6.9)
        assert (await api("GET", "/datasets")).headers["Retry-After"] == "1"
        clock.advance(0.1)
        assert (await api("GET", "/datasets")).headers["X-RateLimit-Remaining"] == "2"
        assert emulator.ledger.count("listDatasets", 429) == 2


async def test_every_api_reply_carries_the_rate_headers(api: Any) -> None:
    """Errors of all kinds carry them, even where nobody is let in."""
    for method, path, headers in [
        ("GET", "/datasets", {}),
        ("GET", "/nothing", {}),
        ("POST", "/datasets", {}),
        ("GET", "/datasets?limit=0", {}),
        ("GET", "/datasets", {"Authorization": "x"}),
    ]:
        answer = await api(method, path, headers=headers)
        names = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}
        assert names <= set(answer.headers)


async def test_only_let_in_requests_use_up_the_limit(api_of: Any) -> None:
    """Requests without the key and signed downloads are not counted; unknown paths are."""
    async with Emulator(clock=ManualClock(), rate_limit=2) as emulator:
        api = api_of(emulator)
        for _ in range(3):
            await api.fetch("GET", f"{emulator.base_url}/datasets")
            await api.fetch("GET", f"{emulator.origin}/download/x?token=1")
        assert (await api("GET", "/nothing")).headers["X-RateLimit-Remaining"] == "1"


@pytest.mark.parametrize("form", ["epoch", "epoch-ms", "delta", "http-date", "iso"])
async def test_the_reset_is_told_in_each_form(api_of: Any, form: Any) -> None:
    """All five forms tell the same moment."""
    clock = ManualClock(START)
    async with Emulator(clock=clock, rate_window=10, reset_format=form) as emulator:
        text = (await api_of(emulator)("GET", "/datasets")).headers["X-RateLimit-Reset"]
    moment = {
        "epoch": lambda: float(text),
        "epoch-ms": lambda: float(text) / 1000,
        "delta": lambda: START + float(text),
        "http-date": lambda: parsedate_to_datetime(text).timestamp(),
        "iso": lambda: datetime.fromisoformat(text).astimezone(UTC).timestamp(),
    }[form]()
    assert moment == START + 10


@pytest.mark.parametrize(
    "settings",
    [{"rate_limit": 0}, {"rate_limit": -1}, {"rate_window": 0}, {"rate_window": float("inf")}],
)
def test_bad_limits_are_refused(settings: Any) -> None:
    """A limit or window that makes no sense is refused when the emulator is made."""
    with pytest.raises(ValueError, match="rate_"):
        Emulator(**settings)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "::"])  # noqa: S104 - that it is refused is shown
def test_only_loopback_is_bound(host: str) -> None:
    """The emulator is for this machine alone."""
    with pytest.raises(ValueError, match="loopback"):
        Emulator(host=host)
