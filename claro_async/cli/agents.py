"""Whether a program, not a person, reads what is written here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

AGENT_VARIABLES: Final = (
    "AI_AGENT",
    "CLAUDECODE",
    "CLAUDE_CODE",
    "CODEX_SANDBOX",
    "CODEX_CI",
    "CODEX_THREAD_ID",
    "CURSOR_AGENT",
    "GEMINI_CLI",
    "OPENCODE_CLIENT",
    "AUGMENT_AGENT",
    "ANTIGRAVITY_AGENT",
)
"""What coding agents set in the environment of the commands that they run."""


def in_agent_shell(environ: Mapping[str, str]) -> bool:
    """Whether an agent runs this command."""
    return any(environ.get(name) for name in AGENT_VARIABLES)
