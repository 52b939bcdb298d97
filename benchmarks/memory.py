"""Resident memory of this process, in bytes."""

import resource
import sys
from pathlib import Path

KIB = 1024


def _status(field: str) -> int | None:
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    for line in status.read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * KIB
    return None


def forget_peak() -> int:
    """Start a new peak where the system can (Linux); return what growth is to be counted from."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return peak()
    return _status("VmRSS:") or peak()


def peak() -> int:
    """Return the peak of resident memory.

    Linux counts it for each program in ``VmHWM``; ``ru_maxrss`` there also remembers the program
    that started this one, so it is only the second choice.
    """
    counted = _status("VmHWM:")
    if counted is not None:
        return counted
    highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return highest if sys.platform == "darwin" else highest * KIB
