"""Correct a table of airports, from end to end: ``python3 noxfile.py -s demo`` runs this.

The emulator serves the table of US airports (3,376 rows, 7 columns) under a request quota. The
client walks it, computes corrections (names trimmed and re-cased, coordinates rounded to a
centimetre), sends one request for each cell that is wrong, uploads a PDF to a raw cell, exports CSV
and reads everything back. What the server holds and did is then compared with what was meant: the
last line counts the mismatches, and the exit status is 1 unless it is zero.
"""

import asyncio
import csv
import hashlib
import io
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from claro_async import (
    BulkReport,
    CellEdit,
    ClaroClient,
    Dataset,
    Event,
    QuotaPaused,
    ReplyReceived,
    RequestSent,
)
from claro_async.emulator import Emulator, airports_csv, make_pdf

QUOTA = 1500  # requests a window; the real API has 100 to 500 a minute
WINDOW = 6.0  # seconds
COORDINATES = ("latitude", "longitude")
NAMES = ("name", "city")
REPORT_COLUMN = "report"  # a raw column: it takes documents
MINOR_WORD = re.compile(r"(?<=\w )(And|At|In|Of|The)(?= \w)")

Table = list[dict[str, Any]]


def corrected(column: str, value: Any) -> Any:
    """Return what a cell of the column should hold."""
    if column in COORDINATES:
        return round(value, 7)
    if column in NAMES:
        return MINOR_WORD.sub(lambda word: word[0].lower(), " ".join(value.split()))
    return value


def read_airports() -> Table:
    """Read the table as published, coordinates as numbers, with an empty column for documents."""
    with io.StringIO(airports_csv().decode("utf-8"), newline="") as text:
        rows: Table = list(csv.DictReader(text))
    for row in rows:
        row |= {column: float(row[column]) for column in COORDINATES}
        row[REPORT_COLUMN] = None
    return rows


@dataclass
class Audit:
    """Compares what is with what was meant, and keeps count."""

    checked: Counter[str] = field(default_factory=Counter)
    mismatches: list[str] = field(default_factory=list)

    def same(self, what: str, found: object, wanted: object) -> None:
        """Count one comparison under a heading."""
        self.checked[what] += 1
        if found != wanted:
            self.mismatches.append(f"{what}: {found!r} instead of {wanted!r}")


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[int], None]]:
    """Show progress with rich where it is installed, else a line for each tenth."""
    try:
        from rich.progress import MofNCompleteColumn, Progress  # noqa: PLC0415  # optional
    except ModuleNotFoundError:
        yield plain_progress(total)
        return
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn()) as progress:
        task = progress.add_task("Correcting cells", total=total)
        yield lambda done: progress.update(task, completed=done)


def plain_progress(total: int) -> Callable[[int], None]:
    """Return a function that prints a line whenever another tenth is done."""
    tenths = iter(range(1, 11))
    following = next(tenths)

    def show(done: int) -> None:
        nonlocal following
        while following <= 10 and done * 10 >= total * following:  # noqa: PLR2004  # tenths
            print(f"corrected {done} of {total} cells", flush=True)
            following = next(tenths, 11)

    return show


async def find_corrections(dataset: Dataset) -> list[CellEdit]:
    """Walk the rows; return an edit for each cell that does not hold what it should."""
    edits = []
    async for row in dataset.rows():
        for column in (*NAMES, *COORDINATES):
            wanted = corrected(column, row[column])
            if wanted != row[column]:
                edits.append(CellEdit(row.cell(column).cell_id, wanted))
    return edits


async def upload_report(dataset: Dataset, report: Path) -> str:
    """Upload a PDF to the raw cell of the first row; return that cell's id."""
    page = await dataset.rows()
    cell_id = page.rows[0].cell(REPORT_COLUMN).cell_id
    await dataset.upload_datasource(cell_id, report)
    return cell_id


async def export_table(dataset: Dataset, path: Path) -> Table:
    """Export the dataset to a CSV file and read that."""
    await dataset.export(path)
    text = await asyncio.to_thread(path.read_text, "utf-8")
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def check_values(dataset: Dataset, wanted: Table, export: Path, audit: Audit) -> None:
    """Read every cell back and export the table; compare both with what was meant."""
    rows = [row async for row in dataset.rows()]
    audit.same("rows read back", len(rows), len(wanted))
    for row, meant in zip(rows, wanted, strict=False):
        for column, value in meant.items():
            audit.same("cells read back", row[column], value)
    exported = await export_table(dataset, export)
    audit.same("rows exported", len(exported), len(wanted))
    for line, meant in zip(exported, wanted, strict=False):
        for column, value in meant.items():
            found = float(line[column]) if column in COORDINATES else line[column]
            audit.same("cells exported", found, "" if value is None else value)


def check_report(report: BulkReport, edits: list[CellEdit], audit: Audit) -> None:
    """Compare the client's report with what it was asked to do."""
    audit.same("edits reported", report.total, len(edits))
    audit.same("edits reported", report.updated, len(edits))


