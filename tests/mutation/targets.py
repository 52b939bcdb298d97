"""Which tests have to notice a change of which module: the quickest that do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TARGETS: Mapping[str, Sequence[str]] = {
    "claro_async/transport/retry.py": ["tests/wire/test_retry.py"],
    "claro_async/transport/quota/at_once.py": ["tests/quota/test_period.py"],
    "claro_async/transport/quota/gate.py": ["tests/quota/test_gate.py"],
    "claro_async/transport/quota/headers.py": [
        "tests/quota/test_headers.py",
        "tests/quota/test_period.py",
        "tests/wire/test_reset_headers.py",
    ],
    "claro_async/transport/quota/period.py": [
        "tests/quota/test_period.py",
        "tests/quota/test_state.py",
    ],
    "claro_async/transport/quota/record.py": ["tests/quota/test_record.py"],
    "claro_async/transport/quota/phases.py": ["tests/quota/test_transitions.py"],
    "claro_async/transport/quota/state.py": [
        "tests/quota/test_transitions.py",
        "tests/quota/test_state.py",
        "tests/quota/test_gate.py",
    ],
    "claro_async/bulk/engine.py": ["tests/bulk/test_engine_parts.py", "tests/bulk/test_engine.py"],
    "claro_async/bulk/account.py": [
        "tests/bulk/test_engine_parts.py",
        "tests/bulk/test_job_events.py",
        "tests/bulk/test_engine.py",
    ],
    "claro_async/bulk/patches.py": ["tests/bulk/test_engine_parts.py", "tests/bulk/test_engine.py"],
    "claro_async/bulk/buffer.py": ["tests/bulk/test_buffer.py"],
    "claro_async/bulk/stopping.py": ["tests/bulk/test_stopping.py"],
    "claro_async/bulk/concurrency.py": ["tests/bulk/test_concurrency_rule.py"],
    "claro_async/bulk/slots.py": ["tests/bulk/test_engine_parts.py"],
    "claro_async/bulk/states.py": ["tests/bulk/test_states.py"],
    "claro_async/communications_mining/checkpoint.py": [
        "tests/communications_mining/test_checkpoint.py",
    ],
    "claro_async/communications_mining/continuation.py": [
        "tests/communications_mining/test_position.py",
    ],
    "claro_async/communications_mining/known_uids.py": [
        "tests/communications_mining/test_position.py",
        "tests/communications_mining/test_continuation.py",
    ],
    "claro_async/communications_mining/reading.py": ["tests/communications_mining/test_pages.py"],
    "claro_async/communications_mining/time_ranges.py": [
        "tests/communications_mining/test_probes.py",
    ],
    "claro_async/paging/checks.py": ["tests/unit/test_walks.py"],
    "claro_async/paging/stream.py": ["tests/unit/test_walks.py"],
}
