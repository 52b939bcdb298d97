"""Notifications: who signed them, and what they say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from claro_async import DecodeError, WebhookSignatureError, verify_webhook

SECRET = "0123456789abcdef"
BODY = json.dumps(
    {"event": "dataset.task.completed", "data": {"datasetId": "d", "new": 1}, "sentAt": "now"}
).encode()


def digest(body: bytes = BODY, secret: str = SECRET) -> bytes:
    """The signature's bytes."""
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


FORMS = {
    "hex": digest().hex(),
    "HEX": digest().hex().upper(),
    "hex with prefix": f"sha256={digest().hex()}",
    "base64": base64.b64encode(digest()).decode(),
    "base64 with prefix": f"SHA256={base64.b64encode(digest()).decode()}",
    "base64 for URLs, unpadded": base64.urlsafe_b64encode(digest()).decode().rstrip("="),
    "with a line end": f"{digest().hex()}\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_signature_is_read(form: str) -> None:
    """Hexadecimal and base64, with and without a prefix, verify the same body."""
    event = verify_webhook(BODY, FORMS[form], SECRET)
    assert (event.type, event.dataset_id) == ("dataset.task.completed", "d")
    assert event.data == {"datasetId": "d", "new": 1}
    assert event.to_dict()["sentAt"] == "now"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256=",
        "zz",
        digest().hex()[:-2],
        digest(BODY + b" ").hex(),
        digest(secret="another secret 1").hex(),
        "é" * 64,
    ],
)
def test_any_other_signature_is_refused(signature: str) -> None:
    """Empty, cut, of another body and of another secret: each is an error, and nothing is read."""
    with pytest.raises(WebhookSignatureError):
        verify_webhook(BODY, signature, SECRET)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (rb'"\ud83d"', "\N{REPLACEMENT CHARACTER}"),
        (b'"caf\xe9"', "caf\N{REPLACEMENT CHARACTER}"),
        (b"1e999", "1e999"),
        (b"NaN", "NaN"),
        (b'"two\nlines"', "two\nlines"),
    ],
)
def test_one_value_that_cannot_be_decoded(value: bytes, read: str) -> None:
    """Half an emoji or a number out of range reads as in a reply, and the rest is there."""
    body = b'{"event": "dataset.task.completed", "datasetId": "d", "value": %b}' % value
    event = verify_webhook(body, digest(body).hex(), SECRET)
    assert (event.type, event.dataset_id) == ("dataset.task.completed", "d")
    assert event.body["value"] == read


@pytest.mark.parametrize("body", [b"[1]", b"<html>", b"\xff", b"[" * 100_000])
def test_a_signed_body_that_is_no_object(body: bytes) -> None:
    """A right signature on something that is no JSON object is a DecodeError."""
    with pytest.raises(DecodeError):
        verify_webhook(body, digest(body).hex(), SECRET)


def test_an_event_without_what_is_expected() -> None:
    """A body of another shape keeps everything, and says what it does not know by empty values."""
    body = b'{"type": 5, "datasetId": 7, "data": [1]}'
    event = verify_webhook(body, digest(body).hex(), SECRET)
    assert (event.type, event.dataset_id) == ("", None)
    assert event.data == event.body == {"type": 5, "datasetId": 7, "data": [1]}


def test_an_empty_secret_is_refused() -> None:
    """With an empty secret everybody could sign."""
    with pytest.raises(ValueError, match="empty"):
        verify_webhook(BODY, digest(secret="").hex(), "")


@pytest.mark.parametrize("signature", [None, "", " ", "sha256="])
def test_a_notification_without_a_signature_is_not_trusted(signature: str | None) -> None:
    """A header that is missing is an attacker's doing, not a fault of the program."""
    with pytest.raises(WebhookSignatureError):
        verify_webhook(BODY, signature, SECRET)


@pytest.mark.parametrize("name", ["body", "signature", "secret"])
def test_an_argument_of_another_type_is_named(name: str) -> None:
    """A body that was decoded, or a key in bytes, says what is wanted in its place."""
    arguments: dict[str, Any] = {"body": BODY, "signature": FORMS["hex"], "secret": SECRET}
    arguments[name] = BODY.decode() if name == "body" else arguments[name].encode()
    with pytest.raises(TypeError, match=name):
        verify_webhook(**arguments)
