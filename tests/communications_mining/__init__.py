"""Tests of the Communications Mining client and of its part of the emulator."""
