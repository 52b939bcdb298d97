"""One file on its way down: over as many attempts, and as many signed URLs, as it takes.

What came before a break is kept only if the server shows, by its validator and the total, that what
it sends next belongs to the same file (RFC 9110, sections 13.1.5 and 14.4); else it starts anew.
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import aclosing, suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from claro_async._secret import Secret
from claro_async.errors import TransferError
from claro_async.transport import logs
from claro_async.transport.failures import AttemptError
from claro_async.transport.life import closed_error
from claro_async.transport.retry import (
    FRESH,
    Effect,
    Fail,
    Idempotency,
    Outcome,
    decide,
    parse_retry_after,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from random import Random

    from claro_async.config import RetryPolicy
    from claro_async.models import SignedLink
    from claro_async.transport.clock import Clock
    from claro_async.transport.download import DownloadReply, DownloadSession
    from claro_async.transport.observing import ObservedCall, Observer
    from claro_async.transport.retry import Decision

_OPERATION = "download"
_MAX_ATTEMPTS = 1000  # for one file, however much each of them brings
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII).fullmatch
_SAFELY_OLDER = 60.0  # seconds; RFC 9110, section 8.8.2.2
_LONGEST_SUFFIX = 10
_TURNS_WRITING = re.compile(r"[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]").match
_LINK_REJECTED = frozenset({401, 403, 404, 410})


@attrs.frozen(kw_only=True)
class Downloader:
    """What every download of a client needs."""

    session: DownloadSession
    policy: RetryPolicy
    clock: Clock
    random: Random
    observer: Observer | None = None


class _LinkRejectedError(Exception):
    """The URL does not open the file, or no longer; a new one may."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")


class _StatusError(AttemptError):
    """The reply is none with bytes of the file."""

    def __init__(self, status: int, outcome: Outcome) -> None:
        super().__init__(f"HTTP {status}", sent=True)
        self.outcome = outcome


