"""Settings, permissions and errors of the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from claro_async.communications_mining import CommunicationsMiningClient
from claro_async.config import COMMUNICATIONS_MINING, RetryPolicy, resolve
from claro_async.errors import (
    APIStatusError,
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from claro_async.profile_file import hide
from tests.clocks import ManualClock
from tests.communications_mining.test_contract import CASES

if TYPE_CHECKING:
    from pathlib import Path

    from claro_async.communications_mining import Dataset
    from claro_async.emulator import Emulator

URL = "https://cloud.uipath.com/acme/default/reinfer_/api/v1"


def settings(environ: dict[str, str], **arguments: str) -> tuple[str, str]:
    """Resolve token and base URL."""
    given: dict[str, Any] = {"base_url": None, "profile": None, **arguments}
    given["api_key"] = hide(given.get("api_key"))
    found = resolve(COMMUNICATIONS_MINING, **given, environ=environ)
    return found.key.reveal(), found.base_url


def test_settings_from_the_environment() -> None:
    """The client's own name of the token comes before the document's; the URL has one name."""
    environ = {"REINFER_TOKEN": "second", "COMMUNICATIONS_MINING_BASE_URL": URL}
    assert settings(environ) == ("second", URL)
    assert settings({**environ, "COMMUNICATIONS_MINING_TOKEN": "first"}) == ("first", URL)
    assert settings(environ, api_key="mine", base_url=URL + "/") == ("mine", URL)


def test_settings_from_a_profile(tmp_path: Path) -> None:
    """A profile holds the token under that name, not the other API's key."""
    (tmp_path / "claro").mkdir()
    text = f'[profiles.acme]\ntoken = "t"\napi_key = "claro"\nbase_url = "{URL}"\n'
    (tmp_path / "claro" / "config.toml").write_text(text)
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert settings(environ, profile="acme") == ("t", URL)
    assert settings({**environ, "COMMUNICATIONS_MINING_PROFILE": "acme"}) == ("t", URL)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"COMMUNICATIONS_MINING_BASE_URL": URL}, "COMMUNICATIONS_MINING_TOKEN"),
        ({"REINFER_TOKEN": "t"}, "COMMUNICATIONS_MINING_BASE_URL"),
        ({"CLARO_API_KEY": "k", "CLARO_BASE_URL": URL}, "token="),
        ({"REINFER_TOKEN": "a b", "COMMUNICATIONS_MINING_BASE_URL": URL}, "token must be"),
        ({"REINFER_TOKEN": "t", "COMMUNICATIONS_MINING_BASE_URL": "http://far.example"}, "https"),
    ],
)
def test_settings_that_cannot_work(environ: dict[str, str], named: str) -> None:
    """What is missing is named, and nothing of the other API's settings is taken for it."""
    with pytest.raises(ConfigurationError, match=named):
        settings(environ)


def test_the_token_shows_nowhere() -> None:
    """Neither the client's repr nor that of its settings holds the token."""
    client = CommunicationsMiningClient("hidden-token", URL)
    assert "hidden-token" not in repr(client) + repr(client._core.settings)
    assert URL in repr(client)


@pytest.mark.parametrize("operation_id", sorted(CASES))
async def test_every_operation_needs_its_permission(emulator: Emulator, operation_id: str) -> None:
    """A token with every other right is refused with 403, and nothing is changed."""
    case = CASES[operation_id]
    rights = {each.permission for each in CASES.values()} - {case.permission}
    emulator.mining.add_token("less", rights)
    async with CommunicationsMiningClient("less", emulator.mining_base_url) as client:
        with pytest.raises(PermissionDeniedError, match=case.permission) as caught:
            await case.call(client)
    assert caught.value.status == 403
    assert emulator.ledger.applied == []


@pytest.mark.parametrize("operation_id", sorted(CASES))
async def test_every_operation_needs_a_known_token(emulator: Emulator, operation_id: str) -> None:
    """A token that nobody knows is refused with 401."""
    async with CommunicationsMiningClient("unknown", emulator.mining_base_url) as client:
        with pytest.raises(AuthenticationError) as caught:
            await CASES[operation_id].call(client)
    assert caught.value.status == 401


