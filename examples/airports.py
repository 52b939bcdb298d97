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

import aiohttp

from claro_async import BulkReport, CellEdit, ClaroClient, Dataset
from claro_async.emulator import Emulator, airports_csv
from claro_async.transport.events import Event, QuotaPaused, ReplyReceived, RequestSent

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


def minimal_pdf(lines: list[str]) -> bytes:
    """Return a valid one-page PDF (version 1.4) with these lines of ASCII text."""
    escaped = (re.sub(r"([()\\])", r"\\\1", line) for line in lines)
    shown = " ".join(f"({line}) Tj T*" for line in escaped)
    content = f"BT /F1 12 Tf 16 TL 72 770 Td {shown} ET".encode("ascii")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    document = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start, size = len(document), len(objects) + 1
    document += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    document += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
    return bytes(document)


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


async def fetch_export(dataset: Dataset, rows: int) -> Table:
    """Let the server export CSV and fetch what its link points to."""
    link = await dataset.create_export(format="csv", row_count=rows)
    async with aiohttp.ClientSession() as session, session.get(link.download_url) as response:
        response.raise_for_status()
        return list(csv.DictReader(io.StringIO(await response.text("utf-8"), newline="")))


async def check_values(dataset: Dataset, wanted: Table, audit: Audit) -> None:
    """Read every cell back and fetch the export; compare both with what was meant."""
    rows = [row async for row in dataset.rows()]
    audit.same("rows read back", len(rows), len(wanted))
    for row, meant in zip(rows, wanted, strict=False):
        for column, value in meant.items():
            audit.same("cells read back", row[column], value)
    exported = await fetch_export(dataset, len(wanted))
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
    arrived = len(ledger.requests) - ledger.count("download")  # the signed link is not the client's
    audit.same("requests counted by the client", run.sent, arrived)
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
        run.edits = await find_corrections(dataset)
        print(f"{len(run.edits)} cells of {len(wanted)} rows are to be corrected", flush=True)
        began = time.perf_counter()
        with progress_bar(len(run.edits)) as show:
            report = await dataset.update_cells(
                run.edits, max_concurrency=32, on_progress=lambda progress: show(progress.done)
            )
        run.seconds = time.perf_counter() - began
        check_report(report, run.edits, audit)
        run.report_cell = await upload_report(dataset, run.report)
        await check_values(dataset, wanted, audit)


def summary(run: Run, emulator: Emulator, audit: Audit) -> Iterator[str]:
    """Say what was verified, with figures."""
    ledger = emulator.ledger
    yield f"corrected cells: {len(run.edits)} in {run.seconds:.1f} s"
    yield f"quota: {QUOTA} requests in {WINDOW:.0f} s; waited for it {run.pauses} times"
    for what, number in audit.checked.items():
        yield f"compared, {what}: {number}"
    yield from audit.mismatches[:20]
    yield f"cells checked: {audit.checked['cells read back']}"
    yield f"requests sent: {len(ledger.requests)}"
    yield f"429 seen: {ledger.count(status=429)}"
    yield f"edits a second: {len(run.edits) / run.seconds:.0f}"
    yield f"mismatches: {len(audit.mismatches)}"


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
        run.report.write_bytes(minimal_pdf(["US airports", f"{len(table)} rows were checked."]))
        dataset_id = emulator.add_dataset("US airports", columns, table)
        print(f"the emulator serves {len(table)} airports at {emulator.base_url}", flush=True)
        asyncio.run(correct(run, emulator, dataset_id, wanted, audit))
        check_ledger(run, emulator, audit)
        print(*summary(run, emulator, audit), sep="\n")
    return 1 if audit.mismatches else 0


if __name__ == "__main__":
    sys.exit(main())
