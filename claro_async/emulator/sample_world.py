"""The sample world: ids and values of the documents' samples, so that all their calls succeed."""

from __future__ import annotations

from claro_async.emulator.calls import World


def load_sample_world(world: World) -> None:
    """Fill an empty database."""
