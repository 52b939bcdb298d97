"""What ``claro doctor`` looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from claro_async.transport.ping import clock_skew

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Done

    Claro = Callable[..., Done]


def checks(done: Done) -> dict[str, tuple[bool, str]]:
    """What was found, by what was looked at."""
    return {record["check"]: (record["ok"], record["detail"]) for record in done.records}


def test_all_is_well_with_the_emulator(claro: Claro) -> None:
    """Key, URL, proxy, reachability, clock and quota are named, with the versions in use."""
    done = claro("doctor")
    found = checks(done)
    assert done.status == 0
    assert all(is_right for is_right, _ in found.values())
    assert {"Python", "claro-async", "aiohttp", "key", "base URL", "proxy"} <= found.keys()
    assert found["key"][1] == "from CLARO_API_KEY"
    assert found["API"][1].startswith("answers after")
    assert found["clock"][1] == "right"
    assert "requests left" in found["quota"][1]
    assert claro("doctor", "--mining").status == 0


@pytest.mark.parametrize(
    ("variables", "options", "failed", "status"),
    [
        ({"CLARO_API_KEY": None}, [], "key", 4),
        ({"CLARO_API_KEY": "wrong"}, [], "API", 4),
        ({"CLARO_BASE_URL": "http://127.0.0.1:9/api/v2"}, ["--timeout", "0.2"], "API", 1),
        ({"CLARO_BASE_URL": "http://x.example/api/v2"}, [], "key", 2),
    ],
)
def test_what_is_wrong_is_named(
    claro: Claro, variables: dict[str, str], options: list[str], failed: str, status: int
) -> None:
    """The first thing that is wrong ends the examination, with its exit status."""
    done = claro("doctor", *options, **variables)
    found = checks(done)
    assert (done.status, [name for name, (is_right, _) in found.items() if not is_right]) == (
        status,
        [failed],
    )


def test_the_proxy_is_shown_without_its_password(claro: Claro) -> None:
    """A proxy of the environment is named; who may use it is not."""
    done = claro(
        "doctor",
        *("--timeout", "0.1"),
        CLARO_BASE_URL="https://127.0.0.1:9/api/v2",
        HTTPS_PROXY="http://user:secret@127.0.0.1:9",
    )
    assert checks(done)["proxy"] == (True, "http://127.0.0.1:9")
    assert "secret" not in done.out + done.err
    direct = claro(
        "doctor",
        *("--timeout", "0.1", "--proxy", "none"),
        CLARO_BASE_URL="https://127.0.0.1:9/api/v2",
        HTTPS_PROXY="http://127.0.0.1:9",
    )
    assert checks(direct)["proxy"] == (True, "none")


@pytest.mark.parametrize(
    ("date", "now", "skew"),
    [
        ("Thu, 01 Jan 1970 00:01:40 GMT", 100.5, 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40.5, 60.0),
        ("soon", 0.0, None),
        (None, 0.0, None),
    ],
)
def test_the_clocks_are_compared(date: str | None, now: float, skew: float | None) -> None:
    """The server's ``Date`` tells by how much its clock is ahead, where it can be read."""
    assert clock_skew(date, now, 0.0) == skew
