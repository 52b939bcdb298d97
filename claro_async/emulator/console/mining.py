"""Routes of the console: the Communications Mining part."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from claro_async.emulator.console.security import REDACTED
from claro_async.emulator.mining.routing import (
    MINING_OPERATION_IDS,
    PERMISSIONS,
    permission_for,
)
from claro_async.emulator.mining.times import write_time

if TYPE_CHECKING:
    from claro_async.emulator.console.asking import Ask
    from claro_async.emulator.mining.store import MiningDataset, MiningStore

_COMMENTS: Final = 50
_COMMENTS_MAX: Final = 200


async def get_mining(ask: Ask) -> Any:
    """Answer ``GET mining``: projects, datasets, and what each token may do."""
    store = ask.desk.world.mining
    found = store.datasets()
    projects = [
        {"name": name, "datasets": sum(each.project == name for each in found)}
        for name in store.projects()
    ]
    grants = [
        {
            "token": REDACTED,
            "number": number,
            "permissions": sorted(grant.permissions),
            "projects": None if grant.projects is None else sorted(grant.projects),
        }
        for number, grant in enumerate(ask.desk.grants.values(), 1)
    ]
    return {
        "projects": projects,
        "datasets": [_dataset(store, each) for each in found],
        "permissions": sorted(PERMISSIONS),
        "grants": grants,
        "operations": {name: permission_for(name) for name in sorted(MINING_OPERATION_IDS)},
    }


def _dataset(store: MiningStore, dataset: MiningDataset) -> dict[str, Any]:
    return {
        "project": dataset.project,
        "name": dataset.name,
        "title": dataset.title,
        "description": dataset.description,
        "id": dataset.id,
        "modelFamily": dataset.model_family,
        "hasSentiment": bool(dataset.has_sentiment),
        "sourceIds": json.loads(dataset.source_ids),
        "modelTags": json.loads(dataset.model_tags),
        "comments": store.count(dataset),
        "created": write_time(dataset.created),
        "lastModified": write_time(dataset.last_modified),
    }


async def list_comments(ask: Ask) -> Any:
    """Answer ``GET mining/datasets/{}/{}/comments``, by timestamp."""
    skip, limit = ask.span(_COMMENTS, _COMMENTS_MAX)
    store = ask.desk.world.mining
    dataset = store.find(*ask.ids)
    comments = [json.loads(text) for text in store.slice(dataset, skip, limit)]
    span = {"skip": skip, "limit": limit, "total": store.count(dataset)}
    return {**span, "comments": comments}
