"""Exported comments as they come off the wire.

Communications Mining API v1, "Datasets", section "Export a dataset". A page is the hot path: of
each comment only the uid is read, and the rest is kept as it came until it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from claro_async._times import parse_time
from claro_async.communications_mining.models import AnnotatedComment, CommentOrder
from claro_async.errors import DecodeError
from claro_async.wire.replies import HttpReply, decode_into, decode_model
from claro_async.wire.tolerance import JSON_ERRORS, decode_any, decode_tolerantly, repair

if TYPE_CHECKING:
    from datetime import datetime

    from claro_async.communications_mining.models import (
        Annotations,
        AssignedLabel,
        Comment,
        PredictedLabel,
        Predictions,
    )
    from claro_async.wire.converter import ModelConverter


class _Named(msgspec.Struct, gc=False):
    uid: str


class _ExportedName(msgspec.Struct, gc=False):
    comment: _Named


class _Dated(msgspec.Struct):
    timestamp: Any = None
    created_at: Any = None


class _ExportedDate(msgspec.Struct):
    comment: _Dated


class ExportPageStruct(msgspec.Struct, gc=False):
    """The body of a page of an export."""

    comments: list[msgspec.Raw]
    continuation: str | None = None


_page_decoder = msgspec.json.Decoder(ExportPageStruct)
_decode_name = msgspec.json.Decoder(_ExportedName).decode
_decode_date = msgspec.json.Decoder(_ExportedDate).decode


class ExportedComment:
    """A comment with its assigned and predicted labels; decoded when it is first asked for.

    It can be pickled.

    Attributes:
        uid: The comment's id among all (``source_id.comment_id``).
    """

    __slots__ = ("_content", "_converter", "_model", "uid")

    def __init__(self, uid: str, content: bytes, converter: ModelConverter | None = None) -> None:
        self.uid: str = uid
        self._content = content
        self._converter = converter
        self._model: AnnotatedComment | None = None

    def __repr__(self) -> str:
        return f"ExportedComment({self.uid!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ExportedComment, (self.uid, self._content)

    @property
    def model(self) -> AnnotatedComment:
        """The whole as a model; what cannot be decoded in it is replaced, and logged.

        Raises:
            DecodeError: Not of the documented shape.
        """
        if self._model is None:
            if self._converter is None:
                from claro_async.wire.converter import ModelConverter  # noqa: PLC0415 - cattrs

                self._converter = ModelConverter()
            reply = HttpReply(200, {}, self._content)
            self._model = decode_model(self._converter, AnnotatedComment, reply)
        return self._model

    def sorting_time(self, order_by: CommentOrder | None) -> datetime | None:
        """The time by which an export is sorted; None where there is none."""
        dates = decode_tolerantly(_decode_date, self._content)[0].comment
        by_creation = order_by == CommentOrder.CREATED_AT
        return moment_of(dates.created_at if by_creation else dates.timestamp)

    @property
    def comment(self) -> Comment:
        """The comment itself: times, messages, properties."""
        return self.model.comment

    @property
    def annotations(self) -> Annotations | None:
        """What people said about it; None where the reply has nothing."""
        return self.model.annotations

    @property
    def predictions(self) -> Predictions | None:
        """What the model says about it; None where the reply has nothing."""
        return self.model.predictions

    @property
    def assigned_labels(self) -> list[AssignedLabel]:
        """The labels that were assigned, parents included; empty where there are none."""
        annotations = self.model.annotations
        labels = annotations.labels if annotations is not None else None
        return labels.assigned or [] if labels is not None else []

    @property
    def predicted_labels(self) -> list[PredictedLabel]:
        """The labels that are predicted, with probabilities; empty where there are none."""
        predictions = self.model.predictions
        return predictions.labels or [] if predictions is not None else []

    def to_dict(self) -> dict[str, Any]:
        """The comment as plain JSON values, with all that the reply had.

        What cannot be decoded (half an emoji, a number that no double can hold) is replaced.
        """
        value: dict[str, Any] = decode_any(self._content)
        return value

    def to_json(self) -> bytes:
        """The comment as one line of JSON, with every digit and every field as it came.

        Only bytes that are no UTF-8 are replaced, by U+FFFD.
        """
        content = self._content
        if not content.isascii() and not _is_utf_8(content):
            content = repair(content)
        if b"\n" in content or b"\r" in content:
            return msgspec.json.format(content, indent=-1)
        return content


def _is_utf_8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def decode_page(content: bytes) -> ExportPageStruct:
    """The body of a page; what makes it no JSON (half an emoji, a control character) is replaced.

    Raises:
        DecodeError: Not JSON, or not of the documented shape.
    """
    return decode_into(_page_decoder, HttpReply(200, {}, content))


def comments_of(page: ExportPageStruct, converter: ModelConverter) -> list[ExportedComment]:
    """The comments of a page.

    Raises:
        DecodeError: A comment without a uid.
    """
    found = []
    for index, raw in enumerate(page.comments):
        content = bytes(raw)  # a copy, so that one comment that is kept does not keep its page
        try:
            uid = uid_of(content)
        except JSON_ERRORS as error:
            text = f"a reply of another shape than documented: {error}"
            raise DecodeError(text, path=f"comments[{index}]") from None
        found.append(ExportedComment(uid, content, converter))
    return found


def moment_of(value: Any) -> datetime | None:
    """A time as it came, as the models have it; None where it is none."""
    try:
        return parse_time(value)
    except ValueError:
        return None


def uid_of(content: bytes) -> str:
    """The uid of an exported comment, given as JSON.

    Raises:
        msgspec.MsgspecError: Not an exported comment.
    """
    try:
        return _decode_name(content).comment.uid
    except JSON_ERRORS:
        return decode_tolerantly(_decode_name, content)[0].comment.uid
