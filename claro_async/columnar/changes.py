"""What changed between two exports of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def diff(old: Any, new: Any, *, key: str | None = None) -> pa.Table:
    """What changed between two exports of a dataset: a row for each cell that did.

    The table has the columns ``change`` (``added`` or ``removed``, with all cells of the row, or
    ``changed``), ``key``, ``column``, ``old`` and ``new`` (JSON text; no value where there was no
    row) and ``cell_id`` (where the exports have ids). Rows that were added or changed stand in the
    order of `new`, and those that were removed in that of `old`, after them. A column that one of
    both does not have counts as null there. Both tables are in memory; this blocks: in an event
    loop, call it by ``asyncio.to_thread``.

    Args:
        old: The export before: the path of a Parquet or Arrow file, or anything that speaks Arrow
            (a table, a reader, a data frame).
        new: The export now; the same.
        key: The column that tells rows apart. Left out, it is the row's id, which exports have
            with ``cell_ids=True``.

    Raises:
        ImportError: pyarrow is missing.
        ValueError: No such column, a row without a key, a key that comes twice, or a file of
            another kind.
    """
    from claro_async.columnar.diffing import compare  # noqa: PLC0415 - brings pyarrow in

    return compare(old, new, key)
