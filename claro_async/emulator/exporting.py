"""Handler of "Export Dataset", and the real CSV, JSON and XLSX files that it writes."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import uuid
from typing import TYPE_CHECKING, Any, Final, Protocol

from claro_async.emulator.clock import iso_seconds
from claro_async.emulator.datasets import choose_columns, dump
from claro_async.emulator.downloads import download_url, expiry
from claro_async.emulator.errors import ApiError, invalid
from claro_async.emulator.ledger import AppliedExport
from claro_async.emulator.seeding import MissingExtraError
from claro_async.emulator.validation import boolean_field, dump_json, integer_field

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from claro_async.emulator.calls import Call
    from claro_async.emulator.database import FileWriter, StoredFile
    from claro_async.emulator.dataset_store import Column, Dataset

MAX_ROWS: Final = 100_000
_ROWS_AT_ONCE: Final = 500
_CONTENT_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_XLSX_TEXT_MAX: Final = 32_767
_XLSX_EXACT_MAX: Final = 10**15

ExportCell = tuple[str, str]
"""A cell's value and metadata, both as JSON text."""


class _Writer(Protocol):
    def row(self, cells: Sequence[ExportCell]) -> None: ...

    def close(self) -> None: ...


def headings(columns: Sequence[Column]) -> list[str]:
    """Name the columns of an export; names that occur twice get their column id beside them."""
    names = [column.name for column in columns]
    return [
        f"{column.name} ({column.id})" if names.count(column.name) > 1 else column.name
        for column in columns
    ]


class CsvWriter:
    """RFC 4180 in UTF-8: null is empty, objects are JSON text, metadata has its own columns."""

    def __init__(self, file: FileWriter, names: Sequence[str], *, metadata: bool) -> None:
        self._file = file
        self._metadata = metadata
        self._text = io.StringIO(newline="")
        self._csv = csv.writer(self._text)
        self._line(name for plain in names for name in self._names(plain))

    def _names(self, plain: str) -> tuple[str, ...]:
        return (plain, f"{plain}.metadata") if self._metadata else (plain,)

    def _line(self, cells: Iterator[str]) -> None:
        self._csv.writerow(cells)
        self._file.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()

    def row(self, cells: Sequence[ExportCell]) -> None:
        """Write one row."""
        self._line(
            part
            for value, metadata in cells
            for part in ((_csv_text(value), metadata) if self._metadata else (_csv_text(value),))
        )

    def close(self) -> None:
        """Nothing is left to write."""


def _csv_text(value: str) -> str:
    if value == "null":
        return ""
    return str(json.loads(value)) if value.startswith('"') else value


class JsonWriter:
    """An array with an object a row; with metadata each value is ``{"value", "metadata"}``."""

    def __init__(self, file: FileWriter, names: Sequence[str], *, metadata: bool) -> None:
        self._file = file
        self._names = [dump_json(name) for name in names]
        self._metadata = metadata
        self._between = "[\n"

    def row(self, cells: Sequence[ExportCell]) -> None:
        """Write one row."""
        fields = ",".join(
            f'{name}:{{"value":{value},"metadata":{metadata}}}'
            if self._metadata
            else f"{name}:{value}"
            for name, (value, metadata) in zip(self._names, cells, strict=True)
        )
        self._file.write(f"{self._between}{{{fields}}}".encode())
        self._between = ",\n"

    def close(self) -> None:
        """End the array."""
        self._file.write(b"[]\n" if self._between == "[\n" else b"\n]\n")


class _ExactNumber(float):
    """A number that is written with all of its digits; xlsxwriter asks for 16 of up to 17."""

    def __format__(self, _: str) -> str:
        return repr(float(self)).removesuffix(".0")


