"""What was done in a run, from its receipts; and setting it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

import msgspec
import pyarrow as pa

from claro_async.bulk.records import WrittenCell, write_journal
from claro_async.connectors.spark.folder import Folder
from claro_async.connectors.spark.receipts import CellState
from claro_async.connectors.spark.run import (
    Epoch,
    epoch_names,
    known_after,
    read_about,
)
from claro_async.errors import ConfigurationError
from claro_async.storage.threads import in_thread

if TYPE_CHECKING:
    import os

    from claro_async.bulk.report import RevertReport
    from claro_async.client import ClaroClient
    from claro_async.connectors.spark.receipts import Ledger
    from claro_async.connectors.spark.run import About
    from claro_async.options import SendKeywords


def read_receipts(receipts: str, run: str) -> pa.Table:
    """The cells that a run has to do with; ``spark.createDataFrame`` takes the table.

    Its columns: ``cell_id``; ``value`` as JSON text; ``state``, one of ``updated``, ``failed``,
    ``not sent`` and ``in doubt``; ``original``, what the cell held before, as JSON text, or null
    where that is not certain; ``error``.

    Args:
        receipts: The folder that the write was given.
        run: The run's id.

    Raises:
        ConfigurationError: No such run.
        OSError: The folder cannot be read.
    """
    _, ledger = _run(receipts, run)
    cells = list(ledger)
    return pa.table(
        {
            "cell_id": pa.array([each.cell_id for each in cells], pa.string()),
            "value": pa.array([each.value.decode() for each in cells], pa.string()),
            "state": pa.array([each.state.value for each in cells], pa.string()),
            "original": pa.array(
                [None if each.original is None else each.original.decode() for each in cells],
                pa.string(),
            ),
            "error": pa.array([each.error or None for each in cells], pa.string()),
        }
    )


def run_report(receipts: str, run: str) -> dict[str, Any]:
    """The report of a run's last write that was committed, as :meth:`BulkReport.to_dict` gives it.

    Raises:
        ConfigurationError: No such run, or none of its writes was committed.
        OSError: The folder cannot be read.
    """
    folder = _folder(receipts, run)[1]
    found = (folder.read(f"reports/{name}") for name in reversed(folder.names("reports")))
    content = next((each for each in found if each is not None), None)
    if content is None:
        raise ConfigurationError(f"no write of run {run!r} below {receipts} was committed")
    report: dict[str, Any] = msgspec.json.decode(content)
    return report


async def revert_run(
    claro: ClaroClient,
    receipts: str,
    run: str,
    *,
    journal: str | os.PathLike[str],
    **options: Unpack[SendKeywords],
) -> RevertReport:
    """Set back what a run wrote, where a cell still holds it and the value before is certain.

    The receipts are copied into a journal, which is then set back by
    :meth:`ClaroClient.revert_updates`; if that ends early, call that again with the same journal.
    No task of the run may be at work.

    Args:
        claro: A client of the same API.
        receipts: The folder that the write was given.
        run: The run's id.
        journal: Where the journal is made; there must be no file yet.
        **options: As for :meth:`ClaroClient.revert_updates`.

    Raises:
        ConfigurationError: No such run.
        JournalError: The journal exists already or cannot be written, or the client talks to
            another API.
        BulkUpdateError: An edit failed, and ``on_error`` is ``raise``.
    """
    about, ledger = await in_thread(_run, receipts, run)
    cells = (
        WrittenCell(
            each.cell_id, each.value, each.original, is_certain=each.state is CellState.UPDATED
        )
        for each in ledger.may_have_changed()
    )
    await write_journal(journal, about.base_url, about.dataset, cells)
    return await claro.revert_updates(journal, **options)


def _folder(receipts: str, run: str) -> tuple[About, Folder]:
    folder = Folder.open(receipts, run)
    about = read_about(folder)
    if about is None:
        raise ConfigurationError(f"there are no receipts of run {run!r} below {receipts}")
    return about, folder


def _run(receipts: str, run: str) -> tuple[About, Ledger]:
    about, folder = _folder(receipts, run)
    epochs = [Epoch(folder=folder, run=run, name=each) for each in epoch_names(folder)]
    return about, known_after(epochs)
