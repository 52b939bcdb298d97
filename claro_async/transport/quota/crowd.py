"""How often clients report, and how much they take with them, by how many share a quota. Pure.

A report is a load and a store of one record, and at any time one store alone goes through. So the
more clients there are, the less often each of them reports, and the more permits it keeps:

1. Up to :data:`FEW` clients report at each beat, and keep a twentieth of their part at most.
2. Beyond, all together make as many reports a second as :data:`FEW` do. Each keeps more, up to its
   whole part of a period, and for as long as there is between two reports.
3. When a period is over, they come back one after the other, each at a place of its own.
"""

from __future__ import annotations

from hashlib import blake2b

BEAT = 1.0
"""Seconds after which one of a few clients reports again."""
LEASE = 0.25
"""Seconds for which one of a few clients may keep a permit before it is used."""
FEW = 50
"""Clients that may each report at every beat."""
_RETURNS_A_SECOND = 100  # reports at the opening of a period
_LEASED_PART = 20  # of the limit: what a few clients may keep, all together
_DIGITS = 4  # bytes of a place


def beat_of(members: int) -> float:
    """Seconds between two reports of one of so many clients."""
    return BEAT * max(1.0, members / FEW)


def lease_of(members: int) -> float:
    """Seconds for which one of so many clients may keep a permit."""
    return beat_of(members) - BEAT + LEASE


def most_ahead(limit: int, members: int) -> int:
    """How many permits one of so many clients may keep."""
    part = max(1.0, _LEASED_PART * min(1.0, FEW / members))
    return int(limit / (part * members))


def delay_of(member: str, turn: int, members: int) -> float:
    """Seconds by which a client comes back later than the first one of so many.

    Args:
        member: The client.
        turn: Numbers the occasions, so that nobody is always the last one.
        members: How many there are.
    """
    if members <= FEW:
        return 0.0
    drawn = blake2b(f"{turn} {member}".encode(), digest_size=_DIGITS).digest()
    place = int.from_bytes(drawn) / (1 << 8 * _DIGITS)
    return place * (members - FEW) / _RETURNS_A_SECOND
