"""Routes of the console: the rate limit and the faults, which change while the emulator runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from claro_async.emulator.console import shapes
from claro_async.emulator.console.asking import Ask, Desk, number_field
from claro_async.emulator.console.presets import PRESETS, SECONDS
from claro_async.emulator.errors import ApiError, invalid
from claro_async.emulator.ratelimit import UNLIMITED
from claro_async.emulator.validation import (
    boolean_field,
    dump_json,
    integer_field,
    object_field,
    query_integer,
    string_field,
)

if TYPE_CHECKING:
    from claro_async.emulator.faults import Fault

HISTORY_SECONDS: Final = 600
_SHOWN_AFTERWARDS: Final = 50


async def get_quota(ask: Ask) -> Any:
    """Answer ``GET quota``."""
    seconds = query_integer(ask.query, "seconds", HISTORY_SECONDS, HISTORY_SECONDS)
    return quota(ask.desk, seconds)


def quota(desk: Desk, seconds: int) -> dict[str, Any]:
    """Show the rate limit with what the last seconds brought."""
    return shapes.quota(desk.limiter, desk.world.clock(), seconds)


async def change_quota(ask: Ask) -> Any:
    """Answer ``PATCH quota``."""
    body = await ask.json("limit", "window")
    limiter = ask.desk.limiter
    limit = limiter.limit_set
    if "limit" in body:
        limit = body["limit"]
        if limit is not None:
            limit = integer_field(body, "limit", minimum=1, maximum=UNLIMITED, default=None)
    window = number_field(body, "window", limiter.window)
    if not window:
        raise invalid("window", "must be a positive number of seconds")
    limiter.change(limit, window)
    return quota(ask.desk, HISTORY_SECONDS)


def faults(desk: Desk) -> list[dict[str, Any]]:
    """Show the faults that are on, and the last of those that have switched themselves off."""
    found = list(desk.faults)
    off = [fault for fault in found if fault.state != "on"]
    hidden = {fault.number for fault in off[:-_SHOWN_AFTERWARDS]}
    return [shapes.fault(fault) for fault in found if fault.number not in hidden]


async def list_faults(ask: Ask) -> Any:
    """Answer ``GET faults``."""
    return {"faults": faults(ask.desk)}


async def add_fault(ask: Ask) -> Any:
    """Answer ``POST faults``."""
    body = await ask.json(
        "operation", "kind", "probability", "times", "after", "seconds", "details"
    )
    kind = string_field(body, "kind")
    operation = string_field(body, "operation") if "operation" in body else "*"
    probability = number_field(body, "probability", 1, maximum=1)
    times = body.get("times")
    if times is not None:
        times = integer_field(body, "times", minimum=1, maximum=None, default=None)
    after = integer_field(body, "after", minimum=0, maximum=None, default=0)
    seconds = number_field(body, "seconds", None)
    details = object_field(body, "details")
    try:
        fault = ask.desk.faults.add(
            operation,
            kind,
            probability=1.0 if probability is None else probability,
            times=times,
            after=after,
            seconds=seconds,
            **_checked(details),
        )
    except ValueError as error:
        raise invalid("fault", str(error)) from None
    return shapes.fault(fault)


def _checked(details: dict[str, Any]) -> dict[str, Any]:
    """Refuse details of a kind that would fail only when the fault strikes."""
    dump_json(details)  # what is listed must be text that can be sent
    for name, value in details.items():
        if name in _SWITCHES:
            boolean_field(details, name)
        elif name in _COUNTS:
            integer_field(details, name, minimum=0, maximum=None, default=None)
        elif name in _SPANS:
            span = number_field(details, name, None)
            if span is None and name != "retry_after":  # null: a 429 without the header
                raise invalid(name, "must be a number")
        elif name == "details":
            object_field(details, name)
        elif name in _TEXTS and not isinstance(value, str):
            raise invalid(name, "must be text")
        elif name in _OF_EVERY_FAULT:
            raise invalid(name, "is no detail of a fault")
    status = details.get("status", 500)
    if not 200 <= status <= 599:  # noqa: PLR2004 - what a reply can have
        raise invalid("status", "must be from 200 to 599")
    return details


_SWITCHES: Final = frozenset({"apply", "exhaust", "html"})
_COUNTS: Final = frozenset({"status", "after_bytes", "missing"})
_SPANS: Final = frozenset({"delay", "jitter", "timeout", "retry_after"})
_TEXTS: Final = frozenset({"body", "code", "message", "match"})
_OF_EVERY_FAULT: Final = frozenset(
    {"operation", "kind", "probability", "times", "after", "seconds"}
)


def _find(ask: Ask) -> Fault:
    for fault in ask.desk.faults:
        if str(fault.number) == ask.ids[0]:
            return fault
    raise ApiError("NOT_FOUND", {"id": ask.ids[0]}, message="There is no such fault")


async def remove_fault(ask: Ask) -> Any:
    """Answer ``DELETE faults/{}``."""
    _find(ask).remove()
    return {}


async def remove_faults(ask: Ask) -> Any:
    """Answer ``DELETE faults``."""
    ask.desk.faults.clear()
    return {}


async def release_fault(ask: Ask) -> Any:
    """Answer ``POST faults/{}/release``: let go of what a stall holds up."""
    fault = _find(ask)
    fault.release()
    return shapes.fault(fault)


def _name(ask: Ask) -> str:
    name = ask.ids[0]
    if name not in PRESETS:
        known = {"name": name, "known": sorted(PRESETS)}
        raise ApiError("NOT_FOUND", known, message="There is no such preset")
    return name


async def add_preset(ask: Ask) -> Any:
    """Answer ``POST presets/{}``: its faults replace those that it added before."""
    name = _name(ask)
    seconds = number_field(await ask.json("seconds"), "seconds", SECONDS)
    if seconds is not None and seconds <= 0:
        raise invalid("seconds", "must be positive, or null for no end")
    _remove_preset(ask.desk, name)
    added = [
        ask.desk.faults.add(
            strike.operation,
            strike.kind,
            probability=strike.probability,
            seconds=seconds,
            **strike.details,
        )
        for strike in PRESETS[name].strikes
    ]
    for fault in added:
        fault.preset = name
    return {"faults": [shapes.fault(fault) for fault in added]}


async def remove_preset(ask: Ask) -> Any:
    """Answer ``DELETE presets/{}``."""
    _remove_preset(ask.desk, _name(ask))
    return {}


def _remove_preset(desk: Desk, name: str) -> None:
    for fault in list(desk.faults):
        if fault.preset == name:
            fault.remove()
