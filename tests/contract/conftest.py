"""A clock, an emulator and a client of it, as in the tests of the wire."""

from tests.wire.conftest import client, clock, connect, emulator, events

__all__ = ["client", "clock", "connect", "emulator", "events"]
