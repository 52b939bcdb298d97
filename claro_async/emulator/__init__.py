"""A local server that behaves as the documents of the Claro API v2 say.

It is an independent reading of those documents: it shares no code with the client. What the
documents leave open, and what the emulator does there, is listed in ``docs/emulator.md``.
"""

from __future__ import annotations

from importlib.resources import files

from claro_async.emulator._emulator import MAX_UPLOAD_BYTES, CellView, Emulator
from claro_async.emulator.clock import ManualClock
from claro_async.emulator.dataset_store import NewCell
from claro_async.emulator.faults import Fault, Faults
from claro_async.emulator.ledger import (
    AppliedColumnUpdate,
    AppliedDelete,
    AppliedEdit,
    AppliedExport,
    AppliedLink,
    AppliedMiningChange,
    AppliedTaskType,
    AppliedUpload,
    Ledger,
    RequestRecord,
)
from claro_async.emulator.mining.routing import MINING_OPERATION_IDS, PERMISSIONS
from claro_async.emulator.pdf import make_pdf
from claro_async.emulator.routing import DOWNLOAD, OPERATION_IDS
from claro_async.emulator.seeding import MissingExtraError, UnreadableFileError


def airports_csv() -> bytes:
    """Read the table of US airports that ships with the emulator.

    Returns:
        A CSV file of 3,376 rows and 7 columns (iata, name, city, state, country, latitude,
        longitude), in the public domain.
    """
    return files("claro_async.emulator").joinpath("data/airports.csv").read_bytes()


__all__ = [
    "DOWNLOAD",
    "MAX_UPLOAD_BYTES",
    "MINING_OPERATION_IDS",
    "OPERATION_IDS",
    "PERMISSIONS",
    "AppliedColumnUpdate",
    "AppliedDelete",
    "AppliedEdit",
    "AppliedExport",
    "AppliedLink",
    "AppliedMiningChange",
    "AppliedTaskType",
    "AppliedUpload",
    "CellView",
    "Emulator",
    "Fault",
    "Faults",
    "Ledger",
    "ManualClock",
    "MissingExtraError",
    "NewCell",
    "RequestRecord",
    "UnreadableFileError",
    "airports_csv",
    "make_pdf",
]