def check_ledger(run: "Run", emulator: Emulator, audit: Audit) -> None:
    """Compare what the server received and applied with what the client meant and counted."""
    ledger = emulator.ledger
    applied = Counter((edit.cell_id, edit.value) for edit in ledger.edits)
    meant = Counter((edit.cell_id, edit.value) for edit in run.edits)
    for key in applied.keys() | meant.keys():
        audit.same("edits applied, once each", applied[key], meant[key])
    stored = [(upload.cell_id, upload.sha256) for upload in ledger.uploads]
    sent = hashlib.sha256(run.report.read_bytes()).hexdigest()
    audit.same("documents stored", stored, [(run.report_cell, sent)])
    audit.same("requests counted by the client", run.sent, len(ledger.requests))
    audit.same("429 counted by the client", run.limited, ledger.count(status=429))


@dataclass
class Run:
    """What the client did, as seen from its side."""

    report: Path
    report_cell: str = ""
    edits: list[CellEdit] = field(default_factory=list)
    seconds: float = 0.0
    sent: int = 0
    limited: int = 0
    pauses: int = 0

    def observe(self, event: Event) -> None:
        """Count what the client tells of its work."""
        match event:
            case RequestSent():
                self.sent += 1
            case ReplyReceived(status=429):
                self.limited += 1
            case QuotaPaused():
                self.pauses += 1


async def correct(
    run: Run, emulator: Emulator, dataset_id: str, wanted: Table, audit: Audit
) -> None:
    """Do the job through the client and check everything that the API shows afterwards."""
    async with ClaroClient(emulator.api_key, emulator.base_url, on_event=run.observe) as claro:
        dataset = claro.dataset(dataset_id)
        say(2, f"Read all {len(wanted)} rows, and find the cells that are wrong.")
        run.edits = await find_corrections(dataset)
        say(3, f"Correct {len(run.edits)} cells, one request each, within the quota.")
        began = time.perf_counter()
        with progress_bar(len(run.edits)) as show:
            report = await dataset.update_cells(
                run.edits, max_concurrency=32, on_progress=lambda progress: show(progress.done)
            )
        run.seconds = time.perf_counter() - began
        check_report(report, run.edits, audit)
        say(4, "Upload a PDF to a cell.")
        run.report_cell = await upload_report(dataset, run.report)
        say(
            5,
            "Read every cell back, export the table as CSV, and compare both with what was meant.",
        )
        await check_values(dataset, wanted, run.report.with_suffix(".csv"), audit)


def say(step: int, what: str) -> None:
    """Tell what is done next."""
    print(f"{step}. {what}", flush=True)


def summary(run: Run, emulator: Emulator, audit: Audit) -> Iterator[str]:
    """Say what was done and verified, as a table."""
    ledger = emulator.ledger
    yield ""
    yield from aligned(
        ("corrected cells", len(run.edits), f"in {run.seconds:.1f} s"),
        ("edits a second", round(len(run.edits) / run.seconds), ""),
        ("requests sent", len(ledger.requests), f"quota: {QUOTA} in {WINDOW:.0f} s"),
        ("pauses for the quota", run.pauses, ""),
        ("429 seen", ledger.count(status=429), "none is needed: the client paces itself"),
    )
    yield ""
    yield "compared with what was meant:"
    yield from aligned(*((what, number, "") for what, number in audit.checked.items()))
    yield ""
    yield from audit.mismatches[:20]
    yield f"mismatches: {len(audit.mismatches)}"


def aligned(*lines: tuple[str, int, str]) -> Iterator[str]:
    """Write lines of a name, a number and a remark below each other."""
    width = max(len(name) for name, _, _ in lines) + 1
    for name, number, remark in lines:
        yield f"{name + ':':<{width}} {number:>8}  {remark}".rstrip()


def main() -> int:
    """Run the demo against an emulator of its own; return the exit status."""
    table = read_airports()
    wanted = [{column: corrected(column, value) for column, value in row.items()} for row in table]
    columns = [
        {"name": column, "type": "number" if column in COORDINATES else "string"}
        | ({"taskType": "raw"} if column == REPORT_COLUMN else {})
        for column in table[0]
    ]
    audit = Audit()
    with (
        tempfile.TemporaryDirectory() as folder,
        Emulator(rate_limit=QUOTA, rate_window=WINDOW, sample_world=False) as emulator,
    ):
        run = Run(Path(folder, "airports.pdf"))
        run.report.write_bytes(make_pdf([f"US airports: {len(table)} rows were checked."]))
        dataset_id = emulator.add_dataset("US airports", columns, table)
        say(1, f"Serve {len(table)} airports by the emulator, at {emulator.base_url}.")
        asyncio.run(correct(run, emulator, dataset_id, wanted, audit))
        say(6, "Compare the server's own records with what the client meant and counted.")
        check_ledger(run, emulator, audit)
        print(*summary(run, emulator, audit), sep="\n")
    return 1 if audit.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
