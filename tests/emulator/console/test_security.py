"""Who may look at the console and drive it: this machine's programs and the emulator's own page."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from claro_async.emulator import Emulator, ManualClock
from tests.emulator.console.conftest import BYTES, JSON, Console

if TYPE_CHECKING:
    from tests.emulator.conftest import Api

ROUTES = [
    ("GET", "state"),
    ("GET", "events"),
    ("GET", "requests"),
    ("GET", "datasets"),
    ("PATCH", "datasets/your-dataset-id/cells/cell_1_1"),
    ("POST", "reset"),
    ("POST", "files?fileName=a.csv"),
    ("PATCH", "quota"),
    ("POST", "faults"),
    ("DELETE", "faults"),
    ("POST", "presets/bad-wifi"),
    ("POST", "ledger/clear"),
]
CHANGES = [route for route in ROUTES if route[0] != "GET"]
KEY = 'a-secret-key-of-"ours"'
TOKEN = "another-token/with+signs"


async def refusals(
    console: Console, headers: dict[str, str], routes: list[tuple[str, str]] = ROUTES
) -> set[str]:
    """Send to each route what must be refused; return the names of the headers for which it was."""
    before = await console("GET", "datasets"), await console("GET", "quota")
    named = set()
    for method, path in routes:
        data = None if method == "GET" else b""
        answer = await console.raw(method, path, headers=headers, data=data)
        assert answer.status in {403, 415}
        named.add(str(answer.json["details"]["parameter"]))
    assert (await console("GET", "datasets"), await console("GET", "quota")) == before
    assert (await console("GET", "faults"))["faults"] == []
    return named


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.0.1"]
)
async def test_a_host_that_is_rebound_reads_and_changes_nothing(
    console: Console, host: str
) -> None:
    """A page whose name leads to loopback by DNS rebinding is refused; so is the stream."""
    headers = {**JSON, "Host": host, "Origin": f"http://{host}"}
    assert await refusals(console, headers) == {"Host"}


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
async def test_a_page_elsewhere_reads_and_changes_nothing(console: Console, origin: str) -> None:
    """A request with another origin is refused, whatever else it has."""
    assert await refusals(console, {**JSON, "Origin": origin}) == {"Origin"}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_what_a_page_elsewhere_embeds_is_refused(console: Console, site: str) -> None:
    """An image, a script or a frame elsewhere has no origin; browsers say where it is from."""
    headers = {**JSON, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    assert await refusals(console, headers) == {"Sec-Fetch-Site"}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_what_a_form_can_send_changes_nothing(console: Console, kind: str) -> None:
    """Content types that browsers send without asking first are refused."""
    assert await refusals(console, {"Content-Type": kind}, CHANGES) == {"Content-Type"}


async def test_a_preflight_request_is_not_answered_with_consent(console: Console) -> None:
    """Nothing allows another origin anything."""
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PATCH"}
    answer = await console.raw("OPTIONS", "quota", headers=headers)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9999", "[::1]:8765", "LOCALHOST:8765"])
async def test_names_of_this_machine_are_let_in(console: Console, host: str) -> None:
    """By any loopback name and port, as through a tunnel, with the origin that belongs to it."""
    headers = {**JSON, "Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
    assert (await console.raw("GET", "state", headers=headers)).status == 200
    assert (await console.raw("PATCH", "quota", headers=headers, data=b"{}")).status == 200


async def test_the_right_origin_needs_no_content_type(console: Console) -> None:
    """The page may leave the body out; a body it sends is JSON."""
    origin = {"Origin": console.api.emulator.origin}
    assert (await console.raw("POST", "ledger/clear", headers=origin)).status == 200
    answer = await console.raw(
        "POST", "ledger/clear", headers={**origin, "Content-Type": "text/plain"}, data=b"{}"
    )
    assert answer.status == 415


async def test_a_link_leads_to_the_page_only(console: Console) -> None:
    """Somebody else's link may lead to the page itself, which then may not be framed."""
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    page = await console.api.fetch("GET", console.api.emulator.console_url, headers=link)
    assert page.status != 403
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert (await console.raw("GET", "state", headers=link)).status == 403


async def test_nothing_of_it_is_in_the_ledger(console: Console) -> None:
    """The console needs no key, is not counted and uses no quota."""
    for method, path in ROUTES:
        if path != "events":
            await console.raw(method, path, headers=BYTES if "files" in path else JSON)
    assert console.api.emulator.ledger.count() == 0
    assert (await console("GET", "quota"))["used"] == 0


