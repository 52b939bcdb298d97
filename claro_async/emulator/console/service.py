"""Answers requests under ``/_emulator``: the page, its JSON twin, and the stream of events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiohttp import web

from claro_async.emulator.console import mining, presets, requests, switches, world
from claro_async.emulator.console.asking import Ask, Desk
from claro_async.emulator.console.security import HEADERS, SAFE_METHODS, check
from claro_async.emulator.console.shapes import PREVIEW_CHARACTERS, encode, write_json
from claro_async.emulator.console.static import Static, packaged
from claro_async.emulator.console.stream import LOOKERS_MAX, Stream
from claro_async.emulator.errors import ApiError
from claro_async.emulator.faults import DETAILS_BY_KIND
from claro_async.emulator.mining.routing import MINING_OPERATION_IDS, MINING_PREFIX
from claro_async.emulator.recent import BODY_BYTES_KEPT, ENTRIES_KEPT
from claro_async.emulator.routing import API_PREFIX, OPERATION_IDS, decode_segment
from claro_async.emulator.validation import parse_query

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


PREFIX: Final = "/_emulator"
_API: Final = f"{PREFIX}/api/"

Answer: TypeAlias = Callable[[Ask], Awaitable[Any]]

_ROUTES: Final[Mapping[str, Mapping[str, Answer]]] = {
    "datasets": {"GET": world.list_datasets},
    "datasets/{}": {"GET": world.get_dataset, "DELETE": world.delete_dataset},
    "datasets/{}/rows": {"GET": world.get_rows},
    "datasets/{}/find": {"GET": world.find_cell},
    "datasets/{}/cells/{}": {"GET": world.get_cell, "PATCH": world.edit_cell},
    "datasets/{}/processing": {"POST": world.set_processing},
    "datasources": {"GET": world.list_datasources},
    "files": {"POST": world.add_file},
    "reset": {"POST": world.reset},
    "requests": {"GET": requests.list_requests},
    "requests/{}": {"GET": requests.get_request},
    "requests/{}/copy": {"GET": requests.copy_request},
    "invariants": {"GET": requests.get_invariants},
    "ledger/clear": {"POST": requests.clear_ledger},
    "quota": {"GET": switches.get_quota, "PATCH": switches.change_quota},
    "faults": {
        "GET": switches.list_faults,
        "POST": switches.add_fault,
        "DELETE": switches.remove_faults,
    },
    "faults/{}": {"DELETE": switches.remove_fault},
    "faults/{}/release": {"POST": switches.release_fault},
    "presets/{}": {"POST": switches.add_preset, "DELETE": switches.remove_preset},
    "mining": {"GET": mining.get_mining},
    "mining/datasets/{}/{}/comments": {"GET": mining.list_comments},
}


class Console:
    """The console of one emulator.

    Args:
        desk: The parts of the emulator.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._static = Static(packaged())
        self._stream = Stream(desk)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer what begins with `PREFIX`."""
        raw_path, _, query = request.raw_path.partition("#")[0].partition("?")
        is_page = not raw_path.startswith(_API)
        try:
            check(request, self._desk.host, page=is_page)
            if is_page:
                return self._page(request, raw_path)
            return await self._api(request, raw_path[len(_API) :], parse_query(query))
        except ApiError as error:
            return self._reply(error.body().decode(), error.status, error.headers)

    def _page(self, request: web.BaseRequest, raw_path: str) -> web.Response:
        rest = raw_path[len(PREFIX) :]
        if rest not in {"", "/"} and not rest.startswith("/"):
            raise ApiError("NOT_FOUND", {"path": raw_path})
        segments = [decode_segment(each) for each in rest[1:].split("/")] if rest[1:] else []
        return self._static.serve(request, "/".join(segments))

    async def _api(
        self, request: web.BaseRequest, path: str, query: dict[str, str]
    ) -> web.StreamResponse:
        if path == "events":
            if request.method != "GET":
                raise _not_allowed(request.method, ("GET",))
            return await self._stream.follow(request, query.get("after"))
        answer, ids = _match(request.method, path, {**_ROUTES, "state": {"GET": self._state}})
        ask = Ask(desk=self._desk, request=request, ids=ids, query=query)
        text = write_json(await answer(ask))
        if request.method not in SAFE_METHODS:
            self._stream.wake()
        return self._reply(text, 200, {})

    def _reply(self, text: str, status: int, headers: Mapping[str, str]) -> web.Response:
        body = encode(self._desk.secrets.hide(text))
        more = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        return web.Response(body=body, status=status, headers={**HEADERS, **more, **headers})

    async def _state(self, ask: Ask) -> Any:
        """Answer ``GET state``: all that a page needs to begin with."""
        desk = ask.desk
        origin = desk.origin()
        return {
            "version": _version(),
            "baseUrl": origin + API_PREFIX,
            "miningBaseUrl": origin + MINING_PREFIX,
            "now": desk.world.clock(),
            "position": self._stream.position(),
            "operations": sorted(OPERATION_IDS),
            "miningOperations": sorted(MINING_OPERATION_IDS),
            "faultKinds": {kind: sorted(details) for kind, details in DETAILS_BY_KIND.items()},
            "presets": presets.shown(),
            "quota": {**switches.quota(desk, 1), "history": []},
            "faults": switches.faults(desk),
            "invariants": requests.invariants(desk),
            "datasets": world.datasets(desk),
            "limits": {
                "rowsPerSlice": world.ROWS_MAX,
                "requestsKept": ENTRIES_KEPT,
                "bodyBytesKept": BODY_BYTES_KEPT,
                "previewCharacters": PREVIEW_CHARACTERS,
                "uploadBytes": desk.world.max_upload_size,
                "lookers": LOOKERS_MAX,
            },
        }


def _version() -> str:
    try:
        return metadata.version("claro-async")
    except metadata.PackageNotFoundError:
        return ""


def _match(
    method: str, path: str, routes: Mapping[str, Mapping[str, Answer]]
) -> tuple[Answer, tuple[str, ...]]:
    segments = [decode_segment(segment) for segment in path.split("/")]
    for template, methods in routes.items():
        shape = template.split("/")
        pairs = list(zip(shape, segments, strict=False))
        if len(shape) != len(segments) or any(want not in ("{}", have) for want, have in pairs):
            continue
        if method not in methods:
            raise _not_allowed(method, methods)
        return methods[method], tuple(have for want, have in pairs if want == "{}")
    raise ApiError("NOT_FOUND", {"path": path})


def _not_allowed(method: str, allowed: Iterable[str]) -> ApiError:
    headers = {"Allow": ", ".join(sorted(allowed))}
    return ApiError("METHOD_NOT_ALLOWED", {"method": method}, headers=headers)
