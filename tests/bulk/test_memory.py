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

EDITS = 1_000_000


@pytest.mark.parametrize(
    ("journal", "limit"), [(None, 50), ("run.claro", 80)], ids=["streamed", "journaled"]
)
def test_a_million_edits(tmp_path: Path, journal: str | None, limit: float) -> None:
    """A million edits from a generator let the peak memory grow by less than the limit, in MiB."""
    path = "-" if journal is None else str(tmp_path / journal)
    command = [sys.executable, memory_of_a_job.__file__, str(EDITS), path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    told = subprocess.run(  # noqa: S603 - this interpreter, this file
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )

    assert float(told.stdout) < limit
