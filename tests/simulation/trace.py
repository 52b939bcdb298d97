"""What happened, in order, for a person to read."""

from __future__ import annotations

from typing import Any

_SHOWN = 300


class Trace:
    """Notes of who did what when.

    Attributes:
        events: True time in seconds, who, what, and details.
    """

    def __init__(self) -> None:
        self.events: list[tuple[float, str, str, tuple[Any, ...]]] = []

    def add(self, when: float, who: str, what: str, *details: Any) -> None:
        """Note an event."""
        self.events.append((when, who, what, details))

    def text(self, last: int | None = None) -> str:
        """The events, a line each."""
        events = self.events if last is None else self.events[-last:]
        return "\n".join(
            f"{when:12.4f}  {who:<10} {what:<14} " + "  ".join(_brief(each) for each in details)
            for when, who, what, details in events
        )

    def digest(self) -> int:
        """A number that two runs of one seed have in common."""
        from zlib import crc32  # noqa: PLC0415 - seldom wanted

        return crc32(self.text().encode())


def _brief(detail: Any) -> str:
    text = detail if isinstance(detail, str) else repr(detail)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
