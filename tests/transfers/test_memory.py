"""Gigabytes go up and down in constant memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from pathlib import Path

import pytest

from claro_async.emulator import Emulator

SCRIPT = Path(__file__).with_name("memory_of_a_transfer.py")
MIB = 1 << 20


def write(path: Path, size: int) -> str:
    """Write a file that is not all the same; its SHA-256."""
    digest = hashlib.sha256()
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for number in range(size // MIB):
            piece = number.to_bytes(8, "big") + block[8:]
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


async def grown(way: str, emulator: Emulator, dataset_id: str, path: Path) -> int:
    """By how many bytes the peak of a process grew that moved the file."""
    command = [sys.executable, "-W", "error", str(SCRIPT), way, emulator.base_url, dataset_id]
    process = await asyncio.create_subprocess_exec(
        *command, str(path), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return int(output)


@pytest.mark.parametrize("size", [256 * MIB, pytest.param(1024 * MIB, marks=pytest.mark.slow)])
async def test_up_and_down_in_constant_memory(size: int, tmp_path: Path) -> None:
    """A file of this size grows the peak of resident memory by less than 32 MiB, either way."""
    path = tmp_path / "large.txt"
    sha256 = write(path, size)
    async with Emulator(sample_world=False, max_upload_size=1 << 40) as emulator:
        columns = [{"name": "documents", "taskType": "raw"}]
        dataset_id = emulator.add_dataset("d", columns, [[None], [None]])
        up = await grown("up", emulator, dataset_id, path)
        assert emulator.ledger.uploads[-1].sha256 == sha256
        down = await grown("down", emulator, dataset_id, path)
    with path.with_suffix(".copy").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == sha256
    assert up < 32 * MIB
    assert down < 32 * MIB
    for name in (".txt", ".copy", ".warm"):
        path.with_suffix(name).unlink()
