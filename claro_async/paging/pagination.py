"""Where a page stands among all pages, whatever the reply says of it.

Claro API v2, "Manage Dataset", samples of "List All Datasets" and "Get Dataset Data": ``page``,
``limit``, ``total`` and ``totalPages``. A field that is missing, null or no count is worked out
from the others, so that reading can go on.
"""

from __future__ import annotations

from typing import Any

from claro_async.models import Pagination

_FIELDS = ("page", "limit", "total", "totalPages")
_EXACT_FLOAT = 2.0**53


def read_pagination(
    value: Any, *, page: int, limit: int, count: int, before: int | None = None
) -> Pagination:
    """The pagination of a reply; what it does not say is worked out.

    A number of pages that is not given follows from the total; where there is none either, one more
    page is assumed behind each page that has items. A page without items is the last one, whatever
    number of pages is announced. A total that is not given is the number of items so far.

    Args:
        value: What the reply has, decoded.
        page: The page that was asked for.
        limit: The items a page that were asked for.
        count: The items that came.
        before: The items on the pages before, where they are known.
    """
    said = value if isinstance(value, dict) else {}
    counts = {name: _count(said.get(name)) for name in _FIELDS}
    number = page if counts["page"] is None else counts["page"]
    size = counts["limit"] or limit
    total, pages = counts["total"], counts["totalPages"]
    if pages is None:
        pages = -(-total // size) if total is not None else page + 1 if count else page
    if not count:
        pages = min(pages, page)
    if total is None:
        total = ((page - 1) * size if before is None else before) + count
    kept = {name: item for name, item in said.items() if name not in _FIELDS or _is_odd(item)}
    return Pagination(number, size, total, pages, kept)


def _count(value: Any) -> int | None:
    """A count, also as a whole float; None for anything else."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT_FLOAT:
        value = int(value)
    return value if type(value) is int and value >= 0 else None


def _is_odd(value: Any) -> bool:
    return value is not None and _count(value) is None
