"""The envelope of the Communications Mining API v1, which can say no under a status of success."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from claro_async.wire.replies import HttpReply


class _Envelope(msgspec.Struct):
    status: str = ""


_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def says_error(reply: HttpReply) -> bool:
    """Whether the body's own ``status`` is ``error``, whatever the HTTP status.

    Every reply of the Communications Mining API v1 carries ``"status": "ok"``, an error ``"status":
    "error"`` with ``"message"``.
    """
    try:
        return _decode_envelope(reply.content).status == "error"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False  # decoding it for its value raises the error that says what is wrong
