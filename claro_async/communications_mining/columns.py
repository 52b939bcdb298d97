"""The documented fields of an exported comment as the columns of a table.

Communications Mining API v1, "Datasets", section "Export a dataset". A comment of the documented
shape is decoded at once. In any other, what fits its column goes there, and what does not goes to
the column ``misfits`` as JSON, so that one odd comment costs nothing and stops nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

import attrs
import msgspec

from claro_async.communications_mining.comments import moment_of
from claro_async.wire.tolerance import JSON_ERRORS, decode_any


@attrs.frozen
class Wrapped:
    """A text within an object: ``{"text": …}``."""


@attrs.frozen
class FreeForm:
    """Any object, as JSON text."""


Form: TypeAlias = (
    "type[str | bool | float | datetime] | Wrapped | FreeForm | list[Form] | Mapping[str, Form]"
)
"""What a column holds: a plain type, a list of one form, or an object of named ones."""

COLUMNS: Mapping[str, Form] = {
    "uid": str,
    "id": str,
    "source_id": str,
    "timestamp": datetime,
    "created_at": datetime,
    "last_modified": datetime,
    "thread_id": str,
    "context": str,
    "text_format": str,
    "has_annotations": bool,
    "user_properties": FreeForm(),
    "messages": [
        {
            "from": str,
            "to": [str],
            "sent_at": datetime,
            "subject": Wrapped(),
            "body": Wrapped(),
        }
    ],
    "assigned_labels": [{"name": str, "sentiment": str}],
    "predicted_labels": [{"name": str, "probability": float, "sentiment": float}],
    "label_properties": [{"property_id": str, "property_name": str, "value": float}],
    "misfits": str,
}
"""The columns in their order; times are UTC, ``user_properties`` and ``misfits`` are JSON text."""

_ELSEWHERE = {
    "assigned_labels": ("annotations", "labels", "assigned"),
    "predicted_labels": ("predictions", "labels"),
    "label_properties": ("predictions", "label_properties"),
}


class _Text(msgspec.Struct, gc=False):
    text: str | None = None


class _Message(msgspec.Struct, gc=False, rename={"from_": "from"}):
    from_: str | None = None
    to: list[str] | None = None
    sent_at: str | None = None
    subject: _Text | None = None
    body: _Text | None = None


class _Comment(msgspec.Struct, gc=False):
    uid: str
    id: str | None = None
    source_id: str | None = None
    timestamp: str | None = None
    created_at: str | None = None
    last_modified: str | None = None
    thread_id: str | None = None
    context: str | None = None
    text_format: str | None = None
    has_annotations: bool | None = None
    user_properties: dict[str, Any] | None = None
    messages: list[_Message] | None = None


class _AssignedLabel(msgspec.Struct, gc=False):
    name: str | None = None
    sentiment: str | None = None


class _PredictedLabel(msgspec.Struct, gc=False):
    name: str | None = None
    probability: float | None = None
    sentiment: float | None = None


class _LabelProperty(msgspec.Struct, gc=False):
    property_id: str | None = None
    property_name: str | None = None
    value: float | None = None


class _Assigned(msgspec.Struct, gc=False):
    assigned: list[_AssignedLabel] | None = None


class _Annotations(msgspec.Struct, gc=False):
    labels: _Assigned | None = None


class _Predictions(msgspec.Struct, gc=False):
    labels: list[_PredictedLabel] | None = None
    label_properties: list[_LabelProperty] | None = None


class _Exported(msgspec.Struct, gc=False):
    comment: _Comment
    annotations: _Annotations | None = None
    predictions: _Predictions | None = None


class _OddError(Exception):
    """A comment that is not of the documented shape."""


_decode_exported = msgspec.json.Decoder(_Exported).decode


def row_of(line: bytes) -> dict[str, Any]:
    """The row of a comment, given as JSON; each of :data:`COLUMNS` is in it.

    Never fails for what a comment holds, if it is JSON with a uid.
    """
    try:
        return _plain_row(_decode_exported(line))
    except (_OddError, *JSON_ERRORS):
        return _odd_row(decode_any(line))


def _odd_row(exported: dict[str, Any]) -> dict[str, Any]:
    fit, row = _Fit(), {}
    for name, form in COLUMNS.items():
        if name != "misfits":
            row[name] = fit.nested(exported, _ELSEWHERE.get(name, ("comment", name)), form)
    row["misfits"] = as_json(fit.misfits) if fit.misfits else None
    return row


def _plain_row(exported: _Exported) -> dict[str, Any]:
    comment = exported.comment
    annotations, predictions = exported.annotations, exported.predictions
    assigned = None if annotations is None else annotations.labels
    return {
        "uid": comment.uid,
        "id": comment.id,
        "source_id": comment.source_id,
        "timestamp": _plain_moment(comment.timestamp),
        "created_at": _plain_moment(comment.created_at),
        "last_modified": _plain_moment(comment.last_modified),
        "thread_id": comment.thread_id,
        "context": comment.context,
        "text_format": comment.text_format,
        "has_annotations": comment.has_annotations,
        "user_properties": _plain_json(comment.user_properties),
        "messages": None
        if comment.messages is None
        else [_plain_message(each) for each in comment.messages],
        "assigned_labels": _plain_list(None if assigned is None else assigned.assigned),
        "predicted_labels": _plain_list(None if predictions is None else predictions.labels),
        "label_properties": _plain_list(
            None if predictions is None else predictions.label_properties
        ),
        "misfits": None,
    }


def _plain_message(message: _Message) -> dict[str, Any]:
    return {
        "from": message.from_,
        "to": message.to,
        "sent_at": _plain_moment(message.sent_at),
        "subject": None if message.subject is None else message.subject.text,
        "body": None if message.body is None else message.body.text,
    }


def _plain_list(structs: list[Any] | None) -> list[dict[str, Any]] | None:
    return None if structs is None else [msgspec.structs.asdict(each) for each in structs]


def _plain_json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else as_json(value)


def _plain_moment(text: str | None) -> datetime | None:
    """A time as the documents write it, such as ``2020-08-06T13:20:28.531000Z``."""
    if text is None:
        return None
    if text[10:11] != "T" or text[-1:] != "Z":
        raise _OddError
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise _OddError from None


class _Fit:
    """Puts values into forms, and collects those that do not fit.

    Attributes:
        misfits: Those, by their path within the comment as it was exported.
    """

    def __init__(self) -> None:
        self.misfits: dict[str, Any] = {}

    def nested(self, value: Any, path: tuple[str, ...], form: Form) -> Any:
        """What is at a path within a value, in the form."""
        at = ""
        for name in path:
            if value is None:
                return None
            if not isinstance(value, dict):
                return self._leave_out(value, at)
            value, at = value.get(name), f"{at}.{name}".removeprefix(".")
        return self.into(value, form, at)

    def into(self, value: Any, form: Form, path: str) -> Any:
        """A value in the form, or None where it does not fit."""
        if value is None:
            return None
        if isinstance(form, Wrapped):
            return self.nested({path: value}, (path, "text"), str)
        if isinstance(form, list) and isinstance(value, list):
            return [self.into(each, form[0], f"{path}[{at}]") for at, each in enumerate(value)]
        if isinstance(form, Mapping) and isinstance(value, dict):
            return {
                name: self.into(value.get(name), each, f"{path}.{name}")
                for name, each in form.items()
            }
        if isinstance(form, FreeForm) and isinstance(value, dict):
            return as_json(value)
        plain = self._plain(value, form)
        return self._leave_out(value, path) if plain is None else plain

    def _plain(self, value: Any, form: Form) -> Any:
        if form is datetime:
            return moment_of(value)
        if form is float and type(value) in {int, float}:
            return _to_float(value)
        return value if type(value) is form else None

    def _leave_out(self, value: Any, path: str) -> None:
        self.misfits[path] = value


def _to_float(value: float) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def as_json(value: Any) -> str:
    """A value as JSON text."""
    return msgspec.json.encode(value).decode()
