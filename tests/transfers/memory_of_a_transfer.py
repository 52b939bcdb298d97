"""Moves a large file up or down in a process of its own; prints by how many bytes memory grew.

``python memory_of_a_transfer.py up|down BASE_URL ID PATH``: the emulator runs in another process.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from claro_async import ClaroClient

WARM_UP = b"x" * 3_000_000


def peak() -> int:
    """The peak of resident memory so far, in bytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def main(way: str, base_url: str, key: str, path: Path) -> int:
    """Move a small file, then the large one; the growth of the peak in between."""
    async with ClaroClient("emulator-key", base_url) as client:
        dataset = client.dataset(key)
        made = await dataset.upload_datasource("cell_1_1", WARM_UP, filename="warm.txt")
        await client.datasource(made.datasource_id).download(path.with_suffix(".warm"))
        before = peak()
        if way == "up":
            await dataset.upload_datasource("cell_2_1", path, max_size=1 << 40)
        else:
            async for source in client.datasources.list():
                if source.file_name == path.name:
                    target = path.with_suffix(".copy")
                    await client.datasource(source.datasource_id).download(target)
        return peak() - before


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))))  # noqa: T201 - its result
