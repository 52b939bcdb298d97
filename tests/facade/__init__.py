"""What users call, against the emulator."""
