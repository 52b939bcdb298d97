"""How an attempt fails."""

from __future__ import annotations


class AttemptError(Exception):
    """An attempt ended without a whole reply.

    Attributes:
        sent: False when it is certain that no byte of the request went out.
        timed_out: Whether it was a matter of time.
        final: Whether every further attempt would end the same way, as with a certificate that
            cannot be trusted.
    """

    def __init__(
        self, reason: str, *, sent: bool, timed_out: bool = False, final: bool = False
    ) -> None:
        super().__init__(reason)
        self.sent = sent
        self.timed_out = timed_out
        self.final = final

    def again(self) -> AttemptError:
        """The same as a new exception, to which no frame hangs on."""
        return AttemptError(str(self), sent=self.sent, timed_out=self.timed_out, final=self.final)