async def all_output(console: Console) -> str:
    """Everything that the console says of what has happened."""
    datasets = (await console("GET", "datasets"))["datasets"]
    kept = (await console("GET", "requests"))["requests"]
    paths = ["state", "requests", "datasources", "mining", "faults", "quota", "invariants"]
    paths += [f"requests/{each['index']}" for each in kept]
    paths += [
        f"requests/{each['index']}/copy?as={form}"
        for each in kept
        for form in ("curl", "python", "pytest")
    ]
    paths += [f"datasets/{each['datasetId']}/rows?limit=500" for each in datasets]
    paths += ["mining/datasets/project/example/comments"]
    return "".join([(await console.raw("GET", path)).body.decode() for path in paths])


async def events(console: Console, enough: str, after: str = "") -> str:
    """What the stream says until it has said enough."""
    seen = ""
    async with (
        asyncio.timeout(10),
        console.api.session.get(f"{console.url}events", params={"after": after}) as stream,
    ):
        async for piece in stream.content.iter_any():
            seen += piece.decode()
            if enough in seen:
                break
    return seen


async def test_no_output_has_a_key(api_of: Any) -> None:
    """Keys in headers, queries, bodies and values: none is shown, copied or streamed."""
    async with Emulator(api_key=KEY, mining_token=TOKEN, clock=ManualClock()) as emulator:
        api: Api = api_of(emulator)
        console = Console(api)
        start = (await console("GET", "state"))["position"]
        bearer = {"Authorization": f"Bearer {KEY}"}
        cell = "/datasets/your-dataset-id/cells/cell_1_1"
        await api("GET", "/datasets?status=in:a-secret-key-of-%22ours%22", headers=bearer)
        await api("PATCH", cell, body=_json({"value": f"it is {KEY}"}), headers=bearer)
        await api(
            "PATCH", cell, body=_json({"value": TOKEN}), headers={**bearer, "Cookie": "k=c00kie"}
        )
        await api("GET", "/datasets", headers={"Authorization": "Bearer wr0ng-key"})
        await api.fetch(
            "GET",
            f"{emulator.mining_base_url}/datasets",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        seen = await all_output(console) + await events(console, '"index":4', start)
        assert emulator.cell("your-dataset-id", "cell_1_1").value == TOKEN
    assert "[redacted]" in seen
    assert "Bearer [redacted]" not in seen  # the ledger does not keep the header at all
    for secret in ("secret-key", "another-token", "c00kie", "wr0ng-key"):
        assert secret not in seen


@pytest.mark.parametrize(
    "written",
    [
        "%61-s%65cret-k%65y-of-%22ours%22",
        "a%2dsecret%2Dkey%2dof-%22ours%22",
        "a-secret-key-of-\\\\u0022ours\\\\u0022",
    ],
)
async def test_a_key_in_other_letters_is_a_key(api_of: Any, written: str) -> None:
    """However its characters are escaped in a URL or in JSON, also in lower case or in part."""
    async with Emulator(api_key=KEY) as emulator:
        api: Api = api_of(emulator)
        await api("GET", f"/datasets?x={written}", headers={"Authorization": f"Bearer {KEY}"})
        body = b'{"value": "%s"}' % written.replace("\\\\", "\\").encode()
        cell = "/datasets/your-dataset-id/cells/cell_1_1"
        await api("PATCH", cell, body=body, headers={"Authorization": f"Bearer {KEY}"})
        seen = await all_output(Console(api))
    assert written not in seen
    assert written.replace("\\\\", "\\") not in seen


@pytest.mark.parametrize("name", ["api_key", "apiKey", "access_token", "X-Amz-Security-Token"])
async def test_what_a_name_says_is_a_key_is_not_shown(console: Console, name: str) -> None:
    """A key of another service, in a header or in a query, is in no list and in no copy."""
    headers = {name: "their-k3y", "X-Auth": "their-k3y", "Idempotency-Key": "mine", "X-Author": "A"}
    await console.api("GET", f"/datasets?{name}=their-k3y&status=completed", headers=headers)
    seen = await all_output(console)
    assert "their-k3y" not in seen
    assert "status=completed" in seen
    shown = dict((await console("GET", "requests/0"))["headers"])
    assert (shown["Idempotency-Key"], shown["X-Author"]) == ("mine", "A")


def _json(value: Any) -> bytes:

    return json.dumps(value, ensure_ascii=False).encode()