class XlsxWriter:
    """One sheet; text stays text, whatever it looks like, and objects are JSON text."""

    def __init__(self, path: Path, names: Sequence[str], *, metadata: bool) -> None:
        try:
            import xlsxwriter  # noqa: PLC0415 - an extra, wanted for this format only
        except ImportError as error:
            raise MissingExtraError("the xlsx format", "xlsxwriter") from error
        # constant_memory holds one row at a time; the other settings keep text as it is.
        self._book = xlsxwriter.Workbook(
            str(path),
            {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        self._sheet = self._book.add_worksheet("Data")
        self._metadata = metadata
        self._row = 0
        for place, name in enumerate(names):
            self._sheet.write_string(0, place * (1 + metadata), name[:_XLSX_TEXT_MAX])
            if metadata:
                self._sheet.write_string(0, 2 * place + 1, f"{name}.metadata"[:_XLSX_TEXT_MAX])

    def row(self, cells: Sequence[ExportCell]) -> None:
        """Write one row."""
        self._row += 1
        for place, (value, metadata) in enumerate(cells):
            self._cell(place * (1 + self._metadata), json.loads(value))
            if self._metadata:
                self._cell(2 * place + 1, metadata)

    def _cell(self, column: int, value: Any) -> None:
        if value is None:
            return
        if isinstance(value, bool):
            self._sheet.write_boolean(self._row, column, value)
        elif isinstance(value, int | float) and abs(value) < _XLSX_EXACT_MAX:
            self._sheet.write_number(self._row, column, _ExactNumber(value))
        else:
            text = value if isinstance(value, str) else dump_json(value)
            self._sheet.write_string(self._row, column, text[:_XLSX_TEXT_MAX])

    def close(self) -> None:
        """Write the file."""
        self._book.close()


async def export_dataset(call: Call) -> bytes:
    """Answer "Export Dataset": the file is written now and served from a signed URL."""
    body = call.json_object(
        "format", "rowCount", "columnIds", "skip", "includeMetadata", "expiresIn"
    )
    form = body.get("format")
    if not isinstance(form, str) or form not in _CONTENT_TYPES:
        raise invalid("format", f"must be one of {', '.join(_CONTENT_TYPES)}")
    count = integer_field(body, "rowCount", minimum=1, maximum=MAX_ROWS, default=None)
    skip = integer_field(body, "skip", minimum=0, maximum=None, default=0)
    metadata = boolean_field(body, "includeMetadata")
    expires_at = expiry(call, body)
    wanted = _column_ids(body)
    world = call.world
    dataset = world.dataset(call.ids[0])
    columns = world.datasets.columns(dataset)
    if wanted is not None:
        columns = choose_columns(dataset, columns, wanted)
    world.unlocked_dataset(dataset.id)
    stored, rows = await _write(call, dataset, columns, (form, skip, count), metadata=metadata)
    name = re.sub(r"[^\w]+", "_", dataset.name.lower()).strip("_") or "dataset"
    file_name = f"{name}.{form}"
    export_id = _keep(call, dataset, file_name, form, stored)
    entry = AppliedExport(call.index, dataset.id, file_name, form, rows, stored.size, stored.sha256)
    world.ledger.applied.append(entry)
    return dump(
        {
            "downloadUrl": download_url(call, f"/export/{export_id}.{form}", expires_at),
            "fileName": file_name,
            "format": form,
            "expiresAt": iso_seconds(expires_at),
            "fileSize": stored.size,
        }
    )


def _column_ids(body: dict[str, Any]) -> list[str] | None:
    wanted = body.get("columnIds")
    if "columnIds" not in body:
        return None
    if not isinstance(wanted, list) or not wanted:
        raise invalid("columnIds", "must be an array of column ids")
    if not all(isinstance(column_id, str) for column_id in wanted):
        raise invalid("columnIds", "must hold strings only")
    return wanted


def _keep(call: Call, dataset: Dataset, file_name: str, form: str, stored: StoredFile) -> str:
    export_id = str(uuid.uuid4())
    call.world.database.execute(
        "INSERT INTO exports VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            export_id,
            dataset.key,
            file_name,
            _CONTENT_TYPES[form],
            *stored,
            call.world.clock(),
        ),
    )
    return export_id


async def _write(
    call: Call,
    dataset: Dataset,
    columns: list[Column],
    wanted: tuple[str, int, int],
    *,
    metadata: bool,
) -> tuple[StoredFile, int]:
    form, skip, count = wanted
    file = call.world.database.new_file()
    writer: _Writer
    try:
        if form == "xlsx":
            writer = XlsxWriter(file.path, headings(columns), metadata=metadata)
        else:
            kind = CsvWriter if form == "csv" else JsonWriter
            writer = kind(file, headings(columns), metadata=metadata)
        last = min(skip + count, dataset.row_count)
        for start in range(min(skip, last), last, _ROWS_AT_ONCE):
            size = min(_ROWS_AT_ONCE, last - start)
            for cells in call.world.datasets.rows(dataset, columns, start, size):
                writer.row([(cell[3], cell[4]) for cell in cells])
            await asyncio.sleep(0)  # let other requests in between
        if form == "xlsx":
            await asyncio.to_thread(writer.close)
            return await asyncio.to_thread(file.rehash), last - min(skip, last)
        writer.close()
        return file.finish(), last - min(skip, last)
    except MissingExtraError as error:
        file.discard()
        raise ApiError(
            "INVALID_PARAMETERS", {"parameter": "format", "message": str(error)}
        ) from None
    except BaseException:
        file.discard()
        raise
