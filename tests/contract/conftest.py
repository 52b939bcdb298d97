"""A clock, an emulator and a client of it, as in the tests of the wire."""

from tests.wire.conftest import client, emulator

__all__ = ["client", "emulator"]
