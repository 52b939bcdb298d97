"""What the emulator's limiter counted, worked out from when its requests arrived."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from claro_async.emulator import Emulator


@attrs.define
class Period:
    """One of the server's periods.

    Attributes:
        began: When its first request arrived, in seconds since the epoch.
        shares: How many requests there were for each dataset.
        edits: How many of them were edits.
    """

    began: float
    shares: Counter[str] = attrs.Factory(Counter)
    edits: int = 0

    @property
    def count(self) -> int:
        """How many requests there were in all."""
        return self.shares.total()


def periods_of(emulator: Emulator, seconds: float) -> list[Period]:
    """The periods of this length in which the emulator counted."""
    periods: list[Period] = []
    for record in sorted(emulator.ledger.requests, key=lambda record: record.received_at):
        if not periods or record.received_at >= periods[-1].began + seconds:
            periods.append(Period(record.received_at))
        periods[-1].edits += record.operation == "updateCell"
        periods[-1].shares[record.raw_path.split("/datasets/")[-1].split("/")[0]] += 1
    return periods
