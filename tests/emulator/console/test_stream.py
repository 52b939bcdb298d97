"""The console's stream of events."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from claro_async.emulator import Emulator
from claro_async.emulator.console import stream as streaming
from claro_async.emulator.recent import ENTRIES_KEPT
from tests.emulator.console.conftest import Console, cell_path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.emulator.conftest import Api


class Event(NamedTuple):
    """An event as it came."""

    name: str
    data: Any
    id: str | None


class Looker:
    """Reads events as a browser does."""

    def __init__(self, content: Any) -> None:
        self._content = content
        self.last_id: str | None = None

    async def next(self) -> Event:
        """Wait for one event."""
        fields: dict[str, str] = {}
        while True:
            line = (await self._content.readline()).decode().rstrip("\n")
            if not line and "data" in fields:
                break
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
        self.last_id = fields.get("id", self.last_id)
        return Event(fields["event"], json.loads(fields["data"]), fields.get("id"))

    async def until(self, name: str) -> Event:
        """Wait for an event of a name."""
        while (event := await self.next()).name != name:
            pass
        return event


@asynccontextmanager
async def looking(console: Console, after: str = "", last_id: str = "") -> AsyncIterator[Looker]:
    """Open the stream; the first event has been read if it is what it has to be."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    params = {"after": after} if after else {}
    async with (
        asyncio.timeout(20),
        console.api.session.get(f"{console.url}events", params=params, headers=headers) as reply,
    ):
        assert reply.status == 200
        assert reply.headers["Content-Type"] == "text/event-stream"
        looker = Looker(reply.content)
        assert (await looker.next()).name == "hello"
        yield looker


async def test_an_edit_through_the_api_comes_as_an_event(bare: Console) -> None:
    """The request with its result, and the cell with its place and both of its values."""
    async with looking(bare) as looker:
        await bare.edit("cell_2_1", "New")
        event = await looker.until("requests")
    (request,), (cell,) = event.data["requests"], event.data["cells"]
    assert (request["index"], request["operation"], request["status"]) == (0, "updateCell", 200)
    assert (cell["datasetId"], cell["cellId"], cell["row"], cell["columnId"]) == (
        "products",
        "cell_2_1",
        1,
        "col_1",
    )
    assert (cell["value"], cell["previousValue"], cell["by"]) == (
        "New",
        "Gadget",
        {"kind": "request", "index": 0},
    )
    assert (event.data["total"], event.data["invariants"]["requests"]) == (1, 1)


async def test_an_edit_by_hand_comes_to_every_looker(bare: Console) -> None:
    """Who looks on sees what another does by hand, and it is no request."""
    async with looking(bare) as one, looking(bare) as other:
        await bare("PATCH", cell_path("products", "cell_1_2"), {"value": 3})
        for looker in (one, other):
            (cell,) = (await looker.next()).data["cells"]
            assert (cell["cellId"], cell["value"], cell["by"]) == (
                "cell_1_2",
                3,
                {"kind": "console"},
            )


async def test_nothing_between_the_state_and_the_stream_is_missed(bare: Console) -> None:
    """From the state's position on, events come that happened before the stream was opened."""
    position = (await bare("GET", "state"))["position"]
    await bare.edit("cell_1_1", 1)
    async with looking(bare, after=position) as looker:
        assert [each["index"] for each in (await looker.until("requests")).data["requests"]] == [0]


async def test_a_looker_that_comes_back_goes_on_where_it_was(bare: Console) -> None:
    """By its last event's id nothing is missed and nothing comes twice."""
    async with looking(bare) as looker:
        await bare.edit("cell_1_1", 1)
        await looker.until("requests")
        last_id = looker.last_id
    assert last_id is not None
    await bare.edit("cell_1_1", 2)
    await bare.edit("cell_1_1", 3)
    async with looking(bare, after="ignored", last_id=last_id) as looker:
        event = await looker.until("requests")
    assert [each["index"] for each in event.data["requests"]] == [1, 2]
    assert [each["value"] for each in event.data["cells"]] == [2, 3]


async def test_history_that_is_gone_is_said_to_be(bare: Console) -> None:
    """Away too long, another run, a ledger that was cleared: ``reset`` says which."""
    await bare.edit("cell_1_1", 1)
    first = (await bare("GET", "state"))["position"]
    (kept,) = bare.emulator.ledger.recent.newest_first()
    for _ in range(2 * ENTRIES_KEPT):
        bare.emulator.ledger.recent.add(kept.record, b"", None, 0.0)
    reasons = []
    for last_id in (first, "0123abcd-0:5.0", "nonsense", f"{first.partition(':')[0]}:999999.0"):
        async with looking(bare, last_id=last_id) as looker:
            reasons.append((await looker.next()).data["reason"])
    last = (await bare("GET", "state"))["position"]
    bare.emulator.ledger.clear()
    async with looking(bare, last_id=last) as looker:
        event = await looker.next()
    assert [*reasons, event.data["reason"]] == [
        "history",
        "restarted",
        "restarted",
        "history",
        "ledger",
    ]
    async with looking(bare, after=event.data["position"]) as looker:
        await bare.edit("cell_1_1", 2)
        assert (await looker.until("requests")).data["total"] == 1


