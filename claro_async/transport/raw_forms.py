"""Files and fields of a raw request, as the parts of a form."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, TypeAlias

from claro_async._checks import check_mapping
from claro_async.transport.bodies import Upload, UploadSource

if TYPE_CHECKING:
    from collections.abc import Mapping

FormFile: TypeAlias = UploadSource | tuple[str, UploadSource] | tuple[str, UploadSource, str]
"""A file of a form: its source, or name and source, or name, source and content type."""
FieldValue: TypeAlias = str | int | float | bool


async def open_files(
    files: Mapping[str, FormFile | list[FormFile]],
) -> tuple[tuple[str, Upload], ...]:
    """The files of a form, checked, and begun to be read where only reading tells their size.

    Raises:
        OSError: A path that cannot be read.
        TransferError: A source that is empty or cannot be read.
        TypeError: Something that is no source of bytes.
        ValueError: A name that cannot be sent, or a file that is too large.
    """
    check_mapping("files", files)
    # a path is looked at, which may block
    uploads = await asyncio.to_thread(_make_uploads, files)
    for _, upload in uploads:
        await upload.prepare()
    return uploads


def _make_uploads(files: Mapping[str, FormFile | list[FormFile]]) -> tuple[tuple[str, Upload], ...]:
    return tuple(
        (_check_field(field), _make_upload(field, file))
        for field, given in files.items()
        for file in (given if isinstance(given, list) else [given])
    )


def _make_upload(field: str, file: FormFile) -> Upload:
    if not isinstance(file, tuple):
        unnamed = isinstance(file, bytes | bytearray | memoryview)
        return Upload(file, file_name=field if unnamed else None)
    if not 2 <= len(file) <= 3:  # noqa: PLR2004
        raise TypeError(
            "a file of a form is a source, (name, source) or (name, source, content type)"
        )
    if len(file) == 2:  # noqa: PLR2004
        return Upload(file[1], file_name=file[0])
    return Upload(file[1], file_name=file[0], content_type=file[2])


def text_fields(data: Mapping[str, FieldValue]) -> tuple[tuple[str, str], ...]:
    """The plain fields of a form as text.

    Raises:
        ValueError: A name or a value that has no form in text.
    """
    check_mapping("data", data)
    return tuple((_check_field(name), _text_of(name, value)) for name, value in data.items())


def _text_of(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    finite = not isinstance(value, float) or math.isfinite(value)
    if not isinstance(value, str | int | float) or not finite:
        raise ValueError(f"data has {value!r} for {name!r}, which has no form as text")
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"data has half a character for {name!r}, which UTF-8 lacks") from None
    return text


def _check_field(name: str) -> str:
    if not name or not name.isascii() or not name.isprintable() or '"' in name or "\\" in name:
        raise ValueError(f"a field of a form must have a plain ASCII name, not {name!r}")
    return name
