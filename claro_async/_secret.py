"""A text that must not show."""

from __future__ import annotations


class Secret:
    """A text that shows in no repr, str, log line, traceback or pickle."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; call it where the header is written, and keep no copy."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    def __reduce__(self) -> str:
        msg = "a Secret cannot be pickled: hand the key over by the environment"
        raise TypeError(msg)
