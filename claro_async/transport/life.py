"""Where a client may be used: until it is closed, in one event loop and one process."""

from __future__ import annotations

import asyncio
import os

from claro_async.errors import ClientClosedError, ForkedClientError, OtherLoopError


class Life:
    """Notes where a client is used first, and refuses any use elsewhere or later."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._closed = False

    def check(self) -> None:
        """See that the client may be used here and now; the first use opens it.

        Raises:
            ClientClosedError: It was closed.
            ForkedClientError: This process is a fork of the one that opened it.
            OtherLoopError: Another event loop opened it.
        """
        self.check_open()
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop, self._process = loop, os.getpid()
        elif os.getpid() != self._process:
            raise ForkedClientError(
                "the client was opened before this process was forked, and its connections belong"
                " to the other process: make one in each process"
            )
        elif loop is not self._loop:
            raise OtherLoopError(
                "the client was opened in another event loop, where its connections are: make one"
                " in each event loop (each asyncio.run() has one of its own)"
            )

    def check_open(self) -> None:
        """See that the client was not closed since :meth:`check`, which asks the system twice.

        Raises:
            ClientClosedError: It was closed.
        """
        if self._closed:
            raise ClientClosedError("the client is closed: make a new one")

    @property
    def is_over(self) -> bool:
        """Whether the client was closed."""
        return self._closed

    def end(self) -> bool:
        """From now on, refuse every use.

        Returns:
            Whether what was opened is ours to close; in a fork it is the other process's.
        """
        self._closed = True
        return self._process in {0, os.getpid()}
