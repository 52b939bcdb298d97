"""Replies that are not a success: mapped by code, then by status, and fit to be passed on."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import claro_async
from claro_async import (
    APIStatusError,
    BulkUpdateError,
    ClaroError,
    DecodeError,
    OutcomeUnknownError,
    ProcessingInProgressError,
    RetryPolicy,
    UnreadableReplyError,
    errors,
)
from tests.wire.operations import DATASET, DATASOURCE, send
from tests.wire.raw_server import RawRequest, RawServer, answering, reply
from tests.wire.ways import lane  # noqa: F401 - both of them

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from claro_async import ClaroClient
    from claro_async.emulator import Emulator
    from tests.clocks import ManualClock

BY_CODE = {
    "UNAUTHORIZED": errors.AuthenticationError,
    "ACCESS_DENIED": errors.PermissionDeniedError,
    "DATASET_NOT_FOUND": errors.DatasetNotFoundError,
    "CELL_NOT_FOUND": errors.CellNotFoundError,
    "COLUMN_NOT_FOUND": errors.ColumnNotFoundError,
    "ROW_NOT_FOUND": errors.RowNotFoundError,
    "DATASOURCE_NOT_FOUND": errors.DatasourceNotFoundError,
    "INVALID_TASK_TYPE": errors.InvalidTaskTypeError,
    "INVALID_PARAMETERS": errors.InvalidRequestError,
    "RAW_COLUMN_REQUIRED": errors.RawColumnRequiredError,
    "PROCESSING_IN_PROGRESS": errors.ProcessingInProgressError,
}
BY_STATUS = {
    400: errors.InvalidRequestError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    405: errors.InvalidRequestError,
    408: errors.ServerError,
    409: errors.InvalidRequestError,
    413: errors.InvalidRequestError,
    418: errors.InvalidRequestError,
    422: errors.InvalidRequestError,
    429: errors.RateLimitError,
    500: errors.ServerError,
    502: errors.ServerError,
    503: errors.ServerError,
    599: errors.ServerError,
}
ONCE = RetryPolicy(max_attempts=1, max_rate_limit_waits=0)


@pytest.mark.parametrize("status", [400, 404, 409, 418, 500])
@pytest.mark.parametrize("code", BY_CODE)
async def test_the_code_comes_first(
    code: str, status: int, emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """A documented code decides whatever the status is."""
    details = {"why": "because"}
    emulator.faults.add(
        "getDataset", "status", status=status, code=code, message="No", details=details
    )
    with pytest.raises(APIStatusError) as caught:
        await send(connect(emulator.base_url, retry=ONCE), "getDataset")
    error = caught.value
    assert type(error) is BY_CODE[code]
    assert (error.status, error.code, error.details) == (status, code, details)
    assert error.operation == "getDataset"
    assert str(error) == f"No: why=because ({code}, HTTP {status}, getDataset)"


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"code": 7}', b"<html>", b"\xff", b"{"])
@pytest.mark.parametrize("status", BY_STATUS)
async def test_then_the_status(
    status: int, body: bytes, connect: Callable[..., ClaroClient]
) -> None:
    """Without a code that is known, the status decides, whatever the body is."""
    async with RawServer(answering(reply(body, status, X_Request_Id="r-1"))) as server:
        with pytest.raises(APIStatusError) as caught:
            await send(connect(server.base_url, retry=ONCE), "getDataset")
    assert type(caught.value) is BY_STATUS[status]
    assert caught.value.request_id == "r-1"
    assert caught.value.code is None


async def test_a_page_of_a_proxy_gives_a_short_excerpt(
    connect: Callable[..., ClaroClient],
) -> None:
    """An HTML 502 is an error of one short line, and the page is not the whole of it."""
    page = b"<html>\n <h1>Bad Gateway</h1>\n" + b"<p>upstream</p>\n" * 10_000
    answer = answering(reply(page, 502, Content_Type="text/html"))
    async with RawServer(answer) as server:
        with pytest.raises(errors.ServerError, match="Bad Gateway") as caught:
            await send(connect(server.base_url, retry=ONCE), "getDataset")
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"columns": ', b"\xff"])
async def test_a_success_that_is_not_json(body: bytes, connect: Callable[..., ClaroClient]) -> None:
    """A 200 that cannot be read counts as no reply: it is repeated, and in doubt in the end."""
    async with RawServer(answering(reply(body))) as server:
        client = connect(server.base_url)
        with pytest.raises(UnreadableReplyError) as caught:
            await send(client, "getDataset")
        assert not hasattr(caught.value, "__notes__")
        assert len(server.requests) == 4
        with pytest.raises(OutcomeUnknownError, match="not JSON"):
            await send(client, "updateCell")
        assert len(server.requests) == 8
        with pytest.raises(OutcomeUnknownError, match="not JSON"):
            await send(client, "updateColumnTaskType")
        assert len(server.requests) == 9


async def test_a_success_of_another_shape(connect: Callable[..., ClaroClient]) -> None:
    """JSON of another kind than documented is a `DecodeError` at once; a change was applied."""
    async with RawServer(answering(reply(b"[1, 2]"))) as server:
        client = connect(server.base_url)
        with pytest.raises(DecodeError) as caught:
            await send(client, "getDataset")
        assert not hasattr(caught.value, "__notes__")
        with pytest.raises(DecodeError) as caught:
            await send(client, "updateCell")
        assert "was applied" in caught.value.__notes__[0]
        assert len(server.requests) == 2


async def test_a_read_without_a_body_is_a_decode_error(connect: Callable[..., ClaroClient]) -> None:
    """A 200 without a body tells a reader nothing."""
    async with RawServer(answering(reply(b""))) as server:
        with pytest.raises(DecodeError):
            await send(connect(server.base_url), "getDataset")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_refused(status: int, connect: Callable[..., ClaroClient]) -> None:
    """A redirect is an error that says so; the key is not sent after it."""
    async with RawServer(answering(reply())) as elsewhere:
        answer = answering(reply(b"", status, Location=f"{elsewhere.origin}/api/v2/datasets"))
        async with RawServer(answer) as server:
            client = connect(server.base_url)
            for operation in ("getDataset", "updateCell", "deleteDataset"):
                with pytest.raises(APIStatusError, match="redirect"):
                    await send(client, operation)
        assert elsewhere.requests == []


async def test_processing_is_waited_for_explicitly(
    emulator: Emulator, client: ClaroClient, clock: ManualClock
) -> None:
    """`PROCESSING_IN_PROGRESS` comes out at once, with the server's estimate."""
    emulator.set_processing(DATASOURCE, until=90)
    with pytest.raises(ProcessingInProgressError) as caught:
        await client.datasource(DATASOURCE).rows().first()
    assert emulator.ledger.count("getDatasourceData") == 1
    assert clock.slept == []
    moment = caught.value.estimated_completion
    assert moment is not None
    assert moment == datetime.fromtimestamp(clock.time() + 90, UTC)


