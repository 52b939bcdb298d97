"""Exports a large dataset in a process of its own; prints by how many bytes memory grew.

``python memory_of_an_export.py BASE_URL PATH``: a small one is exported first, so that what is
loaded once does not count.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from claro_async import ClaroClient


def peak() -> int:
    """The peak of resident memory so far, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(
        int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")
    )


async def main(base_url: str, path: str) -> int:
    """Export; the growth of the peak."""
    async with ClaroClient("key", base_url) as claro:
        await claro.dataset("small").export(path)
        before = peak()
        await claro.dataset("d").export(path)
        return peak() - before


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], sys.argv[2])))  # noqa: T201 - its result
