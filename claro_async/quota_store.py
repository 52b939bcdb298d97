"""Where several clients keep the quota that they share: the one method to write for a new place.

A file and Redis are built in (``quota="file:///…"``, ``quota="redis://…"``). Any other place that
can change one small record with nobody else between will do: a row of a database, a lease of a
coordination service. Write a class with the methods of :class:`QuotaStore` and pass an instance as
``quota=``.

The order of calls: :meth:`QuotaStore.update` as often as the client sends, begun in the client's
event loop and never two at once for one client; :meth:`QuotaStore.close_run` when a run is closed.
A store that was passed in is left open: whoever made it closes it, after its clients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

Change: TypeAlias = Callable[[bytes | None, float], bytes]
"""Takes a record, or None where there is none yet, and the store's time in seconds; returns what
the record is to be from then on."""


@runtime_checkable
class QuotaStore(Protocol):
    """Keeps one small record for each key's quota.

    A record is some kilobytes of text that only this package reads. It may be lost or fall back to
    an older one (a flush, a failover): clients restore what they know.
    """

    async def update(self, name: str, change: Change, *, run: str = "") -> None:
        """Load a record, change it and store it, with nobody else between.

        Args:
            name: Names the record: 64 hexadecimal digits made of API and key, which show neither.
            change: Makes the new record of the old one. It may be called several times, each time
                with the record as it is then, and in another thread; it does no I/O. Its second
                argument is a clock that all clients of the store share, in seconds from any
                beginning: of the database's server, or of the machine.
            run: Where given, the record is changed only while that run of this name is open; both
                are checked and done in one step.

        Raises:
            RunClosedError: That run is closed; nothing was changed.
            ConnectionFailedError: The store cannot be reached now; the client tries again for some
                time. Name the host and the cause.
            ConfigurationError: The store cannot be used at all; the client gives up.
        """

    async def close_run(self, name: str, run: str) -> None:
        """Close a run of this name, for 30 days at least; closing it again changes nothing.

        Raises:
            ConnectionFailedError: As for :meth:`update`.
            ConfigurationError: As for :meth:`update`.
        """
