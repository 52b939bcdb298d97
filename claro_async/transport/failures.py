"""How an attempt fails."""


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
