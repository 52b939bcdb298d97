"""Which tests have to notice a change of which module."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TARGETS: Mapping[str, Sequence[str]] = {
    "claro_async/transport/retry.py": [
        "tests/wire/test_retry.py",
        "tests/wire/test_retry_table.py",
    ],
    "claro_async/transport/quota/period.py": ["tests/quota"],
    "claro_async/transport/quota/gate.py": ["tests/quota"],
    "claro_async/bulk/engine.py": ["tests/bulk"],
    "claro_async/bulk/window.py": ["tests/bulk"],
    "claro_async/paging/stream.py": ["tests/facade/test_reading.py"],
}
