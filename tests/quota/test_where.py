"""Where a quota is shared: what `quota=` may be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from claro_async import ClaroClient, ConfigurationError
from claro_async._secret import Secret
from claro_async.quota_place import QuotaPlace, resolve_quota


def test_a_file_is_named_by_its_url() -> None:
    """A path may hold spaces, other letters and escapes."""
    place = QuotaPlace(Path("/data/a b/q\u00fc.db"))
    assert resolve_quota("file:///data/a%20b/q%C3%BC.db") == place
    assert resolve_quota("file:///data/a b/q\u00fc.db") == place
    assert resolve_quota(None) is None


@pytest.mark.parametrize("url", ["redis://h/0", "rediss://u:p@h:7/1", "redis://[::1]:6379"])
def test_a_redis_is_kept_secret(url: str) -> None:
    """A Redis URL is kept whole, where no repr shows it."""
    place = resolve_quota(url)
    assert place is not None
    assert isinstance(place.where, Secret)
    assert place.where.reveal() == url


@pytest.mark.parametrize(
    "url",
    [
        *("", "quota.db", "/data/quota.db", "file:quota.db", "file://quota.db", "file:///"),
        *("file://host/data/quota.db", "file:///data/quota.db?mode=ro", "file:///data/q#x"),
        *("http://host/quota", "redis:", "redis:///0", "sqlite:///data/q.db", "redis://[::1/0"),
        *(
            "file:///data/q%00.db",
            "file:///data/q\n.db",
            "redis://h/0\r\nQUIT",
            "unix:///data/sock",
        ),
    ],
)
def test_anything_else_is_refused(url: str) -> None:
    """The error says what is meant, before anything is opened."""
    with pytest.raises(ConfigurationError, match="quota"):
        ClaroClient("key", "http://127.0.0.1:9/api/v2", quota=url)


def test_a_password_is_not_repeated() -> None:
    """The error about a URL that cannot be used does not show what is in it."""
    with pytest.raises(ConfigurationError) as caught:
        resolve_quota("http://user:password@host/0")
    assert "password" not in str(caught.value)


def test_without_the_extra_the_error_names_it() -> None:
    """Where the package redis is missing, opening the client says how to get it."""
    program = """
import asyncio, sys
sys.modules["redis"] = None
from claro_async import ClaroClient, ConfigurationError
async def main():
    try:
        async with ClaroClient("key", "http://127.0.0.1:9/api/v2", quota="redis://127.0.0.1/0"):
            pass
    except ConfigurationError as error:
        print(error)
asyncio.run(main())
"""
    run = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "pip install 'claro-async[redis]'" in run.stdout


def test_what_is_not_used_is_not_imported() -> None:
    """A client without a shared quota brings in nothing for it."""
    program = """
import asyncio, sys
from claro_async import ClaroClient
async def main():
    async with ClaroClient("key", "http://127.0.0.1:9/api/v2"):
        print([name for name in sys.modules
               if "redis" in name or name.endswith(("quota.stores.file", ".fair_share"))])
asyncio.run(main())
"""
    run = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"
