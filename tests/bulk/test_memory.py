"""Memory stays flat, however many edits there are."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.bulk import memory_of_a_job

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("count", [150_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("journal", "limit"), [(None, 50), ("run.claro", 80)], ids=["streamed", "journaled"]
)
def test_many_edits(tmp_path: Path, journal: str | None, limit: float, count: int) -> None:
    """A million edits from a generator let the peak memory grow by less than the limit, in MiB."""
    path = "-" if journal is None else str(tmp_path / journal)
    command = [sys.executable, memory_of_a_job.__file__, str(count), path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    printed = subprocess.run(  # noqa: S603 - this interpreter, this file
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )

    assert float(printed.stdout) < limit
