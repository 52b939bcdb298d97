"""A page of another origin in a real browser, which tries all that a page can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from aiohttp import web

from claro_async.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

pytestmark = pytest.mark.asyncio(loop_scope="session")

TRY = """async (origin) => {
  const api = origin + "/_emulator/api/";
  const got = {};
  const attempt = async (name, act) => {
    try { got[name] = await act(); } catch { got[name] = "refused"; }
  };
  const text = async (path, options) => (await fetch(api + path, options)).text();
  const element = (tag, more) => new Promise((done) => {
    const made = Object.assign(document.createElement(tag), more);
    made.onload = () => done(made.contentDocument ? "read" : "refused");
    made.onerror = () => done("refused");
    document.body.append(made);
  });
  await attempt("read", () => text("state"));
  await attempt("read without CORS", () => text("state", { mode: "no-cors" }));
  const types = ["text/plain", "application/x-www-form-urlencoded", "application/json"];
  for (const type of types) {
    const headers = { "Content-Type": type };
    const sent = { method: "POST", mode: "no-cors", headers, body: '{"kind": "status"}' };
    await attempt(type, () => text("faults", sent));
  }
  await attempt("no body", () => text("reset", { method: "POST", mode: "no-cors" }));
  await attempt("preflight", () => text("faults", { method: "DELETE" }));
  await attempt("script", () => element("script", { src: origin + "/_emulator/theme.js" }));
  await attempt("frame", () => element("iframe", { src: origin + "/_emulator", name: "frame" }));
  await attempt("stream", () => new Promise((done) => {
    const source = new EventSource(api + "events");
    source.onopen = () => done("read");
    source.onerror = () => done("refused");
  }));
  await attempt("sandbox", () => new Promise((done) => {
    addEventListener("message", ({ data }) => done(data), { once: true });
    const send = `fetch("${api}reset", { method: "POST", mode: "no-cors" })`;
    const say = (word) => `() => parent.postMessage("${word}", "*")`;
    const srcdoc = `<script>${send}.then(${say("sent")}, ${say("refused")})</` + "script>";
    element("iframe", { sandbox: "allow-scripts", srcdoc });
  }));
  navigator.sendBeacon(api + "ledger/clear", "{}");
  const form = document.createElement("form");
  const where = { action: api + "reset", target: "frame" };
  document.body.append(Object.assign(form, { method: "POST", enctype: "text/plain", ...where }));
  const frame = document.querySelector("[name=frame]");
  const answered = new Promise((done) => frame.addEventListener("load", done));
  form.submit();
  await answered;
  return got;
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere() -> AsyncIterator[int]:
    """The port of another server on this machine."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><body>elsewhere", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_page_elsewhere_reads_and_changes_nothing(
    browser: Browser, elsewhere: int, host: str
) -> None:
    """Of the same site or another: fetches, forms, frames, beacons, streams, opaque origins."""
    async with Emulator() as emulator:
        emulator.add_dataset("Mark", ["a"], [[1]], dataset_id="mark")
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(f"http://{host}:{elsewhere}/")
        got = await page.evaluate(TRY, emulator.origin)
        assert set(got.values()) == {"refused"}
        assert len(got) == 11
        assert "mark" in emulator.dataset_ids()
        assert (list(emulator.faults), emulator.ledger.times_cleared) == ([], 0)
        await context.close()
