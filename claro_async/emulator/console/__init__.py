"""The console: a page at ``/_emulator`` that shows what a client does, and its JSON twin.

Everything under ``/_emulator`` is for the person in front of the emulator: it needs no key, is not
in the ledger and does not count against the rate limit. ``docs/emulator.md`` describes the routes.
"""
