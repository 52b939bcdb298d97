"""A shared quota in Redis: for several machines. Needs the extra ``claro-async[redis]``.

A change is optimistic: load, change, and store only if nobody was faster, else once more with what
is there now. Where that fails again and again, since very many change the record at once, each
waits for a random time that grows, and loads anew. The store's time is that of the Redis server
(``TIME``), read in the same script. A key is named by a hash; it is not sent to Redis.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import contextmanager
from random import random
from typing import TYPE_CHECKING, Any

from claro_async.errors import ConfigurationError, ConnectionFailedError, RunClosedError

try:
    from redis import exceptions
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
except ImportError:
    raise ConfigurationError(
        "a quota in Redis needs the package redis: pip install 'claro-async[redis]'"
    ) from None

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from claro_async._secret import Secret
    from claro_async.quota_store import Change

_TIMEOUT = 5.0  # seconds
_KEPT_FOR = 86_400  # seconds after the last change
_RUN_KEPT_FOR = 30 * 86_400
_MAX_TURNS = 100
_TURNS_AT_ONCE = 3  # then each waits before its next one
_FIRST_WAIT, _LONGEST_WAIT = 0.005, 2.0  # seconds
# KEYS: the record, the fence of the run. ARGV: the digest of the record as it was ("" for none),
# the record as it is to be ("" to load it only), and seconds to keep it. Returns whether it was
# stored; else what is there.
_SCRIPT = """
if redis.call('EXISTS', KEYS[2]) == 1 then return {2} end
local found = redis.call('GET', KEYS[1]) or ''
if ARGV[2] ~= '' and (found == '' and '' or redis.sha1hex(found)) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
  return {1}
end
local time = redis.call('TIME')
return {0, found, time[1], time[2]}
"""
_FOUND, _STORED = 0, 1
# answers of a server that is being replaced or has no room, and will be well again
_PASSING = ("CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "MISCONF", "BUSY", "LOADING", "MASTERDOWN")
_PASSING_ERRORS = (
    exceptions.ReadOnlyError,
    exceptions.MasterDownError,
    exceptions.OutOfMemoryError,
)


class RedisQuotaStore:
    """Records in Redis.

    Args:
        url: ``redis://`` or ``rediss://``, with user and password if need be.
        random: Draws how long to wait where many change a record, from 0 to 1.

    Raises:
        ConfigurationError: The URL cannot be understood.
    """

    def __init__(self, url: Secret, random: Callable[[], float] = random) -> None:
        try:
            self._redis: Redis = Redis.from_url(
                url.reveal(),
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError:
            raise ConfigurationError("quota is not a Redis URL that can be understood") from None
        known = self._redis.connection_pool.connection_kwargs
        self._place = f"{known.get('host', 'localhost')}:{known.get('port', 6379)}"
        self._script = self._redis.register_script(_SCRIPT)
        self._random = random

    async def update(self, name: str, change: Change, *, run: str = "") -> None:
        """Load a record, change it and store it, with nobody else between.

        Raises:
            RunClosedError: The run is closed.
            ConnectionFailedError: Redis cannot be reached, or is being replaced.
            ConfigurationError: Redis says no, or holds something else under our name.
        """
        keys = [_record_key(name), _run_key(name, run)]
        before = after = b""
        with self._errors():
            for turn in range(_MAX_TURNS):
                outcome, *found = await self._call(keys, _digest_of(before), after)
                if outcome == _STORED:
                    return
                if outcome != _FOUND:
                    raise RunClosedError(run)
                if turn > _TURNS_AT_ONCE and after:
                    await asyncio.sleep(self._random() * _longest_wait(turn))
                    before = after = b""
                    continue
                before, seconds, microseconds = found
                after = change(before or None, int(seconds) + int(microseconds) / 1e6)
        raise ConnectionFailedError(f"the quota in Redis at {self._place} changes all the time")

    async def _call(self, keys: list[str], digest: str, after: bytes) -> list[Any]:
        """Store a record if the one of the digest is still there, or only load what there is."""
        found: list[Any] = await self._script(keys=keys, args=[digest, after, _KEPT_FOR])
        return found

    async def close_run(self, name: str, run: str) -> None:
        """Close a run for 30 days.

        Raises:
            ConnectionFailedError: Redis cannot be reached, or is being replaced.
            ConfigurationError: Redis says no.
        """
        with self._errors():
            await self._redis.set(_run_key(name, run), b"closed", ex=_RUN_KEPT_FOR)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        place = f"the quota in Redis at {self._place}"
        try:
            yield
        except _PASSING_ERRORS as error:
            raise ConnectionFailedError(f"{place} cannot be changed now: {error}") from None
        except (exceptions.AuthenticationError, exceptions.ResponseError) as error:
            if str(error).startswith(_PASSING):
                raise ConnectionFailedError(f"{place} cannot be changed now: {error}") from None
            raise ConfigurationError(f"{place}: {error}") from None
        except (exceptions.RedisError, OSError) as error:
            kind = type(error).__name__
            raise ConnectionFailedError(f"{place} cannot be reached: {kind}: {error}") from None
        except ConfigurationError as error:
            raise ConfigurationError(f"{place}: {error}") from None


def _longest_wait(turn: int) -> float:
    return min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** (turn - _TURNS_AT_ONCE))


def _digest_of(record: bytes) -> str:
    """What the script compares a record by."""
    return hashlib.sha1(record, usedforsecurity=False).hexdigest() if record else ""


def _record_key(name: str) -> str:
    return f"claro-async:quota:{{{name}}}"  # in braces: one slot of a cluster for all of a key's


def _run_key(name: str, run: str) -> str:
    # the fence of no run is a name that is never set
    return f"claro-async:quota:{{{name}}}:run:{run}"
