"""Faults that come together, under the names of the situations that they play."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Strike(NamedTuple):
    """One of the faults of a preset."""

    kind: str
    probability: float
    details: Mapping[str, Any] = {}
    operation: str = "*"


class Preset(NamedTuple):
    """A situation: its title, what it is like, and its faults."""

    title: str
    description: str
    strikes: tuple[Strike, ...]


SECONDS: Final = 60.0
"""How long a preset is on unless asked otherwise."""

PRESETS: Final[Mapping[str, Preset]] = {
    "bad-wifi": Preset(
        "Bad Wi-Fi",
        "Replies come late or not at all, before and after the change was made; some break off",
        (
            Strike("reset", 0.04),
            Strike("disconnect", 0.04, {"apply": True}),
            Strike("truncate", 0.03),
            Strike("slow", 0.4, {"delay": 0.1, "jitter": 1.4}),
        ),
    ),
    "vendor-incident": Preset(
        "Vendor incident",
        "Errors of the server and of its gateway, before and after the change was made",
        (
            Strike("status", 0.25, {"status": 503, "retry_after": 1}),
            Strike("status", 0.08, {"status": 500, "apply": True}),
            Strike("html", 0.1),
            Strike("late", 0.05, {"delay": 2.0}, "updateCell"),
        ),
    ),
    "slow-morning": Preset(
        "Slow morning",
        "Everybody is at work: replies take a second or three, and the quota is used by others",
        (
            Strike("rate_limit", 0.08, {"retry_after": 1}),
            Strike("slow", 0.8, {"delay": 1.0, "jitter": 2.0}),
        ),
    ),
}


def shown() -> list[dict[str, Any]]:
    """Show all presets."""
    return [
        {
            "name": name,
            "title": preset.title,
            "description": preset.description,
            "seconds": SECONDS,
            "faults": [
                {
                    "operation": strike.operation,
                    "kind": strike.kind,
                    "probability": strike.probability,
                    "details": dict(strike.details),
                }
                for strike in preset.strikes
            ],
        }
        for name, preset in PRESETS.items()
    ]