@pytest.mark.parametrize("estimate", [None, 5, True, [], "", "soon", "2024-13-45T99:00:00Z", 1e300])
def test_an_estimate_that_says_nothing(estimate: Any) -> None:
    """What is no moment reads as None, never as an exception."""
    error = ProcessingInProgressError("x", details={"estimatedCompletion": estimate})
    assert error.estimated_completion is None
    assert ProcessingInProgressError("x", details=estimate).estimated_completion is None


@pytest.mark.parametrize(
    "estimate", ["2024-03-14T15:30:00Z", "2024-03-14T15:30", "2024-03-14 16:30+0100", 1710430200]
)
def test_an_estimate_in_any_common_form(estimate: Any) -> None:
    """An estimate is read in any common form of a time; without a zone it is UTC."""
    error = ProcessingInProgressError("x", details={"estimatedCompletion": estimate})
    assert error.estimated_completion == datetime(2024, 3, 14, 15, 30, tzinfo=UTC)


def all_errors() -> list[type[ClaroError]]:
    """Every exception class of the package."""
    return [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", all_errors())
def test_every_error_can_be_pickled_and_copied(kind: type[ClaroError]) -> None:
    """An error that goes through `pickle` or `copy` keeps its class, text and attributes."""
    error: ClaroError
    if issubclass(kind, APIStatusError):
        error = kind(
            "text", status=418, code="C", details={"a": [1]}, request_id="r", operation="o"
        )
    elif kind is OutcomeUnknownError:
        error = OutcomeUnknownError("text", operation="o", attempts=3, reason="r", candidates=[1])
    elif kind is DecodeError:
        error = DecodeError("text", path="a.b", status=201)
    elif issubclass(kind, errors.ConnectionFailedError):
        error = kind("text", attempts=3)
    elif kind is BulkUpdateError:
        error = BulkUpdateError("text", [ValueError("a")])
    else:
        error = kind("text")
    error.add_note("a note")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own
        assert type(twin) is kind
        assert str(twin) == str(error)
        assert {**vars(twin), "_": None}.keys() == {**vars(error), "_": None}.keys()
        assert getattr(twin, "details", 0) == getattr(error, "details", 0)
        assert twin.__notes__ == ["a note"]


def test_every_error_is_exported_and_drawn() -> None:
    """The tree in the docstring, the module's `__all__` and the package agree."""
    assert errors.__doc__ is not None
    for kind in all_errors():
        assert kind.__name__ in claro_async.__all__
        assert kind.__name__ in errors.__doc__
        parent = kind.__mro__[1]
        assert parent is Exception or parent.__name__ in errors.__doc__
    found = [
        value.__name__
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, ClaroError)
    ]
    assert sorted(found) == sorted(errors.__all__)