@pytest.mark.parametrize(
    "place", ["1.²", "².0", "1." + "9" * 5000, "0.999999", "-1.0", "0", "0.0.0", " 0.0"]
)
async def test_a_position_that_never_was_begins_anew(bare: Console, place: str) -> None:
    """Whatever stands in the id, the looker gets ``reset``, and after it what happens next."""
    begin = (await bare("GET", "state"))["position"].partition(":")[0]
    async with looking(bare, after=f"{begin}:{place}") as looker:
        assert (await looker.next()).name == "reset"
        await bare.edit("cell_1_1", 1)
        assert len((await looker.until("requests")).data["cells"]) == 1


async def test_those_who_look_on_learn_of_a_cleared_ledger(bare: Console) -> None:
    """They are to fetch all anew, and go on from there."""
    async with looking(bare) as looker:
        await bare.edit("cell_1_1", 1)
        await looker.until("requests")
        await bare("POST", "ledger/clear")
        assert (await looker.until("reset")).data["reason"] == "ledger"
        await bare.edit("cell_1_1", 2)
        event = await looker.until("requests")
    assert [each["index"] for each in event.data["requests"]] == [1]


async def test_switches_and_the_world_are_live(bare: Console) -> None:
    """Faults with their hits, the quota as it is used, datasets that come, go and are locked."""
    async with looking(bare) as looker:
        await bare("POST", "faults", {"operation": "updateCell", "kind": "status", "times": 1})
        assert (await looker.until("faults")).data["faults"][0]["state"] == "on"
        await bare.edit("cell_1_1", 1)
        states = [each["state"] for each in (await looker.until("faults")).data["faults"]]
        assert states == ["spent"]
        await bare("PATCH", "quota", {"limit": 9})
        while (await looker.until("quota")).data["limit"] != 9:
            pass
        made = bare.emulator.add_dataset("More", ["a"], [[1]])
        assert (await looker.until("world")).data == {"reason": "dataset-added", "datasetId": made}
        bare.emulator.set_processing(made)
        assert (await looker.until("world")).data == {"reason": "processing", "datasetId": made}
        await bare("DELETE", f"datasets/{made}")
        assert (await looker.until("world")).data == {
            "reason": "dataset-deleted",
            "datasetId": made,
        }
        await bare.api("PATCH", "/datasets/products/columns/col_1", body=b'{"name": "title"}')
        assert (await looker.until("world")).data == {"reason": "column", "datasetId": "products"}
        await bare("POST", "reset")
        reasons = {(await looker.until("world")).data["reason"] for _ in range(2)}
        assert reasons == {"reset", "dataset-deleted"}


async def test_throttled_requests_are_live(bare: Console) -> None:
    """Requests that only the limit answers move the quota's counts, the last seconds with them."""
    async with looking(bare) as looker:
        await bare("PATCH", "quota", {"limit": 1})
        for _ in range(3):
            await bare.edit("cell_1_1", "One")
        seconds: list[dict[str, int]] = []
        while [(each["requests"], each["throttled"]) for each in seconds] != [(1, 2)]:
            seconds = (await looker.until("quota")).data["history"]


async def test_many_requests_come_in_few_events(bare: Console) -> None:
    """A thousand requests are put together, none is left out and none comes twice."""
    async with looking(bare) as looker:
        await asyncio.gather(*(bare.api("GET", "/datasets") for _ in range(300)))
        seen: list[int] = []
        events = 0
        while len(seen) < 300:
            seen += [each["index"] for each in (await looker.until("requests")).data["requests"]]
            events += 1
    assert sorted(seen) == list(range(300))
    assert events < 100


async def test_a_looker_that_does_not_read_is_cut_off(
    bare: Console, monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    """It holds nobody up: requests are answered meanwhile, and its connection ends."""
    monkeypatch.setattr(streaming, "_PATIENCE", 0.05)
    recent = bare.emulator.ledger.recent
    with socket.create_connection(("127.0.0.1", bare.emulator.port)) as sleeper:
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.sendall(b"GET /_emulator/api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await until(lambda: recent.on_add is not None)
        for _ in range(20):
            recent.notice("cells", cells=["x" * 1_000_000])
        assert await bare.edit("cell_1_1", 1) == 200
        await until(lambda: recent.on_add is None)


async def test_too_many_lookers_are_refused(
    bare: Console, monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    """There is a limit to how many look, and the hook goes with the last of them."""
    monkeypatch.setattr(streaming, "LOOKERS_MAX", 1)
    recent = bare.emulator.ledger.recent
    assert recent.on_add is None
    async with looking(bare):
        assert (await bare.refused("GET", "events"))[:2] == (503, "TOO_MANY_LOOKERS")
    await until(lambda: recent.on_add is None)


async def test_the_emulator_stops_while_somebody_looks(api_of: type[Api]) -> None:
    """An open stream does not hold up its end; the looker reads the end of the stream."""
    async with Emulator(sample_world=False) as emulator:
        console = Console(api_of(emulator))  # type: ignore[call-arg] # bound to a session
        reply = await console.api.session.get(f"{console.url}events")
        await reply.content.readline()
    reply.close()
    assert emulator.ledger.recent.on_add is None
