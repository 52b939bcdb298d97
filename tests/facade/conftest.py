"""An emulator with one of each thing and a client of it, as in the tests of the wire."""

from tests.wire.conftest import client, emulator

__all__ = ["client", "emulator"]
