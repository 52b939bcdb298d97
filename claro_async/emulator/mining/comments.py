"""Comments: made up, or read from JSON lines.

Communications Mining API v1, "Datasets", section "Export a dataset", shows what a comment has.
"""

from __future__ import annotations

import hashlib
import json
import random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from claro_async.emulator.mining.times import parse_time, write_time
from claro_async.emulator.validation import dump_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_FIRST_TIME: Final = 1_577_836_800_000_000  # 2020-01-01T00:00:00Z
_DAY: Final = 86_400_000_000
_QUARTER: Final = 900_000_000
_LABELS: Final = ("Order", "Order > Late", "Invoice", "Invoice > Wrong amount", "Praise", "Access")
_SUBJECTS: Final = ("Today's figures", "Order 4711", "Wrong invoice", "Merci beaucoup", "Où est …?")
_BODIES: Final = (
    "Alice,\n\nHere are the figures for today.\n\nRegards,\nBob",
    "The parcel has not come yet. Where is it?",
    "You charged me twice; please correct the invoice. Grüße 🙂",
    "Thank you for the quick answer!",
    "I cannot log in since Monday.",
)


class StoredComment(NamedTuple):
    """A comment as it is kept; times in microseconds, ``body`` is what an export gives of it."""

    uid: str
    source_id: str
    timestamp: int
    created_at: int
    body: str


def synthetic(
    count: int, source_ids: Sequence[str], *, random_seed: int = 0
) -> Iterator[StoredComment]:
    """Make comments up, the same ones each time.

    Args:
        count: How many.
        source_ids: The sources that they come from, in turn.
        random_seed: Another number makes other comments.

    Yields:
        Comments in no order of time; some share a timestamp.
    """
    chance = random.Random(random_seed)  # noqa: S311 - repeatable, not secret
    sources = list(source_ids) or ["18ba5ce699f8da1f"]
    for number in range(count):
        timestamp = _FIRST_TIME + chance.randrange(0, 1000 * _DAY, _QUARTER)
        yield _stored(_made_up(number, sources[number % len(sources)], timestamp, chance))


def _made_up(number: int, source_id: str, timestamp: int, chance: random.Random) -> dict[str, Any]:
    pick = chance.randrange
    labels = sorted({_LABELS[pick(6)], _LABELS[pick(6)]}) if pick(3) else []
    # Imports upload in batches: many comments share a time of creation.
    created = timestamp + _DAY - timestamp % 60_000_000
    company = f"company{pick(50)}.com"
    return {
        "comment": {
            "id": f"{number:016x}",
            "source_id": source_id,
            "timestamp": write_time(timestamp),
            "created_at": write_time(created),
            "last_modified": write_time(created + 1_203_137),
            "context": str(created // 1000),
            "has_annotations": bool(labels),
            "messages": [
                {
                    "body": {"text": _BODIES[pick(5)]},
                    "from": f"bob@{company}",
                    "sent_at": write_time(timestamp),
                    "subject": {"text": _SUBJECTS[pick(5)]},
                    "to": ["alice@organisation.org"],
                }
            ],
            "text_format": "plain",
            "thread_id": str(100_000 + pick(10_000)),
            "user_properties": {
                "string:Recipient Domain": "organisation.org",
                "string:Sender Domain": company,
            },
        },
        "annotations": {
            "labels": {"assigned": [{"name": name, "sentiment": "positive"} for name in labels]}
        },
        "predictions": {
            "labels": [
                {
                    "name": _LABELS[pick(6)],
                    "probability": chance.random(),
                    "sentiment": chance.uniform(-1, 1),
                }
            ],
            "label_properties": [
                {
                    "property_id": "0000000000000001",
                    "property_name": "tone",
                    "value": chance.uniform(-10, 10),
                }
            ],
        },
    }


def given(comments: Iterable[Mapping[str, Any]]) -> Iterator[StoredComment]:
    """Take comments as an export gives them.

    Args:
        comments: Objects with ``comment`` and any of ``annotations`` and ``predictions``, or with
            the fields of a comment alone. Needed are ``uid``, or ``source_id`` and ``id``, and
            ``timestamp``; the rest gets a value where it is missing.

    Raises:
        ValueError: For a comment that lacks what is needed.
    """
    for each in comments:
        comment = each.get("comment", each)
        exported = dict(each) if "comment" in each else {}
        yield _stored({**exported, "comment": dict(comment)})


def read_lines(path: Path) -> Iterator[StoredComment]:
    """Read comments from a file of JSON lines.

    Raises:
        ValueError: For a line that is no comment; it names the line.
    """
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                yield from given([json.loads(line)])
            except (ValueError, AttributeError, TypeError) as error:
                raise ValueError(f"{path.name}, line {number}: {error}") from error


def _stored(exported: dict[str, Any]) -> StoredComment:
    comment = exported["comment"]
    uid = comment.get("uid")
    if isinstance(uid, str) and "." in uid:
        source_id, _, comment_id = uid.partition(".")
        comment = {**comment, "source_id": source_id, "id": comment_id}
    elif not all(isinstance(comment.get(name), str) for name in ("source_id", "id")):
        raise ValueError("a comment has a uid, or a source_id and an id")
    timestamp = parse_time(comment.get("timestamp"))
    created = parse_time(comment.get("created_at", comment["timestamp"]))
    labels = exported.get("annotations") or {"labels": {"assigned": []}}
    text = comment.pop("text", None) if "messages" not in comment else None
    whole = {
        "messages": [] if text is None else [{"body": {"text": text}}],
        "text_format": "plain",
        "user_properties": {},
        "has_annotations": bool(labels.get("labels", {}).get("assigned")),
        "context": hashlib.blake2b(str(uid).encode(), digest_size=6).hexdigest(),
        **comment,
        "timestamp": write_time(timestamp),
        "created_at": write_time(created),
        "last_modified": comment.get("last_modified", write_time(created)),
        "uid": f"{comment['source_id']}.{comment['id']}",
    }
    body = {"predictions": {"labels": []}, **exported, "comment": whole, "annotations": labels}
    return StoredComment(whole["uid"], whole["source_id"], timestamp, created, dump_json(body))
