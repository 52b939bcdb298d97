"""Replies bent in one place or two, and what a method makes of them.

A method may give a result or raise a `ClaroError` (or what its documentation names). Anything else
is a fault: another exception, an error without a text or that does not pickle, a result that is no
JSON, requests or waiting without end.
"""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import sys
from datetime import date
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import attrs
from multidict import CIMultiDict

from claro_async import ClaroClient, ClaroError, CommunicationsMiningClient, RetryPolicy
from claro_async.testing import HttpReply, HttpRequest, MockSession
from tests.clocks import ManualClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

SAMPLES = Path(__file__).resolve().parents[1] / "spec" / "samples"
MOST_REQUESTS = 60
"""For one call, to a dataset of two rows; more of them are taken for an endless loop."""
MOST_SECONDS = 5.0
_MISSING = object()
_TIMES = (
    *("2024-03-14T15:30:00", "2024-03-14 15:30+0200", "2024-03-14T24:00:00Z"),
    *("2016-12-31T23:59:60Z", "2024-03-14T15:30:00,123456789Z", "0000-00-00T00:00:00Z"),
    *("0001-01-01T00:00:00+14:00", "Thu, 14 Mar 2024 15:30:00 GMT", 1710430200, 1710430200123),
)
_OTHERS: tuple[Any, ...] = (None, True, 7, 1.5, "zz", {}, [], [None], [7])
_RAW = {
    b'"raw: half an emoji"': b'"cut \\ud83d"',
    b'"raw: Latin-1"': b'"caf\xe9"',
    b'"raw: a huge number"': b"1e999",
}
"""What JSON does not allow, by what stands for it until the reply is encoded."""
_RAW_NAMES = tuple(json.loads(name) for name in _RAW)
_ITEMS = ("rows", "data", "datasets", "dataSources")


def sample(api: str, operation: str, kind: str = "reply") -> Any:
    """The body that the documents show for an operation."""
    text = (SAMPLES / api / f"{operation}.{kind}.json").read_text(encoding="utf-8")
    return json.loads(text)["body"]


@attrs.frozen(kw_only=True)
class Method:
    """A public method, and the replies that it needs.

    Attributes:
        call: Calls it, with the clients and a new folder, and looks at what it gives.
        replies: Bodies by operation id; a pair is a status and a body.
        bend: The operation whose reply is bent; the first one when left out.
        documented: Exceptions beside `ClaroError` that the method's documentation names.
        works: Whether it gives a result where nothing is bent; a signed URL leads nowhere here.
    """

    call: Callable[[Clients, Path], Awaitable[Any]]
    replies: Mapping[str, Any]
    bend: str = ""
    documented: tuple[type[Exception], ...] = ()
    works: bool = True

    @property
    def bent(self) -> str:
        """The operation whose reply is bent."""
        return self.bend or next(iter(self.replies))


class Clients(NamedTuple):
    """Both clients, above one session."""

    claro: ClaroClient
    mining: CommunicationsMiningClient


class Bend(NamedTuple):
    """One value of a reply, and what it is replaced by."""

    path: tuple[str | int, ...]
    new: Any

    def __str__(self) -> str:
        new = "missing" if self.new is _MISSING else json.dumps(self.new)[:50]
        return f"{'.'.join(map(str, self.path)) or 'the whole'}: {new}"


def all_bends(body: Any) -> list[Bend]:
    """Every value of a body, replaced in every way."""
    return [Bend(path, new) for path, value in _places(body) for new in _others(value)]


