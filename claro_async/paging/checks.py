"""Whether the pages of one walk belong together: nothing comes twice, nothing is missing unnoticed.

The documents say nothing of data that changes between two pages. The rules, for every listing and
for the rows of datasets and data sources:

* A page that says to be another than the one asked for is an error: something between us and the
  server does not tell pages apart.
* A page without items, while the server says that there are more, is an error. So each request
  brings items or ends the walk, whatever number of pages is announced.
* Items that the page before had already are left out if the total has grown since: some were added
  further up, and moved all others down. Otherwise, or if a page has no others, they are an error.
* If the total has become smaller, items that were not read yet may have moved up and be missed.
  That is logged once; it is an error where a whole copy is made (``strict``).
* Rows that end before as many came as there are by the last page are an error.

Items that are added at the end while the walk goes on are read like all others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from claro_async._logging import LOGGER
from claro_async.errors import DecodeError, TransferError

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from claro_async.models import Pagination


@attrs.define(kw_only=True)
class WalkCheck:
    """What is known of the pages of a walk so far.

    Attributes:
        name: What is read, for messages.
        strict: Whether items that may have been missed are an error.
        seen: How many items stand on the pages so far, those before the first page included; None
            before the first.
        total: How many items there are by the page before; None before the first.
        keys: What tells the items of the page before from each other.
        warned: Whether it was logged that items may have been missed.
    """

    name: str
    strict: bool = False
    seen: int | None = None
    total: int | None = None
    keys: AbstractSet[str] = frozenset()
    warned: bool = False

    def add(
        self, number: int, pagination: Pagination, count: int, keys: AbstractSet[str]
    ) -> AbstractSet[str]:
        """Check a page; returns the keys of those items that the page before had already.

        Args:
            number: The page that was asked for.
            pagination: Where the page says to stand.
            count: How many items it has.
            keys: What tells them from each other; empty where nothing does.

        Raises:
            DecodeError: It does not belong to the walk.
            TransferError: Items may have been missed, and ``strict`` is set.
        """
        if pagination.page != number:
            raise DecodeError(
                f"{self.name}: page {number} was asked for, and page {pagination.page} came",
                path="pagination.page",
            )
        before = (number - 1) * pagination.limit
        if not count and before < pagination.total:
            raise DecodeError(
                f"{self.name}: page {number} has no items, but there should be"
                f" {pagination.total:,} in all",
                path="pagination",
            )
        repeated = self._repeated(number, pagination, keys)
        self._check_total(pagination.total)
        self.seen = (before if self.seen is None else self.seen) + count
        self.total = pagination.total
        self.keys = keys
        return repeated

    def end(self) -> None:
        """Check that all items came, after the last page that there is.

        Raises:
            DecodeError: There are fewer than the last page says.
        """
        if self.seen is not None and self.total is not None and self.seen < self.total:
            raise DecodeError(
                f"{self.name}: the pages end after {self.seen:,} of {self.total:,} items",
                path="pagination.total",
            )

    def _repeated(
        self, number: int, pagination: Pagination, keys: AbstractSet[str]
    ) -> AbstractSet[str]:
        if keys.isdisjoint(self.keys):  # as of nearly all pages, and cheaper to find out
            return frozenset()
        repeated = keys & self.keys
        grown = self.total is not None and pagination.total > self.total
        if not grown or len(repeated) == len(keys):
            raise DecodeError(
                f"{self.name}: page {number} has {len(repeated):,} items of page {number - 1}",
                path="pagination.page",
            )
        return repeated

    def _check_total(self, total: int) -> None:
        if self.total is None or total >= self.total or self.warned:
            return
        text = f"{self.name}: {self.total:,} items have become {total:,} while they were read"
        if self.strict:
            raise TransferError(f"{text}; some may have been missed")
        self.warned = True
        LOGGER.warning("%s; some may have been missed", text)
