"""Files of rows, read as they are needed: CSV, JSON, JSON lines, Parquet and Arrow.

:func:`read_rows` gives a :class:`TableReader`, which ``update_from``, ``plan_from`` and
``update_cells`` take, and which can be iterated over by itself.
"""

from claro_async.tables.reader import TableReader, read_rows

__all__ = ["TableReader", "read_rows"]