def cases(method: Method, count: int) -> Iterator[tuple[Bend, ...]]:
    """So many bends of a method's reply: spread over all, or all and then random pairs of them."""
    body = method.replies[method.bent]
    bends = all_bends(body[1] if isinstance(body, tuple) else body)
    if count < len(bends):
        yield from ((bends[at * len(bends) // count],) for at in range(count))
        return
    yield from ((bend,) for bend in bends)
    random = Random(count)  # noqa: S311 - repeatable, not secret
    for _ in range(count - len(bends)):
        yield tuple(random.sample(bends, 2))


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Where a body has values: of a list, the first one stands for all."""
    yield path, value
    if isinstance(value, dict):
        items: Any = value.items()
    else:
        items = enumerate(value[:1]) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*path, key))


def _others(value: Any) -> Iterator[Any]:
    yield _MISSING
    yield from (other for other in _OTHERS if type(other) is not type(value))
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, str):
        yield from ("", "a,b", "zz_unknown", "\0\n\U0001f600", *_RAW_NAMES)
        yield from _TIMES if value[:2] == "20" and value[-1:] == "Z" else ()
    elif isinstance(value, int | float):
        yield from (-1, 0, str(value), 2.0, 1e300, 10**12, 10**30, _RAW_NAMES[-1])
    elif isinstance(value, dict):
        yield {**value, "zz": {"a": [1]}}


def _bend(body: Any, bends: tuple[Bend, ...]) -> Any:
    body = copy.deepcopy(body)
    for path, new in bends:
        if not path:
            body = None if new is _MISSING else copy.deepcopy(new)
            continue
        place = body
        try:
            for key in path[:-1]:
                place = place[key]
            if new is not _MISSING:
                place[path[-1]] = copy.deepcopy(new)
            else:
                del place[path[-1]]
        except (LookupError, TypeError):
            continue  # the place is gone by the bend before
    return body


class Bench:
    """Lets a method meet one bent reply after the other."""

    def __init__(self, method: Method) -> None:
        self._method = method
        self._bends: tuple[Bend, ...] = ()
        self._left = MOST_REQUESTS
        self._task: asyncio.Task[None] | None = None

    async def faults(self, count: int, folder: Path) -> list[str]:
        """The faults of so many cases, a line each, after the method has worked with none bent."""
        found = []
        clock = ManualClock()
        options: dict[str, Any] = {"retry": RetryPolicy(max_attempts=1), "clock": clock}
        session = MockSession(self._answer)
        with clock.automatic(grace=0):
            async with (
                ClaroClient(
                    "key", "http://127.0.0.1:9/api/v2", session=session, **options
                ) as claro,
                CommunicationsMiningClient(
                    "token", "http://127.0.0.1:9/api/v1", session=session, **options
                ) as mining,
            ):
                clients = Clients(claro, mining)
                for number, bends in enumerate([(), *cases(self._method, count)]):
                    fault = await self._fault(clients, bends, folder / str(number))
                    session.requests.clear()
                    if fault is not None:
                        found.append(f"{self._method.bent}: {'; '.join(map(str, bends))}: {fault}")
        return found

    def _answer(self, request: HttpRequest) -> HttpReply:
        self._left -= 1
        if self._left < 0 and self._task is not None:
            self._task.cancel()
        operation = request.operation
        body = self._method.replies.get(operation, (404, {"error": "no", "code": "NOT_FOUND"}))
        status, body = body if isinstance(body, tuple) else (200, body)
        if operation == self._method.bent:
            body = _bend(body, self._bends)
        page = parse_qs(urlsplit(request.target).query).get("page", ["1"])[0]
        if page != "1" and isinstance(body, dict):
            empty = [name for name in _ITEMS if isinstance(body.get(name), list)]
            body = {**body, **{name: [] for name in empty}}
        content = json.dumps(body).encode()
        for name, raw in _RAW.items():
            content = content.replace(name, raw)
        headers = CIMultiDict({"Content-Type": "application/json"})
        return HttpReply(status, headers, content)

    async def _fault(self, clients: Clients, bends: tuple[Bend, ...], folder: Path) -> str | None:
        self._bends, self._left = bends, MOST_REQUESTS
        await asyncio.to_thread(folder.mkdir)
        self._task = asyncio.create_task(self._call(clients, folder))
        _, running = await asyncio.wait({self._task}, timeout=MOST_SECONDS)
        self._task.cancel()
        try:
            await self._task
        except asyncio.CancelledError:
            return f"no end in {MOST_SECONDS:g} s" if running else f"over {MOST_REQUESTS} requests"
        except ClaroError as error:
            unfit = _unfit(error)
            return f"it does not work: {error!r}" if self._method.works and not bends else unfit
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            if isinstance(error, self._method.documented):
                return None
            return f"{type(error).__module__}.{type(error).__qualname__}: {error!s:.80}"
        return None

    async def _call(self, clients: Clients, folder: Path) -> None:
        look(await self._method.call(clients, folder))


def _unfit(error: ClaroError) -> str | None:
    """What is wrong with an error, if anything is: it has a text, and pickles."""
    try:
        twin = pickle.loads(pickle.dumps(error))  # noqa: S301
    except Exception as failure:  # noqa: BLE001 - whatever it is, it is what is looked for
        return f"{type(error).__name__} does not pickle: {failure}"
    return None if str(error) and type(twin) is type(error) else f"{error!r} has no text"


def look(value: Any, depth: int = 0) -> None:
    """Look at all that a result shows, as JSON, too."""
    repr(value)
    for name in ("to_dict", "to_dicts"):
        if hasattr(value, name):
            json.dumps(getattr(value, name)(), allow_nan=False)
    if isinstance(value, list | tuple):
        for item in value[:20]:
            look(item, depth + 1)
    elif depth > 4 or isinstance(value, str | int | float | bytes | date | Path | dict | None):
        return
    elif type(value).__module__.partition(".")[0] not in {*sys.stdlib_module_names, "pyarrow"}:
        for name in dir(type(value)):
            if not name.startswith("_") and not callable(getattr(type(value), name, None)):
                look(getattr(value, name), depth + 1)
