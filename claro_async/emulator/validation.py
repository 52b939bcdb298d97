"""Strict reading of what clients send: JSON bodies, query strings and single fields.

Whatever the documents rule out is refused with ``INVALID_PARAMETERS``; nothing is clamped.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

from claro_async.emulator.errors import ApiError, invalid

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MAX_JSON_BYTES: Final = 10 * 1024 * 1024
MAX_DEPTH: Final = 64
_MAX_DIGITS: Final = 18


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise invalid("body", "duplicate keys")
    return result


def _constant(name: str) -> Any:
    raise invalid("body", f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise invalid("body", "a number is out of range")
    return value


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float
)
_DUMPS: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def dump_json(value: Any) -> str:
    """Write a JSON value compactly, as it is stored and sent.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for text with lone surrogates.
    """
    text = _DUMPS(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise invalid("body", "text holds a lone surrogate") from None
    return text


def _too_deep(value: Any) -> bool:
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
        if not deeper:
            return False
        level = deeper
    return any(isinstance(item, dict | list) for item in level)


def parse_json(body: bytes) -> Any:
    """Parse a JSON document strictly.

    Args:
        body: The whole request body.

    Returns:
        The value.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for bytes that are not UTF-8, a byte order mark, broken
            JSON, trailing text, ``NaN`` and infinities, duplicate keys, and nesting beyond
            `MAX_DEPTH`.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise invalid("body", "not UTF-8") from None
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise invalid("body", "nested too deeply") from None
    except ValueError as error:  # a broken document, or an integer of thousands of digits
        raise invalid("body", str(error)) from None
    if _too_deep(value):
        raise invalid("body", "nested too deeply")
    return value


def check_json_content_type(content_type: str | None) -> None:
    """Refuse a JSON body that is not sent as ``application/json`` (415, inferred)."""
    if content_type is None or content_type.partition(";")[0].strip().lower() != "application/json":
        raise invalid("Content-Type", "must be application/json", status=415)


def parse_object(body: bytes, fields: Collection[str]) -> dict[str, Any]:
    """Parse a JSON object that may hold only the documented fields.

    Args:
        body: The whole request body.
        fields: The names that the documents give.

    Returns:
        The object.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` when it is not such an object.
    """
    value = parse_json(body)
    if not isinstance(value, dict):
        raise invalid("body", "must be a JSON object")
    for name in value:
        if name not in fields:
            raise invalid(name, "is not a field of this request")
    return value


def parse_query(raw: str) -> dict[str, str]:
    """Parse a raw query string.

    Args:
        raw: The text after ``?``.

    Returns:
        Each name with its value.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for a name given twice and text that is not UTF-8.
    """
    query: dict[str, str] = {}
    for part in raw.split("&") if raw else ():
        name, _, value = part.partition("=")
        key = _decode_query(name)
        if key in query:
            raise invalid(key, "is given more than once")
        if part:
            query[key] = _decode_query(value)
    return query


def _decode_query(raw: str) -> str:
    try:
        return unquote_to_bytes(raw.replace("+", " ")).decode()
    except UnicodeError:
        raise invalid("query", "not UTF-8") from None


def query_integer(query: Mapping[str, str], name: str, default: int, maximum: int | None) -> int:
    """Read a positive integer from the query.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` unless it is written in digits and in range.
    """
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise invalid(name, "must be a positive integer")
    value = int(text)
    if value < 1 or (maximum is not None and value > maximum):
        top = "" if maximum is None else f" and at most {maximum}"
        raise invalid(name, f"must be at least 1{top}")
    return value


def query_choice(query: Mapping[str, str], name: str, choices: Collection[str]) -> str | None:
    """Read one of a few words from the query, or None when absent.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for any other word.
    """
    text = query.get(name)
    if text is not None and text not in choices:
        raise invalid(name, f"must be one of {', '.join(sorted(choices))}")
    return text


def query_boolean(query: Mapping[str, str], name: str) -> bool:
    """Read ``true`` or ``false`` from the query; absent is false.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for anything else.
    """
    return query_choice(query, name, ("true", "false")) == "true"


def integer_field(
    body: Mapping[str, Any], name: str, *, minimum: int, maximum: int | None, default: int | None
) -> int:
    """Read an integer field of a body; without a default it is required.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` when it is missing, no integer, or out of range.
    """
    if name not in body:
        if default is None:
            raise invalid(name, "is required")
        return default
    value = body[name]
    # JSON has one kind of number: 1000.0 is the integer 1000. true is no number.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid(name, "must be an integer")
    if value < minimum or (maximum is not None and value > maximum):
        top = "" if maximum is None else f" and at most {maximum}"
        raise invalid(name, f"must be at least {minimum}{top}")
    return value


def string_field(body: Mapping[str, Any], name: str) -> str:
    """Read a required string that is not blank.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` otherwise.
    """
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise invalid(name, "must be a string that is not blank")
    dump_json(value)
    return value


def boolean_field(body: Mapping[str, Any], name: str) -> bool:
    """Read an optional boolean field; absent is false.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for anything but true and false.
    """
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise invalid(name, "must be a boolean")
    return value


def object_field(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Read an optional object field; absent is empty.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` for anything but an object.
    """
    value = body.get(name, {})
    if not isinstance(value, dict):
        raise invalid(name, "must be an object")
    return value


def require_prompt(task_type: str, metadata: Mapping[str, Any]) -> None:
    """Hold the column "Metadata Requirements" of the task-type table.

    Raises:
        ApiError: ``INVALID_PARAMETERS`` when a needed ``prompt`` is missing or blank.
    """
    if task_type in PROMPT_REQUIRED:
        prompt = metadata.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            raise ApiError(
                "INVALID_PARAMETERS",
                {"parameter": "metadata.prompt", "message": f"is required for {task_type}"},
            )


TASK_TYPES: Final = frozenset(
    {"raw", "doc_extraction", "web_enrich", "classification", "ai_enrich", "places_count"}
)
PROMPT_REQUIRED: Final = frozenset({"ai_enrich", "places_count"})
DATASET_TYPES: Final = frozenset({"extraction", "analysis", "classification"})
STATUSES: Final = frozenset({"processing", "completed", "failed"})
