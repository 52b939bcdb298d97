"""Kinds of values on the command line."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

if TYPE_CHECKING:
    ParamType: TypeAlias = click.ParamType[Any]
else:
    ParamType = click.ParamType  # not generic in click 8.1


class JsonText(ParamType):
    """JSON, or ``@FILE`` for what a file holds, or ``@-`` for stdin.

    Args:
        name: What it is called in the help.
        kind: What the value has to be, or None for any.
    """

    def __init__(self, name: str, kind: type[Any] | None = None) -> None:
        self.name = name
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the value."""
        if not isinstance(value, str):
            return value
        try:
            found = json.loads(_content(value))
        except OSError as error:
            self.fail(f"cannot read {value[1:]}: {error.strerror}", param, ctx)
        except ValueError as error:
            self.fail(f"not JSON: {error}", param, ctx)
        if self._kind is not None and not isinstance(found, self._kind):
            self.fail("not a JSON object", param, ctx)
        return found


def _content(value: str) -> str:
    if value == "@-":
        return sys.stdin.read()
    return Path(value[1:]).read_text("utf-8") if value.startswith("@") else value


class Moment(ParamType):
    """A date or a time of ISO 8601; without an offset it is UTC."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the value."""
        if not isinstance(value, str):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"not a date or time such as 2026-01-31T12:00:00Z: {value!r}", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class PageRange(ParamType):
    """Pages as ``A:B``, both included; either can be left out."""

    name = "pages"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the first and the last page."""
        if not isinstance(value, str):
            return value
        first, colon, last = value.partition(":")
        try:
            begin = int(first) if first else 1
            end = (int(last) if last else None) if colon else begin
        except ValueError:
            self.fail(f"not pages such as 3:5, 3: or :5: {value!r}", param, ctx)
        if begin < 1 or (end is not None and end < begin):
            self.fail(f"pages count from 1, the last not before the first: {value!r}", param, ctx)
        return begin, end


JSON_OBJECT = JsonText("json object", dict)
JSON_VALUE = JsonText("json")
MOMENT = Moment()
PAGES = PageRange()
