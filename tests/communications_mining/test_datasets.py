"""Datasets: reading, making, changing and deleting them, also when replies are lost."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.communications_mining import CommunicationsMiningClient
from claro_async.emulator import AppliedMiningChange, Emulator, ManualClock
from claro_async.errors import InvalidRequestError, NotFoundError, OutcomeUnknownError
from claro_async.testing import AttemptError, MockSession, json_reply
from claro_async.transport.clock import SystemClock

if TYPE_CHECKING:
    from claro_async.communications_mining import Dataset
    from claro_async.testing import HttpReply, HttpRequest


def changes(emulator: Emulator) -> list[str]:
    """What was applied, in order."""
    return [
        each.change for each in emulator.ledger.applied if isinstance(each, AppliedMiningChange)
    ]


@pytest.fixture
def new(mining: CommunicationsMiningClient) -> Dataset:
    """A dataset that is not there yet."""
    return mining.dataset("project", "new")


async def test_listing(mining: CommunicationsMiningClient, emulator: Emulator) -> None:
    """A listing gives each dataset by async for, and all when awaited; one request each."""
    emulator.mining.add_dataset("sales", "feedback", title="Feedback")
    assert [each.name async for each in mining.datasets.list()] == ["example", "feedback"]
    (found,) = await mining.datasets.list(project="sales")
    assert (found.owner, found.name, found.title) == ("sales", "feedback", "Feedback")
    assert emulator.ledger.count() == 2
    with pytest.raises(NotFoundError):
        await mining.datasets.list(project="nowhere")


async def test_names_stay_one_segment(
    mining: CommunicationsMiningClient, emulator: Emulator
) -> None:
    """A name with a slash, a space or a percent sign arrives as it is, never as another path."""
    for name in ("a/b", "a b", "100%", "ä?#", "model-tags"):
        emulator.mining.add_dataset("pro/ject", name)
        assert (await mining.dataset("pro/ject", name).get()).name == name


@pytest.mark.parametrize(("project", "name"), [("", "x"), ("p", ".."), ("p", "a\nb"), (".", "x")])
def test_names_that_cannot_be(mining: CommunicationsMiningClient, project: str, name: str) -> None:
    """What would change the path is refused before anything is sent."""
    with pytest.raises(ValueError, match="cannot be an identifier"):
        mining.dataset(project, name)


async def test_making_changing_deleting(new: Dataset, emulator: Emulator) -> None:
    """The three changes give what the server then has."""
    made = await new.create(title="T", description="D", source_ids=["s1", "s2"])
    assert (made.title, made.has_sentiment, made.confirmed_by_read) == ("T", True, False)
    assert made.model_family == "english"
    changed = await new.update(title="U")
    assert (changed.title, changed.description) == ("U", "D")
    assert changed.source_ids == ["s1", "s2"]
    deletion = await new.delete(confirm="project/new")
    assert not deletion.confirmed_by_absence
    assert changes(emulator) == ["create", "update", "delete"]
    with pytest.raises(NotFoundError):
        await new.get()


async def test_arguments_are_checked(new: Dataset, emulator: Emulator) -> None:
    """An empty change, another confirmation and ids that are none are refused unsent."""
    with pytest.raises(ValueError, match="nothing to change"):
        await new.update()
    with pytest.raises(ValueError, match="confirm='project/new'"):
        await new.delete(confirm="new")
    with pytest.raises(TypeError, match="source_ids"):
        await new.create(source_ids="s1")
    with pytest.raises(ValueError, match="source_ids"):
        await new.create(source_ids=[""])
    assert emulator.ledger.requests == []


async def test_a_name_that_is_taken(example: Dataset) -> None:
    """A refusal of a first attempt stands: nothing is read, nothing is taken for ours."""
    with pytest.raises(InvalidRequestError, match="already exists") as caught:
        await example.create(title="Another")
    assert caught.value.status == 409


@pytest.mark.parametrize("kind", ["reset", "disconnect", "status", "truncate", "html"])
async def test_a_lost_reply_to_a_creation(new: Dataset, emulator: Emulator, kind: str) -> None:
    """The dataset was made and the reply lost: it is read, compared and confirmed, never resent."""
    details = {} if kind == "truncate" else {"apply": True}
    emulator.faults.add("mining.createDataset", kind, times=1, **details)
    made = await new.create(title="T", source_ids=["b", "a"], model_family="English")
    assert made.confirmed_by_read
    assert made.title == "T"
    assert emulator.ledger.count("mining.createDataset") == 1
    assert changes(emulator) == ["create"]


async def test_a_lost_creation_is_sent_again(new: Dataset, emulator: Emulator) -> None:
    """The request was lost, too: the dataset is not there, so the request goes out once more."""
    emulator.faults.add("mining.createDataset", "reset", times=2)
    made = await new.create(title="T")
    assert not made.confirmed_by_read
    assert changes(emulator) == ["create"]
    assert [each.operation for each in emulator.ledger.requests] == [
        "mining.createDataset",
        "mining.getProjectDataset",
    ] * 2 + ["mining.createDataset"]


async def test_a_creation_that_is_lost_for_good(new: Dataset, emulator: Emulator) -> None:
    """After as many attempts as the policy allows the outcome is unknown."""
    emulator.faults.add("mining.createDataset", "reset")
    with pytest.raises(OutcomeUnknownError):
        await new.create(title="T")
    assert emulator.ledger.count("mining.createDataset") == 4


async def test_a_creation_in_doubt_beside_another_one(
    mining: CommunicationsMiningClient, emulator: Emulator
) -> None:
    """Someone else's dataset of that name is not taken for ours, and is handed over to look at."""
    emulator.mining.add_dataset("project", "theirs", title="Theirs")
    emulator.faults.add("mining.createDataset", "reset", times=1)
    with pytest.raises(OutcomeUnknownError) as caught:
        await mining.dataset("project", "theirs").create(title="Ours")
    assert [each.title for each in caught.value.candidates] == ["Theirs"]
    assert "not as it was to be" in caught.value.__notes__[0]


