"""A request as a call of this package's client, and as a program around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from claro_async.emulator.console.security import query_text
from claro_async.emulator.console.shapes import body_size
from claro_async.emulator.errors import ApiError, invalid
from claro_async.emulator.mining.routing import MINING_PREFIX, match_mining
from claro_async.emulator.multipart import read_file
from claro_async.emulator.routing import API_PREFIX, DOWNLOAD, decode_segment, match_path
from claro_async.emulator.validation import dump_json, parse_json, parse_query

if TYPE_CHECKING:
    from claro_async.emulator.recent import Kept

_NO_SUCCESS: Final = 300
_LIST_DEFAULT, _ROWS_DEFAULT = "20", "50"
_OF_ROWS: Final = frozenset({"getDatasetData", "getDatasourceData"})
_ENCODED: Final = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*")
_DOTS: Final = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
WRONG_KEY: Final = "not-the-key"
"""Stands for a key that was wrong: the ledger keeps none."""
_FILE_NAME: Final = re.compile(r'filename="([\w.-]+)"', re.ASCII)


class Upload(NamedTuple):
    """A file that was uploaded."""

    name: str
    data: bytes

    def text(self) -> str:
        """Read the file as text.

        Raises:
            ApiError: ``INVALID_PARAMETERS`` when it is none.
        """
        return _as_text(self.data)


class Copied(NamedTuple):
    """A request with what its parts mean.

    Attributes:
        ids: The ids in its path.
        query: Its query; None where it is given twice or is no UTF-8.
        body: The bytes of its body.
        json: What these say, or None.
        upload: The file that it uploaded.
    """

    kept: Kept
    ids: tuple[str, ...]
    query: Mapping[str, str] | None
    body: bytes
    json: Any
    upload: Upload | None

    def text(self) -> str:
        """Read the body as text.

        Raises:
            ApiError: ``INVALID_PARAMETERS`` when it is none.
        """
        return _as_text(self.body)

    @property
    def operation(self) -> str:
        """The operation; empty for a path that there is not."""
        return self.kept.record.operation or ""

    @property
    def is_mining(self) -> bool:
        """Whether it went to the Communications Mining part."""
        return self.kept.record.raw_path.startswith(MINING_PREFIX + "/")

    @property
    def is_rejected(self) -> bool:
        """Whether it was answered with an error that stays."""
        status = self.kept.record.status
        return status is not None and _NO_SUCCESS <= status < 500 and status != 429  # noqa: PLR2004 - the server's own errors, and throttled

    @property
    def path(self) -> str:
        """The path below the base URL."""
        return self.kept.record.raw_path.removeprefix(
            MINING_PREFIX if self.is_mining else API_PREFIX
        )


def _as_text(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise invalid("as", "the body is not text") from None
    if "\0" in text:
        raise invalid("as", "the body holds a zero byte")
    return text


def copied(kept: Kept) -> Copied:
    """Read a request.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for a body that is not kept whole.
    """
    record = kept.record
    size = body_size(kept)
    if len(kept.body) < size:
        raise invalid("as", f"the body of {size} bytes is not kept whole")
    value, upload = None, None
    try:
        if record.operation == "uploadDatasource":
            upload = Upload(*read_file(record.headers.get("Content-Type"), kept.body))
        elif kept.body:
            value = parse_json(kept.body)
    except ApiError:
        value = None
    return Copied(kept, _ids(kept), _query(query_text(record.query)), kept.body, value, upload)


def _query(raw: str) -> Mapping[str, str] | None:
    try:
        return parse_query(raw)
    except ApiError:
        return None


def _ids(kept: Kept) -> tuple[str, ...]:
    record = kept.record
    try:
        if record.raw_path.startswith(MINING_PREFIX + "/"):
            return match_mining(record.method, record.raw_path).ids
        if record.operation == DOWNLOAD:
            return (decode_segment(record.raw_path.rpartition("/")[2]),)
        return match_path(record.method, record.raw_path).ids
    except ApiError:
        return ()


_Write: TypeAlias = Callable[[Copied], str | None]


def call(what: Copied) -> str:
    """Write the call, beginning with the name of the client.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` where there is none.
    """
    wanted = None if what.is_rejected else _CALLS.get(what.operation)
    try:
        text = None if wanted is None else wanted(what)
    except (KeyError, ValueError):
        text = None
    return text or _plain(what)


def key(what: Copied, right: str) -> str:
    """Write the client's argument for its key: the right one, or one that is as wrong as it was.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for a request without a key.
    """
    authorization = what.kept.record.authorization
    if what.operation == DOWNLOAD:  # the URL needs none, but the call that asks for it does
        return right
    if authorization == "absent":
        raise invalid("as", "it came without a key, and the client always sends one")
    return repr(WRONG_KEY) if authorization == "wrong" else right


def _plain(what: Copied) -> str:
    """The call that sends anything."""
    record = what.kept.record
    if not record.raw_path.startswith((API_PREFIX + "/", MINING_PREFIX + "/")):
        raise invalid("as", "the client has no call for this path")
    if not _ENCODED.fullmatch(what.path) or _DOTS.search(what.path):
        raise invalid("as", "the client sends only paths that are percent-encoded")
    if what.query is None:
        raise invalid("as", "the client sends each parameter once, and as UTF-8")
    form = _form(what)
    params = f"params={dict(what.query)!r}" if what.query else ""
    parts = [repr(record.method), repr(what.path), *filter(None, (params, form))]
    return f"{'mining' if what.is_mining else 'claro'}.request({', '.join(parts)})"


def _form(what: Copied) -> str:
    if what.upload is not None:
        return f"files={{'file': ({what.upload.name!r}, {what.upload.data!r})}}"
    if not what.body:
        return ""
    kind = what.kept.record.headers.get("Content-Type", "")
    if not kind.lower().startswith("application/json"):
        raise invalid("as", "the body was not sent as JSON, and the client sends nothing else")
    try:
        dump_json(what.json)
    except ApiError:
        raise invalid("as", "the body holds text that the client cannot send") from None
    if what.json is None:
        raise invalid("as", "the body is not JSON")
    return f"json={what.json!r}"


def _keywords(values: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Write keyword arguments.

    Raises:
        KeyError: For one that the method does not have.
    """
    return ", ".join(f"{names[name]}={value!r}" for name, value in values.items())


def _page(what: Copied, kinds: Mapping[str, str]) -> str:
    default = _ROWS_DEFAULT if what.operation in _OF_ROWS else _LIST_DEFAULT
    query: dict[str, Any] = {"limit": default, **(what.query or {})}
    for name in ("page", "limit"):
        if name in query:
            query[name] = int(query[name])
    if "columns" in query:
        query["columns"] = query["columns"].split(",")
    if "includeMetadata" in query:
        query["includeMetadata"] = {"true": True, "false": False}[query["includeMetadata"]]
    return _keywords(query, {"page": "start_page", "limit": "limit", **kinds})


def _dataset(method: str) -> _Write:
    return lambda what: f"claro.dataset({what.ids[0]!r}).{method}"


def _datasource(method: str) -> _Write:
    return lambda what: f"claro.datasource({what.ids[0]!r}).{method}"


def _body(what: Copied, names: Mapping[str, str]) -> str:
    return _keywords(what.json or {}, names)


_ROWS: Final = {"columns": "columns", "includeMetadata": "include_metadata"}
_SOURCES: Final = {"status": "status", "contentType": "content_type"}
_SORTED: Final = {"sort": "sort", "order": "order", "filter": "filter"}
_EXPORT: Final = {
    "format": "format",
    "rowCount": "row_count",
    "skip": "skip",
    "columnIds": "columns",
    "includeMetadata": "include_metadata",
    "expiresIn": "expires_in",
}
_NEW: Final = {
    name: name for name in ("title", "description", "source_ids", "model_family", "has_sentiment")
}


def _update_cell(what: Copied) -> str:
    dataset_id, cell_id = what.ids
    return f"claro.dataset({dataset_id!r}).update_cell({cell_id!r}, {what.json['value']!r})"


def _update_column(what: Copied) -> str:
    given = _body(what, {"name": "name", "metadata": "metadata"})
    return f"claro.dataset({what.ids[0]!r}).update_column({what.ids[1]!r}, {given})"


def _set_task_type(what: Copied) -> str:
    column, task_type = what.ids[1], what.json["taskType"]
    metadata = f"metadata={what.json['metadata']!r}, " if "metadata" in what.json else ""
    rest = f"{column!r}, {task_type!r}, {metadata}confirm={column!r}"
    return f"claro.dataset({what.ids[0]!r}).set_task_type({rest})"


def _link(what: Copied) -> str:
    rest = f"{what.ids[1]!r}, {what.json['datasourceId']!r}"
    return f"claro.dataset({what.ids[0]!r}).link_datasource({rest})"


def _upload(what: Copied) -> str | None:
    if what.upload is None:
        return None
    rest = f"{what.ids[1]!r}, {what.upload.data!r}, filename={what.upload.name!r}"
    return f"claro.dataset({what.ids[0]!r}).upload_datasource({rest})"


def _download(what: Copied) -> str:
    if not what.kept.record.raw_path.startswith("/download/"):
        raise invalid("as", "the file of an export has no call of its own: export it again")
    found = _FILE_NAME.search(what.kept.reply_headers.get("Content-Disposition", ""))
    name = found[1] if found else what.ids[0]
    return f"claro.datasource({what.ids[0]!r}).download({name!r})"


def _mining(method: str) -> _Write:
    return lambda what: f"mining.dataset({what.ids[0]!r}, {what.ids[1]!r}).{method}"


def _mining_delete(what: Copied) -> str:
    whole = "/".join(what.ids)
    return f"mining.dataset({what.ids[0]!r}, {what.ids[1]!r}).delete(confirm={whole!r})"


def _mining_body(method: str) -> _Write:
    def written(what: Copied) -> str:
        (given,) = what.json.values()
        keywords = _keywords(given, _NEW)
        return f"mining.dataset({what.ids[0]!r}, {what.ids[1]!r}).{method}({keywords})"

    return written


_CALLS: Final[Mapping[str, _Write]] = {
    "listDatasets": lambda what: (
        f"claro.datasets.list({_page(what, {'type': 'type', 'status': 'status'})})"
    ),
    "getDataset": _dataset("get()"),
    "getDatasetData": lambda what: f"claro.dataset({what.ids[0]!r}).rows({_page(what, _ROWS)})",
    "updateCell": _update_cell,
    "updateColumn": _update_column,
    "updateColumnTaskType": _set_task_type,
    "linkDatasource": _link,
    "uploadDatasource": _upload,
    "deleteDataset": lambda what: f"claro.dataset({what.ids[0]!r}).delete(confirm={what.ids[0]!r})",
    "exportDataset": lambda what: (
        f"claro.dataset({what.ids[0]!r}).create_export({_body(what, _EXPORT)})"
    ),
    "listDatasources": lambda what: f"claro.datasources.list({_page(what, _SOURCES)})",
    "getDatasource": _datasource("get()"),
    "getDatasourceData": lambda what: (
        f"claro.datasource({what.ids[0]!r}).rows({_page(what, _SORTED)})"
    ),
    "deleteDatasource": lambda what: (
        f"claro.datasource({what.ids[0]!r}).delete(confirm={what.ids[0]!r})"
    ),
    "createDatasourceDownload": lambda what: (
        f"claro.datasource({what.ids[0]!r})"
        f".create_download_link({_body(what, {'expiresIn': 'expires_in'})})"
    ),
    DOWNLOAD: _download,
    "mining.listAllDatasets": lambda _: "mining.datasets.list()",
    "mining.listProjectDatasets": lambda what: f"mining.datasets.list(project={what.ids[0]!r})",
    "mining.getProjectDataset": _mining("get()"),
    "mining.getModelTags": _mining("model_tags()"),
    "mining.createDataset": _mining_body("create"),
    "mining.updateDataset": _mining_body("update"),
    "mining.deleteDataset": _mining_delete,
}

_PROGRAM: Final = """\
import asyncio

from claro_async import {client}


async def main() -> None:
    async with {client}({key}) as {name}:  # {variables}
        print(await {call})


asyncio.run(main())
"""


def program(what: Copied) -> str:
    """Write a program that makes the call, with the settings of its environment.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` where there is no such call.
    """
    client, name, variables = _CLIENTS[what.is_mining]
    text = call(what)
    return _PROGRAM.format(
        client=client, key=key(what, ""), name=name, variables=variables, call=text
    )


_CLIENTS: Final = {
    False: ("ClaroClient", "claro", "CLARO_API_KEY, CLARO_BASE_URL"),
    True: (
        "CommunicationsMiningClient",
        "mining",
        "COMMUNICATIONS_MINING_TOKEN, COMMUNICATIONS_MINING_BASE_URL",
    ),
}
