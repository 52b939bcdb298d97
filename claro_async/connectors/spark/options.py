"""The options of a Spark read or write, checked before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args
from urllib.parse import quote

import attrs

from claro_async import config
from claro_async.client import ClaroClient
from claro_async.columnar.pages import VALUES, CellParts
from claro_async.connectors.spark.folder import Folder
from claro_async.connectors.spark.given import GivenOptions
from claro_async.errors import ConfigurationError
from claro_async.profile_file import hide
from claro_async.quota_place import resolve_quota
from claro_async.transfers.reading import MAX_EXPORT_ROWS, MAX_PAGE_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OnTypeError = Literal["raise", "null", "string"]
Via = Literal["auto", "export", "pages"]

_LONGEST_RUN = 160  # with what tasks add, a run of the shared quota, and the name of a folder
CLIENT = ("apiKey", "baseUrl", "profile", "quota")
READ = (
    *("api", "dataset", "via", "columns", "windowRows", "cellIds", "metadata", "onTypeError"),
    *CLIENT,
)
WRITE = (
    *("api", "dataset", "key", "receipts", "run", "maxConcurrency", "onError", "uniqueCells"),
    *("report", *CLIENT),
)
ONLY_MINING = ("token", "orderBy", "from", "to", "sources", "windows")


@attrs.frozen(kw_only=True)
class ClientOptions:
    """How a task reaches the API; a client is made of it where it is needed.

    Attributes:
        api_key: The key; without it, the environment of each process or its profile has it.
        base_url: The API's root.
        profile: A profile of the configuration file on each machine.
        quota: Where the quota is shared.
    """

    api_key: str | None = attrs.field(default=None, repr=False)
    base_url: str | None = None
    profile: str | None = None
    quota: str | None = attrs.field(default=None, repr=False)  # may hold a password

    @property
    def resolved_base_url(self) -> str:
        """The API's root, as a client of these options has it.

        Raises:
            ConfigurationError: No key, or settings that cannot work.
        """
        key = hide(self.api_key)
        return config.resolve(config.CLARO, key, self.base_url, self.profile).base_url

    def client(self, run: str | None = None) -> ClaroClient:
        """A client, of a run where one is named.

        Raises:
            ConfigurationError: No key, or settings that cannot work.
        """
        return ClaroClient(
            self.api_key,
            self.base_url,
            profile=self.profile,
            quota=self.quota,
            run=run if self.quota is not None else None,
        )


@attrs.frozen(kw_only=True)
class ReadOptions:
    """What a read is of.

    Attributes:
        client: How to reach the API.
        dataset: The dataset's id.
        columns: Names of the columns that are wanted, or None for all.
        via: How rows are read: by exports of the server's, by pages, or by what takes fewer
            requests.
        window_rows: Rows a partition; None for what suits the way.
        parts: What columns of the frame there are, beside the values.
        on_type_error: What becomes of a value that does not fit its column.
    """

    client: ClientOptions
    dataset: str
    columns: tuple[str, ...] | None = None
    via: Via = "auto"
    window_rows: int | None = None
    parts: CellParts = VALUES
    on_type_error: OnTypeError = "raise"


@attrs.frozen(kw_only=True)
class WriteOptions:
    """What a write is to.

    Attributes:
        client: How to reach the API.
        dataset: The dataset's id.
        key: The column that tells rows apart; None where rows are ``cell_id, value``.
        receipts: The folder of receipts, as a path or the URI of a file system.
        run: The run's id; a write with the id of an earlier one goes on with it.
        max_concurrency: Requests of one task under way at once.
        on_error: ``raise`` fails the write after all was sent where an edit failed, ``report``
            only says so in the report.
        unique_cells: Whether the caller has seen to it that no cell is in two partitions.
        report: A path on the driver for the HTML report, or None.
    """

    client: ClientOptions
    dataset: str
    key: str | None
    receipts: str
    run: str
    max_concurrency: int = 32
    on_error: Literal["raise", "report"] = "raise"
    unique_cells: bool = False
    report: str | None = None


def _client_options(options: GivenOptions) -> ClientOptions:
    client = ClientOptions(
        api_key=options.text("apiKey"),
        base_url=options.text("baseUrl"),
        profile=options.text("profile"),
        quota=options.text("quota"),
    )
    try:
        resolve_quota(client.quota)
    except ConfigurationError as error:
        raise ConfigurationError(f"option 'quota': {error}") from None
    return client


def api_of(given: Mapping[str, str]) -> str:
    """Which API is read: ``claro`` or ``mining``.

    Raises:
        ConfigurationError: Another.
    """
    options = GivenOptions(given, tuple(given), "any read or write", {})
    return options.choice("api", ("claro", "mining"), "claro")


def read_options(given: Mapping[str, str]) -> ReadOptions:
    """The options of ``spark.read.format("claro")``.

    Raises:
        ConfigurationError: One is missing, unknown or outside its limits.
    """
    elsewhere = {**dict.fromkeys(WRITE, "writing"), **dict.fromkeys(ONLY_MINING, "api=mining")}
    options = GivenOptions(given, READ, "reading a dataset", elsewhere)
    via = cast("Via", options.choice("via", get_args(Via), "auto"))
    parts = CellParts(include_metadata=options.truth("metadata"), cell_ids=options.truth("cellIds"))
    if via == "export" and parts != VALUES:
        raise ConfigurationError(
            "option 'via' must be pages, or left out, where 'cellIds' or 'metadata' is true: an"
            " export has neither"
        )
    is_paged = via == "pages" or parts != VALUES
    return ReadOptions(
        client=_client_options(options),
        dataset=options.identifier("dataset", "the id of the dataset to read"),
        columns=options.names("columns"),
        via="pages" if is_paged else via,
        window_rows=options.number(
            "windowRows",
            MAX_PAGE_ROWS,
            None if is_paged else MAX_EXPORT_ROWS,
            step=MAX_PAGE_ROWS,
        ),
        parts=parts,
        on_type_error=cast(
            "OnTypeError", options.choice("onTypeError", get_args(OnTypeError), "raise")
        ),
    )


def write_options(given: Mapping[str, str], *, new_run: Callable[[], str]) -> WriteOptions:
    """The options of ``df.write.format("claro")``.

    Raises:
        ConfigurationError: One is missing, unknown or outside its limits.
    """
    options = GivenOptions(given, WRITE, "writing", dict.fromkeys(READ, "reading"))
    if api_of(given) == "mining":
        raise ConfigurationError(
            "option 'api' must be claro for writing: comments of Communications Mining are read"
            " only"
        )
    kinds: dict[str, Any] = {"on_error": options.choice("onError", ("raise", "report"), "raise")}
    chosen = WriteOptions(
        client=_client_options(options),
        dataset=options.identifier("dataset", "the id of the dataset to write to"),
        key=options.text("key"),
        receipts=options.needed(
            "receipts",
            "a folder, on a file system that all tasks reach, in which they write down what they"
            " send: without it a task that is repeated would send its edits twice",
        ),
        run=options.text("run") or new_run(),
        max_concurrency=options.number("maxConcurrency", 1) or 32,
        unique_cells=options.truth("uniqueCells"),
        report=options.text("report"),
        **kinds,
    )
    _check_places(chosen)
    return chosen


def _check_places(options: WriteOptions) -> None:
    """Refuse what would come to nothing after edits were sent.

    Raises:
        ConfigurationError: A run that cannot name a folder or a fence, or a report that cannot be
            written.
    """
    run, quota = options.run, options.client.quota
    length = len(quote(run, safe=""))
    if length > _LONGEST_RUN or not run.isprintable() or run in {".", ".."}:
        raise ConfigurationError(
            f"option 'run' must be up to {_LONGEST_RUN} printable characters, with three a byte"
            " for those other than A-Z a-z 0-9 . - _ ~, and not . or ..: use the id of a job"
        )
    if (place := resolve_quota(quota)) is not None and place.run:
        raise ConfigurationError(
            "option 'quota' must not name a run (?run=…): each task has one of its own, and option"
            " 'run' names that of the write"
        )
    Folder.open(options.receipts, run)
    if options.report is not None:
        report = Path(options.report)
        if report.is_dir() or not report.parent.is_dir():
            raise ConfigurationError(
                "option 'report' must be the path of a file in a folder that is there, on the"
                f" driver, not {options.report!r}"
            )
