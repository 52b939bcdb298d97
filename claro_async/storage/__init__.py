"""Files that are whole or not there, SQLite files that one process has open, and their threads.

Everything here blocks, except what is a coroutine: coroutines leave what blocks to a thread, and
never return, not even when they are cancelled, while a thread still works on what they would close.

- :class:`~claro_async.storage.atomic.AtomicFile`: a file in the making, renamed into its place.
- :class:`~claro_async.storage.sqlite.LockedSqlite`: a SQLite file of ours, with a lock beside it.
- :func:`~claro_async.storage.target.find_target`: what stands at a path, and whether it can be
  written.
- :func:`~claro_async.storage.threads.in_thread`, :class:`~claro_async.storage.threads.OwnThread`.
"""
