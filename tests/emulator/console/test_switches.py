"""The console's routes for the rate limit and the faults."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from claro_async import ClaroClient, RetryPolicy
from claro_async.emulator import Emulator
from claro_async.emulator.console.presets import PRESETS
from tests.emulator.console.conftest import Console

if TYPE_CHECKING:
    from claro_async.emulator import ManualClock
    from tests.emulator.conftest import Api


async def test_the_quota_is_shown_as_it_is_used(api_of: type[Api], clock: ManualClock) -> None:
    """What is used and left in the window, when it ends, and what each second brought."""
    async with Emulator(sample_world=False, rate_limit=3, clock=clock) as emulator:
        console = Console(api_of(emulator))  # type: ignore[call-arg] # bound to a session
        unused = await console("GET", "quota")
        began = clock()
        for _ in range(2):
            await console.api("GET", "/datasets")
        clock.advance(5)
        for _ in range(3):
            await console.api("GET", "/datasets")
        used = await console("GET", "quota")
        clock.advance(60)
        after = await console("GET", "quota?seconds=60")
    assert (unused["limit"], unused["used"], unused["opened"], unused["history"]) == (
        3,
        0,
        None,
        [],
    )
    assert (used["used"], used["remaining"]) == (3, 0)
    assert (used["opened"], used["resetAt"], used["now"]) == (began, began + 60, began + 5)
    assert used["history"] == [
        {"second": int(began), "requests": 2, "throttled": 0, "remaining": 1},
        {"second": int(began) + 5, "requests": 1, "throttled": 2, "remaining": 0},
    ]
    assert (after["used"], after["remaining"], after["opened"]) == (0, 3, None)
    assert [each["second"] for each in after["history"]] == [int(began) + 5]


async def test_the_quota_changes_while_it_runs(bare: Console, clock: ManualClock) -> None:
    """Limit and window count at once; what was used stays used; null takes the limit away."""
    assert (await bare("GET", "quota"))["limit"] is None
    assert await bare.edit("cell_1_1", 1) == 200
    changed = await bare("PATCH", "quota", {"limit": 2, "window": 10})
    assert (changed["limit"], changed["window"], changed["used"], changed["remaining"]) == (
        2,
        10,
        1,
        1,
    )
    assert changed["resetAt"] == clock() + 10
    assert [await bare.edit("cell_1_1", 1) for _ in range(2)] == [200, 429]
    await bare("PATCH", "quota", {"limit": 1})
    headers = (await bare.api("GET", "/datasets")).headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("1", "0")
    clock.advance(10)
    assert [await bare.edit("cell_1_1", 1) for _ in range(2)] == [200, 429]
    assert (await bare("PATCH", "quota", {"limit": None}))["remaining"] is None
    assert [await bare.edit("cell_1_1", 1) for _ in range(3)] == [200, 200, 200]


async def test_a_fault_is_switched_on_and_the_client_recovers(bare: Console) -> None:
    """A fault with a count strikes so often, then is spent, and what the client wanted is done."""
    fault = await bare(
        "POST",
        "faults",
        {
            "operation": "updateCell",
            "kind": "status",
            "times": 2,
            "details": {"status": 503, "retry_after": 0},
        },
    )
    retry = RetryPolicy(base_delay=0)
    async with ClaroClient(bare.emulator.api_key, bare.emulator.base_url, retry=retry) as claro:
        await claro.dataset("products").update_cell("cell_1_1", "done")
    (after,) = (await bare("GET", "faults"))["faults"]
    assert (fault["state"], fault["hits"], after["state"], after["hits"], after["seen"]) == (
        "on",
        0,
        "spent",
        2,
        3,
    )
    assert bare.emulator.cell("products", "cell_1_1").value == "done"
    assert await bare("DELETE", f"faults/{fault['id']}") == {}
    assert (await bare("GET", "faults"))["faults"] == []


async def test_a_fault_switches_itself_off_after_its_time(
    bare: Console, clock: ManualClock
) -> None:
    """By the emulator's clock, to the second; until then every request is struck."""
    await bare("POST", "faults", {"kind": "status", "seconds": 30})
    statuses = [await bare.edit("cell_1_1", 1)]
    clock.advance(29.9)
    statuses.append(await bare.edit("cell_1_1", 1))
    clock.advance(0.1)
    statuses.append(await bare.edit("cell_1_1", 1))
    assert statuses == [503, 503, 200]
    (fault,) = (await bare("GET", "faults"))["faults"]
    assert (fault["state"], fault["hits"], fault["until"]) == ("expired", 2, clock())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "kind"),
        ({"kind": "nonsense"}, "unknown kind of fault"),
        ({"kind": "status", "operation": "nonsense"}, "unknown operation"),
        ({"kind": "status", "probability": 2}, "probability"),
        ({"kind": "status", "probability": "1"}, "probability"),
        ({"kind": "status", "times": 0}, "times"),
        ({"kind": "status", "after": -1}, "after"),
        ({"kind": "status", "seconds": 0}, "seconds"),
        ({"kind": "status", "details": {"delay": 1}}, "takes no"),
        ({"kind": "slow", "details": {"delay": "long"}}, "delay"),
        ({"kind": "status", "details": {"status": 42}}, "status"),
        ({"kind": "status", "details": {"status": "503"}}, "status"),
        ({"kind": "status", "details": {"operation": "x"}}, "operation"),
        ({"kind": "status", "details": {"match": 1}}, "match"),
        ({"kind": "status", "seconds": 10**400}, "seconds"),
        ({"kind": "slow", "details": {"delay": None}}, "delay"),
        ({"kind": "slow", "details": {"jitter": 10**400}}, "jitter"),
        ({"kind": "stall", "details": {"timeout": None}}, "timeout"),
        ({"kind": "status", "details": {"details": [1]}}, "details"),
        ({"kind": "status", "details": {"body": None}}, "body"),
        ({"kind": "status", "details": {"apply": "no"}}, "apply"),
        ({"kind": "rate_limit", "details": {"exhaust": 1}}, "exhaust"),
        ({"kind": "status", "details": {"body": "\ud800"}}, "lone surrogate"),
        ({"kind": "status", "details": {"details": {"\ud800": 1}}}, "lone surrogate"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(bare: Console, body: Any, said: str) -> None:
    """Nothing is switched on, and the sentence says what is wrong."""
    status, code, text = await bare.refused("POST", "faults", body)
    assert (status, code) == (400, "INVALID_PARAMETERS")
    assert said in text
    assert (await bare("GET", "faults"))["faults"] == []


@pytest.mark.parametrize("name", PRESETS)
async def test_a_preset_comes_and_goes_as_a_whole(
    bare: Console, name: str, clock: ManualClock
) -> None:
    """Switched on twice it is on once, beside other faults; it goes by itself or by hand."""
    other = bare.emulator.faults.add("getDataset", "html")
    first = (await bare("POST", f"presets/{name}"))["faults"]
    again = (await bare("POST", f"presets/{name}", {"seconds": 20}))["faults"]
    assert len(first) == len(again) == len(PRESETS[name].strikes)
    shown = (await bare("GET", "faults"))["faults"]
    assert [each["id"] for each in shown] == [other.number, *(each["id"] for each in again)]
    assert {each["preset"] for each in again} == {name}
    clock.advance(20)
    states = {each["state"] for each in (await bare("GET", "faults"))["faults"] if each["preset"]}
    assert states == {"expired"}
    assert await bare("DELETE", f"presets/{name}") == {}
    assert [each["id"] for each in (await bare("GET", "faults"))["faults"]] == [other.number]


async def test_a_preset_with_no_end_and_one_that_is_not_there(bare: Console) -> None:
    """Null is no end; an unknown name is not found."""
    added = (await bare("POST", "presets/bad-wifi", {"seconds": None}))["faults"]
    assert {each["until"] for each in added} == {None}
    assert (await bare.refused("POST", "presets/none"))[:2] == (404, "NOT_FOUND")
    assert (await bare.refused("POST", "presets/bad-wifi", {"seconds": 0}))[0] == 400


async def test_a_throttled_reply_may_name_no_wait(bare: Console) -> None:
    """Null is the one detail that means something: a 429 without ``Retry-After``."""
    await bare("POST", "faults", {"kind": "rate_limit", "details": {"retry_after": None}})
    answer = await bare.api("GET", "/datasets")
    assert (answer.status, "Retry-After" in answer.headers) == (429, False)


async def test_a_late_change_is_made_after_the_error(bare: Console, until: Any) -> None:
    """The client gets 504 first; then the value is written, though the connection has long gone."""
    await bare(
        "POST", "faults", {"operation": "updateCell", "kind": "late", "details": {"delay": 0.05}}
    )
    assert await bare.edit("cell_1_1", "late") == 504
    assert bare.emulator.cell("products", "cell_1_1").value == "Widget"
    await until(lambda: bare.emulator.ledger.edits)
    assert bare.emulator.cell("products", "cell_1_1").value == "late"
    (edit,) = bare.emulator.ledger.edits
    assert (edit.request_index, bare.emulator.ledger.requests[0].fault) == (0, "late")


async def test_what_is_late_ends_with_the_emulator(api_of: type[Api]) -> None:
    """Stopping does not wait for it, and nothing is written afterwards."""
    async with Emulator(sample_world=False) as emulator:
        emulator.add_dataset("D", ["a"], [[1]], dataset_id="products")
        console = Console(api_of(emulator))  # type: ignore[call-arg] # bound to a session
        emulator.faults.add("updateCell", "late", delay=3600)
        assert await console.edit("cell_1_1", 2) == 504
    assert emulator.ledger.edits == []


async def test_jitter_makes_waits_differ(bare: Console) -> None:
    """Each wait is drawn anew between the delay and the delay with all of its jitter."""
    fault = bare.emulator.faults.add("updateCell", "slow", delay=1, jitter=2)
    waits = [fault.choose_delay() for _ in range(200)]
    assert min(waits) >= 1
    assert max(waits) <= 3
    assert max(waits) - min(waits) > 1.5


async def test_a_stall_is_let_go(bare: Console, until: Any) -> None:
    """The route lets the rest of a reply follow that a stall holds up."""
    fault = await bare("POST", "faults", {"operation": "getDataset", "kind": "stall"})
    waiting = asyncio.ensure_future(bare.api("GET", "/datasets/products"))
    await until(lambda: any(each.waiters for each in bare.emulator.faults))
    await bare("POST", f"faults/{fault['id']}/release")
    assert (await waiting).json["name"] == "Products"
    assert (await bare.refused("POST", "faults/99/release"))[0] == 404


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0},
        {"limit": "5"},
        {"limit": 10**400},
        {"window": 0},
        {"window": None},
        {"window": 10**400},
        {"window": 1e308},
        {"more": 1},
    ],
)
async def test_a_quota_that_makes_no_sense_is_refused(bare: Console, body: Any) -> None:
    """The limit stays what it was."""
    before = await bare("GET", "quota")
    assert (await bare.refused("PATCH", "quota", body))[0] == 400
    assert await bare("GET", "quota") == before
