"""The options of a read of comments, ``api=mining``, checked before anything is sent."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from claro_async.communications_mining.client import CommunicationsMiningClient
from claro_async.communications_mining.columns import COLUMNS
from claro_async.communications_mining.models import CommentOrder
from claro_async.communications_mining.selection import (
    MAX_SOURCES,
    MAX_TIME_RANGES,
    TimeRangeKeywords,
)
from claro_async.connectors.spark.given import GivenOptions
from claro_async.connectors.spark.options import ONLY_MINING, READ, WRITE
from claro_async.errors import ConfigurationError
from claro_async.wire.identifiers import encode_segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claro_async.communications_mining.datasets import Dataset

_READ = ("api", "dataset", "columns", *ONLY_MINING, "baseUrl", "profile")
_DATASET = "project/name of a dataset of Communications Mining"


@attrs.frozen(kw_only=True)
class MiningOptions:
    """Which comments are read.

    Attributes:
        token: The bearer token; without it, the environment of each process or its profile has it.
        base_url: The API's root.
        profile: A profile of the configuration file on each machine.
        project: Name of the project.
        name: Name of the dataset.
        columns: The columns that are wanted.
        order_by: Which time sorts, filters and cuts.
        from_: The first time that counts.
        to: The last time that counts, itself included.
        source_ids: Only comments of these sources.
        windows: Time ranges, a partition each.
    """

    token: str | None = attrs.field(repr=False)
    base_url: str | None
    profile: str | None
    project: str
    name: str
    columns: tuple[str, ...]
    order_by: CommentOrder
    from_: datetime | None
    to: datetime | None
    source_ids: tuple[str, ...] | None
    windows: int

    def client(self) -> CommunicationsMiningClient:
        """A client.

        Raises:
            ConfigurationError: No token, or settings that cannot work.
        """
        return CommunicationsMiningClient(self.token, self.base_url, profile=self.profile)

    def dataset(self, mining: CommunicationsMiningClient) -> Dataset:
        """The dataset."""
        return mining.dataset(self.project, self.name)

    @property
    def selection(self) -> TimeRangeKeywords:
        """The filters of an export."""
        return TimeRangeKeywords(
            order_by=self.order_by, from_=self.from_, to=self.to, source_ids=self.source_ids
        )


def mining_options(given: Mapping[str, str]) -> MiningOptions:
    """The options of ``spark.read.format("claro").option("api", "mining")``.

    Raises:
        ConfigurationError: One is missing, unknown or outside its limits.
    """
    elsewhere = {
        **dict.fromkeys(WRITE, "writing"),
        **dict.fromkeys(READ, "api=claro"),
        "apiKey": "api=claro; here it is 'token'",
        "quota": "api=claro: this API tells of no rate limit",
    }
    options = GivenOptions(given, _READ, "reading comments", elsewhere)
    project, name = _dataset(options)
    start, end = _moment(options, "from"), _moment(options, "to")
    if start is not None and end is not None and start > end:
        raise ConfigurationError("option 'from' is later than 'to': no comment is of such a time")
    sources = options.names("sources")
    if sources is not None and len(sources) > MAX_SOURCES:
        raise ConfigurationError(
            f"option 'sources' must have up to {MAX_SOURCES} ids, not {len(sources)}: leave it out"
            " for all, or read several times"
        )
    return MiningOptions(
        token=options.text("token"),
        base_url=options.text("baseUrl"),
        profile=options.text("profile"),
        project=project,
        name=name,
        columns=_columns(options),
        order_by=CommentOrder(
            options.choice("orderBy", [each.value for each in CommentOrder], "timestamp")
        ),
        from_=start,
        to=end,
        source_ids=sources,
        windows=options.number("windows", 1, MAX_TIME_RANGES) or 8,
    )


def _dataset(options: GivenOptions) -> tuple[str, str]:
    project, _, name = options.needed("dataset", _DATASET).partition("/")
    try:
        encode_segment(project, "project")
        encode_segment(name, "name")
    except ValueError as error:
        raise ConfigurationError(f"option 'dataset' must be {_DATASET}: {error}") from None
    return project, name


def _columns(options: GivenOptions) -> tuple[str, ...]:
    chosen = options.names("columns")
    if chosen is None:
        return tuple(COLUMNS)
    for name in chosen:
        if name not in COLUMNS:
            raise ConfigurationError(
                f"option 'columns' names {name!r}, and comments have no such column; there are"
                f" {', '.join(COLUMNS)}"
            )
    return chosen


def _moment(options: GivenOptions, name: str) -> datetime | None:
    value = options.text(name)
    if value is None:
        return None
    with suppress(ValueError):
        moment = datetime.fromisoformat(value)
        if moment.utcoffset() is not None:
            return moment
    raise ConfigurationError(
        f"option {name!r} must be a time with its offset, such as 2026-01-31T00:00:00Z, not"
        f" {value!r}"
    )
