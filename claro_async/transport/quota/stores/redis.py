"""A shared quota in Redis: for several machines. Needs the extra ``claro-async[redis]``.

A change is optimistic: load, change, and store only if nobody was faster, else once more. A key is
named by a hash; it is not sent to Redis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from claro_async.errors import ConfigurationError, ConnectionFailedError
from claro_async.transport.quota.fair_share import SharedQuota

try:
    from redis import exceptions
    from redis.asyncio import Redis
except ImportError:
    raise ConfigurationError(
        "a quota in Redis needs the package redis: pip install 'claro-async[redis]'"
    ) from None

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from claro_async.config import Secret

T = TypeVar("T")

_TIMEOUT = 5.0  # seconds
_KEPT_FOR = 86_400  # seconds after the last change
_MAX_TURNS = 200
_STORE = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""


class QuotaRedis:
    """The record of one key in Redis.

    Args:
        url: ``redis://`` or ``rediss://``, with user and password if need be.
        identity: A hash of the API and the key.

    Raises:
        ConfigurationError: The URL cannot be understood.
    """

    def __init__(self, url: Secret, identity: str) -> None:
        try:
            self._redis: Redis = Redis.from_url(
                url.reveal(), socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT
            )
        except ValueError:
            raise ConfigurationError("quota is not a Redis URL that can be understood") from None
        self._key = f"claro-async:quota:1:{identity}"
        self._store = self._redis.register_script(_STORE)

    async def update(self, change: Callable[[SharedQuota], T]) -> T:
        """Load the record, change it and store it, with nobody else between.

        Raises:
            ConnectionFailedError: Redis cannot be reached.
            ConfigurationError: Redis refuses, or holds something else under our name.
        """
        try:
            for _ in range(_MAX_TURNS):
                before = await self._load()
                shared = msgspec.json.decode(before, type=SharedQuota) if before else SharedQuota()
                result = change(shared)
                arguments: list[Any] = [before, msgspec.json.encode(shared), _KEPT_FOR]
                stored: Awaitable[int] = self._store(keys=[self._key], args=arguments)
                if await stored:
                    return result
        except (exceptions.AuthenticationError, exceptions.ResponseError) as error:
            raise ConfigurationError(f"the quota in Redis: {error}") from None
        except (exceptions.RedisError, OSError) as error:
            raise ConnectionFailedError(
                f"the quota in Redis cannot be had: {type(error).__name__}"
            ) from None
        except msgspec.MsgspecError as error:
            raise ConfigurationError(f"the quota in Redis is another version's: {error}") from None
        raise ConnectionFailedError("the quota in Redis changes all the time")

    async def _load(self) -> bytes:
        found = await self._redis.get(self._key)
        return found if isinstance(found, bytes) else b""

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
