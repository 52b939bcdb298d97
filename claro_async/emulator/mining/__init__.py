"""The Communications Mining part of the emulator: its datasets and comments, under ``/api/v1``.

An independent reading of Communications Mining API v1, "Datasets". What that page leaves open, and
what is done here, is listed in ``docs/communications-mining.md``.
"""
