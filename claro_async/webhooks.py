"""Webhooks: who sent a notification, and what it says.

Deliveries are signed with HMAC-SHA256 of the body under the webhook's secret, sent in
``X-Webhook-Signature``. Whether that is hexadecimal or base64, and whether ``sha256=`` stands
before it, is not documented, so each is accepted.

.. code-block:: python

    async def receive(request):
        body = await request.read()  # the raw bytes: not parsed and written again
        event = verify_webhook(body, request.headers["X-Webhook-Signature"], secret)
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode
from contextlib import suppress
from typing import Any

import attrs

from claro_async.errors import DecodeError, WebhookSignatureError
from claro_async.wire.tolerance import JSON_ERRORS, decode_any

_PREFIX = "sha256="


@attrs.frozen(kw_only=True)
class WebhookEvent:
    """A notification.

    Attributes:
        type: What happened, such as ``dataset.task.completed``: under whichever of the names
            ``event``, ``type`` and ``eventType`` the body has; empty where it has none.
        dataset_id: The dataset that it is about (``datasetId``), or None.
        data: The body's ``data`` where that is an object, else the whole body.
        body: The whole body, with everything that this package does not know.
    """

    type: str
    dataset_id: str | None
    data: dict[str, Any]
    body: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The whole body as plain JSON values."""
        return dict(self.body)


def verify_webhook(body: bytes, signature: str | None, secret: str) -> WebhookEvent:
    """Check a notification's signature, in constant time, and read it.

    A value in it that cannot be decoded, such as half an emoji, reads as in a reply: see
    ``docs/replies.md``.

    Args:
        body: The raw bytes of the request's body.
        signature: The header that holds the signature; None where there is none.
        secret: The secret that was agreed upon.

    Raises:
        WebhookSignatureError: There is no signature, or not that of this body with this secret.
        DecodeError: The signature is right, and the body is no JSON object.
        TypeError: A body that is not bytes, or a secret or signature that is not text.
        ValueError: An empty secret, which would let everybody sign.
    """
    if not secret:
        raise ValueError("secret is empty: anybody could sign")
    if not isinstance(body, bytes | bytearray | memoryview):
        raise TypeError(f"body must be the raw bytes of the request, not {type(body).__name__}")
    for name, value in (("secret", secret), ("signature", signature or "")):
        if not isinstance(value, str):
            raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if not signature:
        raise WebhookSignatureError("the notification has no signature")
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    if not any(hmac.compare_digest(wanted, given) for given in _readings(signature)):
        raise WebhookSignatureError("the signature is not that of this body")
    try:
        value = decode_any(bytes(body))
    except JSON_ERRORS as error:
        raise DecodeError(f"a notification that is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise DecodeError("a notification that is no JSON object")
    return _event_of(value)


def _readings(signature: str) -> list[bytes]:
    """What a signature may stand for: hexadecimal, or base64 of either alphabet."""
    text = signature.strip()
    if text.lower().startswith(_PREFIX):
        text = text[len(_PREFIX) :]
    readings = []
    with suppress(ValueError):
        readings.append(bytes.fromhex(text))
    with suppress(ValueError):
        padded = text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4)
        readings.append(b64decode(padded, validate=True))
    return readings


def _event_of(value: dict[str, Any]) -> WebhookEvent:
    data = value.get("data")
    inner = data if isinstance(data, dict) else value
    names = (value.get(name) for name in ("event", "type", "eventType"))
    dataset_id = value.get("datasetId", inner.get("datasetId"))
    return WebhookEvent(
        type=next((name for name in names if isinstance(name, str)), ""),
        dataset_id=dataset_id if isinstance(dataset_id, str) else None,
        data=inner,
        body=value,
    )