class _DistrustedError(AttemptError):
    """What the server sends is not the file that the link leads to."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, sent=True)


def _origin_of(link: SignedLink) -> str:
    """Where a signed URL leads to, without the path and the query that are the permission."""
    try:
        parts = urlsplit(link.download_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""  # it will not be fetched
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")


class Fetch:
    """Fetches what signed URLs made by `new_link` lead to.

    Attributes:
        link: The link in use.
        done: Bytes that came and count.
    """

    def __init__(
        self, downloader: Downloader, new_link: Callable[[], Awaitable[SignedLink]]
    ) -> None:
        self._tools = downloader
        self._new_link = new_link
        self.link: SignedLink
        self.done: int = 0
        self._validator = ""
        self._best = 0
        self._attempts = 0
        self._history = FRESH
        self._restarts = 0
        self._as_stored = False  # whether a body that is said to be compressed is the file itself
        self._rejections = 0
        self._observed: ObservedCall | None = None

    async def begin(self) -> None:
        """Get the first link, unless that was done.

        Raises:
            ClaroError: There is none.
        """
        if not hasattr(self, "link"):
            self.link = await self._new_link()

    async def pieces(self, *, rewindable: bool) -> AsyncGenerator[bytes | None, None]:
        """The file's bytes in order; None means that those so far are void.

        Args:
            rewindable: Whether the caller can take back what it was given. Else what cannot be
                resumed is an error.

        Raises:
            TransferError: The file cannot be had whole.
            ClaroError: There is no new link.
        """
        await self.begin()
        if self._tools.observer is not None:
            self._observed = self._tools.observer.begin_download(_OPERATION, _origin_of(self.link))
        try:
            async with aclosing(self._attempts_until_whole(rewindable=rewindable)) as pieces:
                async for piece in pieces:
                    yield piece
        except BaseException as error:
            if self._observed is not None:
                self._observed.ended(error)
            raise
        if self._observed is not None:
            self._observed.ended()

    async def _attempts_until_whole(
        self, *, rewindable: bool
    ) -> AsyncGenerator[bytes | None, None]:
        while True:
            try:
                async with aclosing(self._attempt(rewindable=rewindable)) as pieces:
                    async for piece in pieces:
                        yield piece
            except _LinkRejectedError as rejection:
                await self._renew(rejection)
            except AttemptError as failure:
                await self._pause(failure)
            else:
                return

    async def _attempt(self, *, rewindable: bool) -> AsyncGenerator[bytes | None, None]:
        if self._tools.session.closed:
            raise closed_error()
        self._attempts += 1
        if self._observed is not None:
            self._observed.sent()
        async with self._tools.session.open(
            Secret(self.link.download_url), self._headers()
        ) as reply:
            skip = 0
            if self._starts_anew(reply):
                same = bool(self._validator) and _validator(reply) == self._validator
                if self.done and same and not rewindable:
                    skip = self.done  # the same file, from a server that knows no ranges
                elif self.done:
                    self._start_over(rewindable=rewindable)
                    yield None
                self._validator = "" if reply.encoding else _validator(reply)
            async with aclosing(self._body(reply, skip)) as pieces:
                async for piece in pieces:
                    yield piece

    async def _body(self, reply: DownloadReply, skip: int) -> AsyncGenerator[bytes, None]:
        """The bytes of a reply that are new, to the file's end."""
        try:
            async with aclosing(reply.pieces(decompress=not self._as_stored)) as pieces:
                async for piece in pieces:
                    fresh = piece[skip:]
                    skip = max(0, skip - len(piece))
                    if fresh:
                        self._count(fresh)
                        yield fresh
            if self._observed is not None:
                self._observed.replied(reply.status, reply.headers)
            self._check_whole()
        except _DistrustedError:
            # perhaps what is called an encoding is how the file is stored, or the other way round
            self._as_stored = bool(reply.encoding) and not self._as_stored
            raise
        except AttemptError:
            # every byte has come: how the connection ended does not matter
            if self.done != self.link.file_size or not reply.verified:
                raise

    def _check_whole(self) -> None:
        size = self.link.file_size
        if self.done != size:
            raise _DistrustedError(f"it ended after {self.done:,} of {size:,} bytes")

    def _headers(self) -> dict[str, str]:
        if not self.done or not self._validator:
            return {}
        return {"Range": f"bytes={self.done}-", "If-Range": self._validator}

    def _starts_anew(self, reply: DownloadReply) -> bool:
        """Read the head; True for a whole file, False for the rest of what came before."""
        status, headers, size = reply.status, reply.headers, self.link.file_size
        if status == 206:  # noqa: PLR2004
            found = _CONTENT_RANGE(headers.get("Content-Range", "").strip())
            wanted = (self.done, size - 1, size)
            if found is None or tuple(map(int, found.groups())) != wanted or reply.encoding:
                self._distrust("206 with another range than the one asked for")
            if not self._validator or _validator(reply) != self._validator:
                self._distrust("206 that does not show the validator of the bytes before")
            return False
        if status in _LINK_REJECTED:
            raise _LinkRejectedError(status)
        if status == 416:  # noqa: PLR2004
            self._distrust("HTTP 416: the file is shorter than it was")
        if status != 200:  # noqa: PLR2004
            wait = parse_retry_after(headers, self._tools.clock.time())
            raise _StatusError(status, Outcome.of_reply(status, Idempotency.SAFE, retry_after=wait))
        if reply.encoding not in {"", "gzip", "x-gzip"}:
            raise TransferError(
                f"{self._name} comes encoded as {reply.encoding}, which was not asked for"
            )
        length = headers.get("Content-Length")
        if length is not None:
            self._as_stored = length == str(size)
            if not self._as_stored and not reply.encoding:
                self._distrust(f"the reply announces {length} bytes, the link {size}")
        return True

    def _count(self, piece: bytes) -> None:
        if self.done + len(piece) > self.link.file_size:
            self._distrust(f"more than the {self.link.file_size:,} bytes of the link")
        self.done += len(piece)
        self._rejections = 0

    def _distrust(self, reason: str) -> None:
        """Give the attempt up; what came so far is not built upon."""
        self._validator = ""
        raise _DistrustedError(reason)

    def _start_over(self, *, rewindable: bool) -> None:
        if not rewindable:
            raise TransferError(
                f"{self._name}: it broke off after {self.done:,} bytes, which were handed out"
                " already, and the server cannot go on from there; download to a path instead"
            )
        self._restarts += 1
        if self._restarts >= self._tools.policy.max_attempts:
            raise TransferError(
                f"{self._name}: it had to start over {self._restarts} times: the file changes or"
                " the server cannot go on where it broke off"
            )
        self._best = max(self._best, self.done)
        self.done = 0

    async def _renew(self, rejection: _LinkRejectedError) -> None:
        """Ask for a new link; what came under the old one stays only if its ETag does."""
        if self._observed is not None:
            self._observed.failed(rejection)
        self._rejections += 1
        if self._rejections > 1:
            raise TransferError(
                f"{self._name}: a new signed URL was rejected, {rejection}"
            ) from None
        size = self.link.file_size
        self.link = await self._new_link()
        if self.link.file_size != size or not self._validator.startswith('"'):
            self._validator = ""

    async def _pause(self, failure: AttemptError) -> None:
        """Wait before another attempt.

        Raises:
            TransferError: No other attempt may follow.
        """
        if self._observed is not None:
            self._observed.failed(failure)
        if self.done > self._best:
            self._best, self._history = self.done, FRESH
        outcome = (
            failure.outcome if isinstance(failure, _StatusError) else Outcome.of_failure(failure)
        )
        self._history = self._history.after(outcome)
        decision = decide(
            Idempotency.SAFE,
            self._history,
            outcome,
            policy=self._tools.policy,
            spread=self._tools.random.random(),
        )
        is_over = self._tools.session.closed or self._attempts >= _MAX_ATTEMPTS
        if isinstance(decision, Fail) or is_over:
            logs.given_up(_OPERATION, self._attempts, failure)
            if outcome.effect is Effect.REJECTED and failure.sent:
                raise TransferError(f"{self._name}: the signed URL answered with {failure}")
            raise TransferError(self._give_up(failure, decision)) from None
        if self._observed is not None:
            self._observed.scheduled(decision.delay, str(failure))
        logs.retry(_OPERATION, self._attempts, failure, decision.delay)
        await self._tools.clock.sleep(decision.delay)

    def _give_up(self, failure: AttemptError, decision: Decision) -> str:
        tries = "1 attempt" if self._attempts == 1 else f"{self._attempts} attempts"
        reason = f"{self._name} cannot be fetched whole, after {tries}: {failure}"
        if isinstance(decision, Fail) and decision.wait is not None:
            reason += f"; the server asks to wait {decision.wait:,.0f} seconds"
        return reason

    @property
    def _name(self) -> str:
        return base_name(self.link.file_name, "the file")


