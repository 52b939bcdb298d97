"""The operations on datasets. Communications Mining API v1, "Datasets"."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from claro_async.emulator.calls import Call
from claro_async.emulator.errors import ApiError, invalid
from claro_async.emulator.ledger import AppliedMiningChange
from claro_async.emulator.mining.store import MiningDataset, NewMiningDataset
from claro_async.emulator.validation import dump_json

if TYPE_CHECKING:
    from claro_async.emulator.faults import Fault
    from claro_async.emulator.mining.permissions import Grant
    from claro_async.emulator.mining.store import MiningStore

_FAMILIES: Final = frozenset({"english", "multilingual"})
_UPDATABLE: Final = ("title", "description", "source_ids")
_CREATABLE: Final = (*_UPDATABLE, "model_family", "has_sentiment")


@dataclass(slots=True, kw_only=True)
class MiningCall(Call):
    """One request to the Communications Mining part, with the grant of its token."""

    store: MiningStore
    grant: Grant
    quirk: Fault | None = None

    def dataset(self) -> MiningDataset:
        """Find the dataset that the path names.

        Raises:
            ApiError: ``NOT_FOUND``.
        """
        return self.store.find(*self.ids)

    def applied(
        self, dataset: MiningDataset, change: Literal["create", "update", "delete"]
    ) -> None:
        """Enter a change in the ledger."""
        self.world.ledger.applied.append(
            AppliedMiningChange(self.index, change, dataset.project, dataset.name)
        )


def ok(**values: Any) -> bytes:
    """Write a success: every one says so."""
    return dump_json({**values, "status": "ok"}).encode()


async def list_all_datasets(call: MiningCall) -> bytes:
    """Section "Get all datasets"."""
    found = [each for each in call.store.datasets() if call.grant.covers(each.project)]
    return ok(datasets=[each.to_json() for each in found])


async def list_project_datasets(call: MiningCall) -> bytes:
    """Section "Get datasets by project"."""
    (project,) = call.ids
    call.store.check_project(project)
    return ok(datasets=[each.to_json() for each in call.store.datasets(project)])


async def get_project_dataset(call: MiningCall) -> bytes:
    """Section "Get a dataset by name"."""
    return ok(dataset=call.dataset().to_json())


async def get_model_tags(call: MiningCall) -> bytes:
    """Section "Get model tags for a dataset"."""
    return ok(model_tags=json.loads(call.dataset().model_tags))


async def create_dataset(call: MiningCall) -> bytes:
    """Section "Create a dataset"; the same again changes nothing, anything else is a conflict."""
    project, name = call.ids
    call.store.check_project(project)
    given = _settings(call, _CREATABLE)
    new = NewMiningDataset(
        given.get("title"),
        given.get("description"),
        given.get("source_ids", []),
        given.get("model_family", "english").lower(),
        given.get("has_sentiment", True),
    )
    found = call.store.look_up(project, name)
    if found is None:
        found = call.store.add(project, name, new)
        call.applied(found, "create")
    elif _settings_of(found) != new:
        raise ApiError("CONFLICT", message=f"Dataset {project}/{name} already exists", status=409)
    return ok(dataset=found.to_json())


async def update_dataset(call: MiningCall) -> bytes:
    """Section "Update a dataset"."""
    dataset = call.dataset()
    given = _settings(call, _UPDATABLE)
    changed = call.store.change(dataset, _settings_of(dataset)._replace(**given))
    call.applied(changed, "update")
    return ok(dataset=changed.to_json())


async def delete_dataset(call: MiningCall) -> bytes:
    """Section "Delete a dataset"."""
    dataset = call.dataset()
    call.store.delete(dataset)
    call.applied(dataset, "delete")
    return ok()


def _settings_of(dataset: MiningDataset) -> NewMiningDataset:
    return NewMiningDataset(
        dataset.title,
        dataset.description,
        json.loads(dataset.source_ids),
        dataset.model_family,
        bool(dataset.has_sentiment),
    )


def _settings(call: MiningCall, names: tuple[str, ...]) -> dict[str, Any]:
    """Read ``{"dataset": {…}}`` with fields of these names.

    Raises:
        ApiError: ``INVALID_PARAMETERS``.
    """
    body = call.json_object("dataset")
    given = body.get("dataset")
    if not isinstance(given, dict):
        raise invalid("dataset", "must be an object")
    for name, value in given.items():
        if name not in names:
            raise invalid(name, "is not a field of this request")
        problem = _problem(name, value)
        if problem:
            raise invalid(name, problem)
    return given


def _problem(name: str, value: Any) -> str | None:
    if name == "has_sentiment":
        return None if isinstance(value, bool) else "must be a boolean"
    if name == "source_ids":
        return None if is_id_list(value) else "must be an array of ids"
    if not isinstance(value, str):
        return "must be a string"
    if name == "model_family" and value.lower() not in _FAMILIES:
        return "must be english or multilingual"
    return None


def is_id_list(value: Any) -> bool:
    """Tell whether a value is an array of strings that are not empty."""
    return isinstance(value, list) and all(isinstance(each, str) and each for each in value)
