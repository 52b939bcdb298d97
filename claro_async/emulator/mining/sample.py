"""The dataset of the document's samples, so that all its calls succeed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from claro_async.emulator.mining.comments import given, read_lines, synthetic
from claro_async.emulator.mining.store import NewMiningDataset

if TYPE_CHECKING:
    from pathlib import Path

    from claro_async.emulator.mining.store import MiningStore

PROJECT: Final = "project"
NAME: Final = "example"
SOURCE_ID: Final = "18ba5ce699f8da1f"
_SAMPLE: Final[dict[str, Any]] = {
    "annotations": {
        "labels": {
            "assigned": [
                {"name": "Parent Label", "sentiment": "positive"},
                {"name": "Parent Label > Child Label", "sentiment": "positive"},
            ]
        }
    },
    "comment": {
        "context": "1596721237668",
        "created_at": "2020-08-06T13:20:28.531000Z",
        "has_annotations": True,
        "id": "0123456789abcdef",
        "last_modified": "2020-08-06T13:40:37.668000Z",
        "messages": [
            {
                "body": {"text": "Alice,\n\nHere are the figures for today.\n\nRegards,\nBob"},
                "from": "bob@organisation.org",
                "sent_at": "2011-12-11T11:05:10Z",
                "subject": {"text": "Today's figures"},
                "to": ["alice@company.com"],
            }
        ],
        "source_id": "47194279497e141e",
        "text_format": "plain",
        "thread_id": "123456",
        "timestamp": "2011-12-11T11:05:10Z",
        "uid": "47194279497e141e.0123456789abcdef",
        "user_properties": {
            "string:Recipient Domain": "company.com",
            "string:Sender Domain": "organisation.org",
        },
    },
    "predictions": {
        "labels": [
            {
                "name": "Another Parent Label",
                "probability": 0.954979807138443,
                "sentiment": -0.4281917143125379,
            },
            {
                "name": "Another Parent Label > Another Child Label",
                "probability": 0.7726812064647675,
                "sentiment": -0.6603664430231163,
            },
        ],
        "label_properties": [
            {
                "property_id": "0000000000000001",
                "property_name": "tone",
                "value": -1.8130283355712891,
            },
            {
                "property_id": "0000000000000002",
                "property_name": "quality_of_service",
                "value": -3.0063242531136999,
            },
        ],
    },
}
_TAGS: Final = (
    {"name": "prod", "updated_at": "2021-11-16T12:31:00.123Z", "version": 5},
    {"name": "staging", "updated_at": "2021-11-15T12:30:00.123Z", "version": 7},
)


def load_mining_sample(store: MiningStore) -> None:
    """Make the project ``project`` with the dataset ``example``: the sample's comment and 999 more.

    Args:
        store: The state.
    """
    store.add_project(PROJECT)
    new = NewMiningDataset("An Example Dataset", "An optional long form description.", [SOURCE_ID])
    dataset = store.add(PROJECT, NAME, new, dataset_id=SOURCE_ID)
    store.set_model_tags(dataset, _TAGS)
    store.add_comments(dataset, given([_SAMPLE]))
    store.add_comments(dataset, synthetic(999, [SOURCE_ID]))


def seed_mining(store: MiningStore, path: Path) -> None:
    """Load comments as a dataset, named as their file, unless it is there.

    Raises:
        OSError: The file cannot be read.
        ValueError: A line is no comment.
    """
    store.add_project(PROJECT)
    if store.look_up(PROJECT, path.stem) is None:
        comments = list(read_lines(path))
        dataset = store.add(PROJECT, path.stem, NewMiningDataset(source_ids=(SOURCE_ID,)))
        store.add_comments(dataset, comments)