def _validator(reply: DownloadReply) -> str:
    """What tells one version of the file from another, or "" where nothing surely does."""
    headers: Mapping[str, str] = reply.headers
    etag = headers.get("ETag", "")
    if etag:
        return etag if etag.startswith('"') else ""  # a weak one does not vouch for each byte
    modified = headers.get("Last-Modified", "")
    with suppress(ValueError, TypeError):
        age = parsedate_to_datetime(headers.get("Date", "")) - parsedate_to_datetime(modified)
        if age.total_seconds() >= _SAFELY_OLDER:
            return modified
    return ""


def base_name(name: str, otherwise: str, *, limit: int = 180) -> str:
    """The last part of a name that somebody else chose; never a way out of a folder.

    What is left out cannot stand in a name, or deceives whoever reads it: control characters, line
    ends, and marks that turn the direction of writing. Spaces of all kinds and joined emoji stay.

    Args:
        name: The name.
        otherwise: The name where nothing of the other is left.
        limit: Bytes, more than which file systems may refuse.
    """
    last = re.split(r"[/\\]", name)[-1]
    clean = "".join(character for character in last if _may_stand(character)).strip(" ")
    clean = re.sub(r'[<>:"|?*]', "_", clean)
    if clean.strip(".") == "":
        return otherwise
    stem, dot, suffix = clean.rpartition(".")
    if not dot or len(suffix) > _LONGEST_SUFFIX:
        stem, suffix = clean, ""
    kept = stem.encode()[:limit].decode(errors="ignore")
    return f"{kept}.{suffix}" if suffix else kept


def _may_stand(character: str) -> bool:
    kind = unicodedata.category(character)
    return kind not in {"Cc", "Cs", "Zl", "Zp"} and not _TURNS_WRITING(character)
