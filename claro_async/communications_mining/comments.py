"""Exported comments as they come off the wire.

Communications Mining API v1, "Datasets", section "Export a dataset". A page is the hot path: of
each comment only the uid is read, and the rest is kept as it came until someone looks at it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from claro_async.communications_mining.models import AnnotatedComment
from claro_async.errors import DecodeError
from claro_async.wire.replies import HttpReply, decode_into, decode_model

if TYPE_CHECKING:
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


class _Identity(msgspec.Struct, gc=False):
    comment: _Named


class ExportPageStruct(msgspec.Struct, gc=False):
    """The body of a page of an export."""

    comments: list[msgspec.Raw]
    continuation: str | None = None


_page_decoder = msgspec.json.Decoder(ExportPageStruct)
_identity_decoder = msgspec.json.Decoder(_Identity)


class ExportedComment:
    """A comment with its assigned and predicted labels; decoded when it is first looked at.

    Attributes:
        uid: The comment's id among all (``source_id.comment_id``).
    """

    __slots__ = ("_content", "_converter", "_model", "uid")

    def __init__(self, uid: str, content: bytes, converter: ModelConverter) -> None:
        self.uid = uid
        self._content = content
        self._converter = converter
        self._model: AnnotatedComment | None = None

    def __repr__(self) -> str:
        return f"ExportedComment({self.uid!r})"

    @property
    def model(self) -> AnnotatedComment:
        """The whole as a model.

        Raises:
            DecodeError: Not of the documented shape.
        """
        if self._model is None:
            reply = HttpReply(200, {}, self._content)
            self._model = decode_model(self._converter, AnnotatedComment, reply)
        return self._model

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
        """The comment as decoded JSON, with all that the reply had."""
        value: dict[str, Any] = msgspec.json.decode(self._content)
        return value

    def to_json(self) -> bytes:
        """The comment as one line of JSON, with every digit and every field as it came."""
        if b"\n" in self._content or b"\r" in self._content:
            return msgspec.json.format(self._content, indent=-1)
        return self._content


def decode_page(content: bytes) -> ExportPageStruct:
    """The body of a page.

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
        content = bytes(raw)  # a copy, so that whoever keeps one comment does not keep its page
        try:
            uid = _identity_decoder.decode(content).comment.uid
        except msgspec.MsgspecError as error:
            text = f"a reply of another shape than documented: {error}"
            raise DecodeError(text, path=f"comments[{index}]") from None
        found.append(ExportedComment(uid, content, converter))
    return found