async def test_a_creation_in_doubt_beside_an_older_one() -> None:
    """A dataset as wanted, but older than the request, was not made by it."""
    old = ManualClock(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
    async with (
        Emulator(clock=old) as emulator,
        CommunicationsMiningClient(emulator.mining_token, emulator.mining_base_url) as client,
    ):
        emulator.faults.add("mining.createDataset", "reset", times=1)
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.dataset("project", "example").create(title="An Example Dataset")
    assert "there before" in caught.value.__notes__[0]


async def test_a_creation_in_doubt_that_cannot_be_read(emulator: Emulator) -> None:
    """A token that may make but not see datasets leaves the outcome unknown, and says why."""
    emulator.mining.add_token("blind", ["Modify datasets"])
    emulator.faults.add("mining.createDataset", "reset", apply=True, times=1)
    async with CommunicationsMiningClient("blind", emulator.mining_base_url) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.dataset("project", "new").create(title="T")
    assert "View labels" in caught.value.__notes__[0]


async def test_an_update_is_sent_again(example: Dataset, emulator: Emulator) -> None:
    """A lost reply to an update is followed by the same update, which ends in the same state."""
    emulator.faults.add("mining.updateDataset", "reset", apply=True, times=1)
    emulator.faults.add("mining.updateDataset", "status", status=503, times=1)
    assert (await example.update(title="U")).title == "U"
    assert changes(emulator) == ["update", "update"]
    emulator.faults.add("mining.updateDataset", "reset")
    with pytest.raises(OutcomeUnknownError):
        await example.update(title="V")


async def test_a_deletion_in_doubt(example: Dataset, emulator: Emulator) -> None:
    """A 404 after a lost reply means deleted; a 404 without doubt is an error."""
    emulator.faults.add("mining.deleteDataset", "reset", apply=True, times=1)
    deletion = await example.delete(confirm=example.full_name)
    assert deletion.confirmed_by_absence
    assert changes(emulator) == ["delete"]
    with pytest.raises(NotFoundError):
        await example.delete(confirm=example.full_name)


ODD_DATASETS: dict[str, tuple[dict[str, Any], str | None]] = {
    "no time of creation": ({"created": None}, "reading the dataset back failed"),
    "no model family": ({"model_family": None}, "reading the dataset back failed"),
    "other sources": ({"source_ids": ["b"]}, "not as it was to be"),
    "another case": ({"model_family": "ENGLISH"}, None),
    "made just now": ({}, None),
    "made a minute before": ({"created": "2026-01-01T11:58:59Z"}, "was there before"),
}


@pytest.mark.parametrize("kind", ODD_DATASETS)
async def test_what_is_read_after_a_lost_reply_may_be_odd(kind: str) -> None:
    """After a lost reply a dataset is taken for ours only if all that is known of it agrees."""
    fields, note = ODD_DATASETS[kind]
    found = {
        "created": "2026-01-01T11:59:59Z",
        "has_sentiment": True,
        "id": "1",
        "last_modified": "2026-01-01T12:00:00Z",
        "model_family": "english",
        "name": "n",
        "owner": "p",
        "source_ids": ["a"],
        **fields,
    }

    def answer(request: HttpRequest) -> HttpReply:
        if request.method == "GET":
            return json_reply({"dataset": found, "status": "ok"})
        raise AttemptError("reset", sent=True)

    class Noon(SystemClock):
        def time(self) -> float:
            return datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()

    session = MockSession(answer)
    async with CommunicationsMiningClient(
        "t", "http://127.0.0.1/api/v1", session=session, clock=Noon()
    ) as mining:
        call = mining.dataset("p", "n").create(source_ids=["a"], model_family="English")
        if note is None:
            made = await call
            assert made.to_dict()["confirmed_by_read"]
            assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301 - our own
            return
        with pytest.raises(OutcomeUnknownError) as caught:
            await call
    assert note in caught.value.__notes__[0]
    assert len(caught.value.candidates) == (None not in fields.values())