async def test_a_real_error_can_be_pickled(client: ClaroClient) -> None:
    """What the transport itself raises survives, too."""
    with pytest.raises(errors.CellNotFoundError) as caught:
        await client.dataset(DATASET).update_cell("nope", 1)
    twin = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert vars(twin) == vars(caught.value)
    assert str(twin) == str(caught.value)


async def test_deeply_nested_replies_end_in_an_error(connect: Callable[..., ClaroClient]) -> None:
    """A reply nested without end is refused by the decoder, and does not end the program."""
    body = b"[" * 200_000 + b"]" * 200_000

    async def answer(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(body, 200 if len(server.requests) == 1 else 500))

    async with RawServer(answer) as server:
        client = connect(server.base_url, retry=ONCE)
        with pytest.raises(DecodeError):
            await client.request("GET", "/x")
        with pytest.raises(errors.ServerError):
            await client.request("GET", "/x")


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ({"message": "col_9 is unknown"}, "Rejected: col_9 is unknown (C, HTTP 400, getDataset)"),
        ({"datasourceId": "s-1", "tries": 2}, "Rejected: datasourceId=s-1; tries=2 (C,"),
        ("the key may only read", "Rejected: the key may only read (C,"),
        (["a", {"b": 1}], 'Rejected: ["a",{"b":1}] (C,'),
        ("Rejected", "Rejected (C,"),
        (None, "Rejected (C,"),
        ({}, "Rejected (C,"),
        (7, "Rejected: 7 (C,"),
        ("x" * 10_000, "x…"),
    ],
)
async def test_the_text_of_an_error_has_its_details(
    details: Any, text: str, connect: Callable[..., ClaroClient]
) -> None:
    """What the server says in `details`, of whatever type, is in the text and kept as it came."""
    body = json.dumps({"error": "Rejected", "code": "C", "details": details}).encode()
    async with RawServer(answering(reply(body, 400))) as server:
        with pytest.raises(APIStatusError) as caught:
            await send(connect(server.base_url, retry=ONCE), "getDataset")
    assert text in str(caught.value)
    assert len(str(caught.value)) < 300
    assert caught.value.details == ({} if details is None else details)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<html>nginx</html>", "no such endpoint, check base_url: unexpected reply '<html>"),
        (b"", "no such endpoint"),
        (b'{"message": "Not Found"}', "Not Found: GET /datasets/"),
    ],
)
async def test_a_404_without_a_code_names_the_path(
    body: bytes, text: str, connect: Callable[..., ClaroClient]
) -> None:
    """A 404 that is not of the API says which path was asked for."""
    async with RawServer(answering(reply(body, 404))) as server:
        with pytest.raises(errors.NotFoundError) as caught:
            await send(connect(server.base_url, retry=ONCE), "getDataset")
    assert text in str(caught.value)
    assert f"GET /datasets/{DATASET}" in str(caught.value)
