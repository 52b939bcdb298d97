"""The client itself: where its settings come from, its life, and requests of one's own."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import (
    ClaroClient,
    ClientClosedError,
    ConfigurationError,
    ForkedClientError,
    NotFoundError,
    OtherLoopError,
    OutcomeUnknownError,
    config,
)
from claro_async.testing import MockSession, json_reply
from tests.watching import until
from tests.wire.operations import DATASET
from tests.wire.raw_server import RawServer, answering, reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from claro_async.emulator import Emulator

LOCAL = "http://127.0.0.1:1/api/v2"
PROFILES = """
[profiles.work]
api_key = "work-key"
base_url = "https://work.example/api/v2"

[profiles.half]
api_key = "half-key"

[profiles.odd]
api_key = 5
"""


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home folder and an environment without settings."""
    for name in ("CLARO_API_KEY", "CLARO_BASE_URL", "CLARO_PROFILE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write_profiles(home: Path, text: str = PROFILES) -> None:
    """Write the profile file."""
    folder = home / ".config" / "claro"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(text, "utf-8")


def settings_of(client: ClaroClient) -> tuple[str, str]:
    """Key and base URL."""
    settings = client._core.settings
    return settings.api_key.reveal(), settings.base_url


def test_without_a_key_there_is_no_client() -> None:
    """The error says all the ways to hand a key over."""
    with pytest.raises(ConfigurationError, match=r"api_key=, set CLARO_API_KEY, or name a profile"):
        ClaroClient()


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and base URL come from the environment; without one it is the public API."""
    monkeypatch.setenv("CLARO_API_KEY", "env-key")
    assert settings_of(ClaroClient()) == ("env-key", config.DEFAULT_BASE_URL)
    monkeypatch.setenv("CLARO_BASE_URL", LOCAL + "/")
    assert settings_of(ClaroClient()) == ("env-key", LOCAL)
    assert settings_of(ClaroClient("arg-key")) == ("arg-key", LOCAL)
    assert settings_of(ClaroClient("a", "https://x.example/v2")) == ("a", "https://x.example/v2")


def test_profiles(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """A profile asked for stands for both settings; one of the environment yields to the rest."""
    write_profiles(home)
    assert settings_of(ClaroClient(profile="work")) == ("work-key", "https://work.example/api/v2")
    assert settings_of(ClaroClient(profile="half")) == ("half-key", config.DEFAULT_BASE_URL)
    monkeypatch.setenv("CLARO_API_KEY", "env-key")
    monkeypatch.setenv("CLARO_BASE_URL", LOCAL)
    assert settings_of(ClaroClient(profile="half")) == ("half-key", config.DEFAULT_BASE_URL)
    monkeypatch.setenv("CLARO_PROFILE", "work")
    assert settings_of(ClaroClient()) == ("env-key", LOCAL)
    monkeypatch.delenv("CLARO_API_KEY")
    monkeypatch.delenv("CLARO_BASE_URL")
    assert settings_of(ClaroClient()) == ("work-key", "https://work.example/api/v2")


def test_a_key_stays_with_its_own_base_url(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """A key of the environment does not go to the base URL of a profile of the environment."""
    write_profiles(home)
    monkeypatch.setenv("CLARO_API_KEY", "env-key")
    monkeypatch.setenv("CLARO_PROFILE", "work")
    with pytest.raises(ConfigurationError, match="unset one of the two, or set CLARO_BASE_URL"):
        ClaroClient()
    assert settings_of(ClaroClient("own", base_url=LOCAL)) == ("own", LOCAL)


def test_profiles_of_another_folder(
    monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path
) -> None:
    """`XDG_CONFIG_HOME` is where the profiles are, if it is set."""
    write_profiles(home)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    assert settings_of(ClaroClient(profile="half"))[0] == "half-key"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read"),
        ("[profiles.other]", "no profile 'work'"),
        ("profiles = 1", "no profile 'work'"),
        ("api_key = sk-secret = x", "not valid TOML"),
        ("[profiles.work]\nbase_url = 'https://x.example'", "no api_key"),
        ("[profiles.work]\napi_key = 5", "no api_key"),
    ],
)
def test_profiles_that_cannot_be_used(text: str | None, message: str, home: Path) -> None:
    """What is wrong with a profile is said without showing what is in it."""
    if text is not None:
        write_profiles(home, text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        ClaroClient(profile="work")
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["a b", "a\nb", "a\r\nX: y", "schlüssel", "\0"])
def test_keys_that_cannot_be_a_header(key: str) -> None:
    """A key with spaces, line breaks or other letters is refused, and not shown."""
    with pytest.raises(ConfigurationError, match="printable ASCII") as caught:
        ClaroClient(key, LOCAL)
    assert key not in str(caught.value)


async def test_a_client_is_opened_and_closed(emulator: Emulator) -> None:
    """A client works in its `async with`, and not after."""
    async with ClaroClient(emulator.api_key, emulator.base_url) as client:
        assert repr(client) == f"ClaroClient(base_url={emulator.base_url!r})"
        await client.datasets.list()
    with pytest.raises(RuntimeError, match="closed"):
        await client.datasets.list()
    await client.aclose()


async def test_a_client_works_without_async_with(emulator: Emulator) -> None:
    """It opens on its first call, and `aclose` ends it."""
    client = ClaroClient(emulator.api_key, emulator.base_url)
    await client.dataset(DATASET).get()
    await client.aclose()
    await client.aclose()


def test_a_client_is_made_without_a_loop() -> None:
    """Making a client and its handles needs no event loop; using them says what is missing."""
    client = ClaroClient("key", LOCAL)
    client.dataset("a")
    client.datasets.list()
    assert client.rate_limit.limit is None
    with pytest.raises(RuntimeError, match="no running event loop"):
        client.dataset("a").get().send(None)


def test_a_client_belongs_to_one_event_loop() -> None:
    """In a second event loop a client says by name that it belongs to the first."""
    client = ClaroClient("key", LOCAL, session=MockSession(lambda _: json_reply({"ok": True})))
    assert asyncio.run(client.request("GET", "/x")) == {"ok": True}
    with pytest.raises(OtherLoopError, match="another event loop"):
        asyncio.run(client.request("GET", "/x"))


async def test_a_job_of_a_closed_client_sends_nothing_and_says_so() -> None:
    """A bulk update through a client that was closed raises, and fails none of its edits."""
    session = MockSession(lambda _: json_reply({"ok": True}))
    async with ClaroClient("key", LOCAL, session=session) as client:
        await client.request("GET", "/x")
    with pytest.raises(ClientClosedError, match="make a new one"):
        await client.dataset("a").update_cells([("cell_1_1", "x")], skip_unchanged=False)
    assert len(session.requests) == 1


async def test_a_client_does_not_survive_a_fork(emulator: Emulator) -> None:
    """After a fork the client of the parent says so by name, and closing it there harms nothing."""
    async with ClaroClient(emulator.api_key, emulator.base_url) as client:
        await client.datasets.list()
        parent = os.getpid()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "getpid", lambda: parent + 1)  # as the child would see it
            with pytest.raises(ForkedClientError, match="forked"):
                await client.datasets.list()
        await client.datasets.list()


async def test_an_unknown_setting_is_an_error() -> None:
    """A keyword that no client knows is a TypeError that names it."""
    options: Any = {"proxies": {}}
    with pytest.raises(TypeError, match="'proxies'"):
        ClaroClient("key", LOCAL, **options)


async def test_closing_in_the_middle_ends_the_calls(
    emulator: Emulator, connect: Callable[..., ClaroClient]
) -> None:
    """Calls under way when the client closes fail; none hangs."""
    emulator.faults.add("getDataset", "slow", delay=60)
    client = connect(emulator.base_url)
    await client.datasets.list()
    calls = [asyncio.ensure_future(client.dataset(DATASET).get()) for _ in range(5)]
    await until(lambda: emulator.ledger.in_flight == 5)
    await client.aclose()
    async with asyncio.timeout(5):
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, Exception) for result in results)


async def test_requests_of_one_s_own(emulator: Emulator, client: ClaroClient) -> None:
    """`request` reaches any path and gives the JSON value; errors are the same as elsewhere."""
    page = await client.request("get", "/datasets", params={"limit": 1, "page": 1})
    assert page["pagination"]["limit"] == 1
    result = await client.request(
        "PATCH", f"/datasets/{DATASET}/cells/cell_1_1", json={"value": 5}, headers={"X-Why": "test"}
    )
    assert result["value"] == 5
    assert emulator.ledger.requests[1].headers["X-Why"] == "test"
    with pytest.raises(NotFoundError) as caught:
        await client.request("POST", "/datasets/x/tasks/bulk", json={})
    assert caught.value.operation == "POST /datasets/x/tasks/bulk"


@pytest.mark.parametrize(
    ("method", "idempotent", "sent"),
    [("GET", None, 4), ("POST", None, 1), ("PUT", None, 1), ("PUT", True, 4), ("GET", False, 1)],
)
async def test_requests_of_one_s_own_are_repeated_only_if_that_is_safe(
    method: str,
    idempotent: bool | None,  # noqa: FBT001 - a parameter of the test
    sent: int,
    connect: Callable[..., ClaroClient],
) -> None:
    """After a doubtful attempt only reads go again by themselves, others when it is allowed."""
    async with RawServer(answering(reply(b"", 503))) as server:
        with pytest.raises(Exception, match=r"503|may or may not") as caught:
            await connect(server.base_url).request(method, "/x", idempotent=idempotent)
        assert len(server.requests) == sent
    assert isinstance(caught.value, OutcomeUnknownError) == (method != "GET" or idempotent is False)


async def test_a_reply_without_a_body_is_none(connect: Callable[..., ClaroClient]) -> None:
    """204 and other empty successes read as None."""
    async with RawServer(answering(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        client = connect(server.base_url)
        assert await client.request("DELETE", "/x") is None
        assert await client.request("HEAD", "/x") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 5},
        {"timeout": False},
        {"retry": 3},
        {"network": {"proxy": None}},
        {"random": 5},
        {"session": "aiohttp"},
        {"max_connections": 1.5},
        {"max_connections": True},
        {"max_reply_bytes": "8"},
        {"run": 5},
        {"api_key": 5},
        {"base_url": 5},
    ],
    ids=repr,
)
def test_a_setting_of_another_kind_is_named_at_once(wrong: dict[str, Any]) -> None:
    """None waits for the first request to fail, or fails by an error of Python's own."""
    (name,) = wrong
    with pytest.raises(ConfigurationError, match=name.replace("run", "run's id")):
        ClaroClient(**{"api_key": "key", "base_url": LOCAL, **wrong})


@pytest.mark.parametrize("value", ["4", None, True, float("nan")])
@pytest.mark.parametrize("name", ["max_attempts", "base_delay", "max_rate_limit_waits", "max_wait"])
def test_retries_are_counted_in_numbers(name: str, value: Any) -> None:
    """Text, nothing, a truth and what is no number are refused with the setting's name."""
    with pytest.raises(ConfigurationError, match=name):
        config.RetryPolicy(**{name: value})


@pytest.mark.parametrize("value", ["10", None, True, 0])
def test_times_are_numbers(value: Any) -> None:
    """A limit is a number of seconds above 0."""
    with pytest.raises(ConfigurationError, match="first_byte"):
        config.Timeout(first_byte=value)


@pytest.mark.parametrize("line", ["base_url = 5", "network = 5", "network = [{proxy = 'p'}]"])
def test_a_profile_s_setting_is_never_left_out(home: Path, line: str) -> None:
    """Without it the key would go to another place, or another way than was meant."""
    write_profiles(home, f"[profiles.work]\napi_key = 'key'\n{line}\n")
    with pytest.raises(ConfigurationError, match="base_url must be text, and network a table"):
        ClaroClient(profile="work")


@pytest.mark.parametrize("line", ["base_ulr = 'https://x.example'", "quota = 'file:///q'"])
def test_a_setting_that_profiles_do_not_have_is_refused(home: Path, line: str) -> None:
    """A name that is spelled wrong is an error that lists the names there are."""
    write_profiles(home, f"[profiles.work]\napi_key = 'key'\n{line}\n")
    with pytest.raises(
        ConfigurationError, match=r"there is no .* but api_key, token, base_url, network"
    ):
        ClaroClient(profile="work")