@pytest.mark.parametrize("operation_id", sorted(CASES))
async def test_an_error_under_200_is_an_error(
    mining: CommunicationsMiningClient, emulator: Emulator, operation_id: str
) -> None:
    """A reply whose envelope says error is an error with its message, whatever its status."""
    emulator.faults.add(f"mining.{operation_id}", "error_in_ok", message="model not trained")
    with pytest.raises(APIStatusError, match="model not trained") as caught:
        await CASES[operation_id].call(mining)
    assert (caught.value.status, caught.value.operation) == (200, operation_id)
    assert emulator.ledger.count() == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequestError),
        (404, NotFoundError),
        (409, InvalidRequestError),
        (422, InvalidRequestError),
    ],
)
async def test_refusals_are_typed_by_status(
    example: Dataset, emulator: Emulator, status: int, error: type[APIStatusError]
) -> None:
    """The envelope has no code, so the status alone tells the type of an error."""
    emulator.faults.add("mining.getProjectDataset", "status", status=status, message="no")
    with pytest.raises(error, match="no") as caught:
        await example.get()
    assert (caught.value.status, caught.value.code) == (status, None)


async def test_reads_are_repeated_when_the_server_fails(
    example: Dataset, emulator: Emulator
) -> None:
    """A read gets its answer on the third attempt; without end it ends with the server's error."""
    emulator.faults.add("mining.getProjectDataset", "status", status=503, times=1)
    emulator.faults.add("mining.getProjectDataset", "reset", times=1)
    assert (await example.get()).name == "example"
    assert emulator.ledger.count("mining.getProjectDataset") == 3
    emulator.faults.add("mining.getProjectDataset", "html", status=502)
    with pytest.raises(ServerError, match="502"):
        await example.get()


async def test_a_rate_limit_is_waited_for(emulator: Emulator) -> None:
    """A 429 is followed by a wait as long as it says; endless ones are an error of their own."""
    clock = ManualClock()
    retry = RetryPolicy(max_rate_limit_waits=2)
    emulator.faults.add("mining.getProjectDataset", "rate_limit", retry_after=20, times=1)
    async with CommunicationsMiningClient(
        emulator.mining_token, emulator.mining_base_url, retry=retry, clock=clock
    ) as client:
        with clock.automatic():
            assert (await client.dataset("project", "example").get()).owner == "project"
            assert clock.monotonic() == pytest.approx(20, abs=2)
            emulator.faults.add("mining.getProjectDataset", "rate_limit", retry_after=20)
            with pytest.raises(RateLimitError, match="429"):
                await client.dataset("project", "example").get()


async def test_any_other_request_goes_the_same_way(
    mining: CommunicationsMiningClient, emulator: Emulator
) -> None:
    """A path beside the datasets gets token, envelope and errors as all others."""
    reply = await mining.request("GET", "/datasets/project")
    assert reply["status"] == "ok"
    with pytest.raises(NotFoundError):
        await mining.request("GET", "/sources")
    emulator.faults.add("*", "error_in_ok")
    with pytest.raises(APIStatusError):
        await mining.request("GET", "/datasets")


async def test_a_closed_client_says_so(emulator: Emulator) -> None:
    """After its block a client opens nothing again."""
    client = CommunicationsMiningClient(emulator.mining_token, emulator.mining_base_url)
    async with client:
        await client.datasets.list()
    with pytest.raises(RuntimeError, match="closed"):
        await client.datasets.list()


async def test_no_server(unused_tcp_port: int) -> None:
    """Nothing listening is a failed connection for a read, and not an unknown outcome."""
    url = f"http://127.0.0.1:{unused_tcp_port}/api/v1"
    client = CommunicationsMiningClient("t", url, retry=RetryPolicy(base_delay=0.0))
    async with client:
        with pytest.raises(ConnectionFailedError):
            await client.datasets.list()
    assert not issubclass(ConnectionFailedError, OutcomeUnknownError)
