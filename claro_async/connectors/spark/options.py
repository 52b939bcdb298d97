"""The options of a Spark read or write, checked before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import attrs

from claro_async import config
from claro_async.client import ClaroClient
from claro_async.errors import ConfigurationError
from claro_async.profile_file import hide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OnTypeError = Literal["raise", "null", "string"]

PAGE_ROWS = 1000
"""The most rows that a page has."""
_CLIENT = ("apiKey", "baseUrl", "profile", "quota")
_READ = ("dataset", "columns", "windowRows", "cellIds", "onTypeError")
_WRITE = ("dataset", "key", "receipts", "run", "maxConcurrency", "onError", "uniqueCells", "report")


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
    quota: str | None = None

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
        window_rows: Rows a partition.
        cell_ids: Whether each column is followed by one with its cells' ids.
        on_type_error: What becomes of a value that does not fit its column.
    """

    client: ClientOptions
    dataset: str
    columns: tuple[str, ...] | None = None
    window_rows: int = 10_000
    cell_ids: bool = False
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


class _Options:
    """Reads options one by one, by the names that users write."""

    def __init__(self, given: Mapping[str, str], known: tuple[str, ...], purpose: str) -> None:
        self._given = {name.lower(): value for name, value in given.items()}
        names = {name.lower() for name in (*_CLIENT, *known)}
        # Spark itself adds some, such as `path` of load("…")
        for name in self._given:
            if name not in names:
                raise ConfigurationError(
                    f"there is no option {name!r} for {purpose}; there are"
                    f" {', '.join((*_CLIENT, *known))}"
                )

    def text(self, name: str) -> str | None:
        return self._given.get(name.lower())

    def needed(self, name: str, why: str) -> str:
        value = self.text(name)
        if not value:
            raise ConfigurationError(f"option {name!r} is missing: {why}")
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self._given.get(name.lower(), default)
        if value not in choices:
            raise ConfigurationError(
                f"option {name!r} must be {' or '.join(choices)}, not {value!r}"
            )
        return value

    def number(self, name: str, default: int, check: Callable[[int], bool], rule: str) -> int:
        value = self._given.get(name.lower())
        if value is None:
            return default
        if not value.isascii() or not value.isdigit() or not check(int(value)):
            raise ConfigurationError(f"option {name!r} must be {rule}, not {value!r}")
        return int(value)

    def truth(self, name: str) -> bool:
        return self.choice(name, ("true", "false"), "false") == "true"

    def client(self) -> ClientOptions:
        return ClientOptions(
            api_key=self.text("apiKey"),
            base_url=self.text("baseUrl"),
            profile=self.text("profile"),
            quota=self.text("quota"),
        )


def read_options(given: Mapping[str, str]) -> ReadOptions:
    """The options of ``spark.read.format("claro")``.

    Raises:
        ConfigurationError: One is missing, unknown or outside its limits.
    """
    options = _Options(given, _READ, "reading")
    columns = options.text("columns")
    return ReadOptions(
        client=options.client(),
        dataset=options.needed("dataset", "the id of the dataset to read"),
        columns=None if columns is None else tuple(each.strip() for each in columns.split(",")),
        window_rows=options.number(
            "windowRows",
            10_000,
            lambda rows: rows > 0 and not rows % PAGE_ROWS,
            "a multiple of 1000",
        ),
        cell_ids=options.truth("cellIds"),
        on_type_error=cast(
            "OnTypeError", options.choice("onTypeError", get_args(OnTypeError), "raise")
        ),
    )


def write_options(given: Mapping[str, str], *, new_run: Callable[[], str]) -> WriteOptions:
    """The options of ``df.write.format("claro")``.

    Raises:
        ConfigurationError: One is missing, unknown or outside its limits.
    """
    options = _Options(given, _WRITE, "writing")
    kinds: dict[str, Any] = {"on_error": options.choice("onError", ("raise", "report"), "raise")}
    return WriteOptions(
        client=options.client(),
        dataset=options.needed("dataset", "the id of the dataset to write to"),
        key=options.text("key"),
        receipts=options.needed(
            "receipts",
            "a folder, on a file system that all tasks reach, in which they write down what they"
            " send: without it a task that is repeated would send its edits twice",
        ),
        run=options.text("run") or new_run(),
        max_concurrency=options.number("maxConcurrency", 32, lambda n: n >= 1, "at least 1"),
        unique_cells=options.truth("uniqueCells"),
        report=options.text("report"),
        **kinds,
    )
