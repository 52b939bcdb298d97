"""Memory that bodies of replies are read into is used again, not given back to the system."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

BODIES = """
import ctypes, sys
from claro_async.transport.contents import keep_memory

class Usage(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ["heap", *"bcdefghij"]]

if sys.argv[1] == "kept":
    keep_memory()
for _ in range(3):
    bodies = [b"x" * (1 << 20) for _ in range(10)]
    del bodies
usage = ctypes.CDLL(None).mallinfo2
usage.restype = Usage
print(usage().heap >> 20)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason="only glibc can be told, from 2.33 on it says what it has",
)
def test_free_memory_of_bodies_is_kept() -> None:
    """After ten pages were read and dropped, the heap still has their memory; else it has not."""
    found = {
        way: int(subprocess.check_output([sys.executable, "-c", BODIES, way]))  # noqa: S603
        for way in ("kept", "as it is")
    }
    assert found["as it is"] < 10 <= found["kept"]
