"""What no page expects: odd addresses, values, letters, files, and what is gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from claro_async import InvalidRequestError
from claro_async.emulator import Emulator
from tests.console.conftest import LOST, Console
from tests.console.dropping import DROP, dropped

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from claro_async import ClaroClient

pytestmark = pytest.mark.asyncio(loop_scope="session")

LARGE = 12345678901234567890
FOCUSED = "() => document.activeElement.innerText"


async def patch(console: Console, cell: str, body: bytes) -> None:
    """Send a body to a cell as it is."""
    url = f"{console.emulator.base_url}/datasets/{cell}"
    headers = {
        "Authorization": f"Bearer {console.emulator.api_key}",
        "Content-Type": "application/json",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.patch(url, data=body, headers=headers) as reply,
    ):
        await reply.read()


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("data/%", "There is no dataset"),
        ("data/%E0%A4%A", "There is no dataset"),
        ("data/gone/cell_1_1", "There is no dataset"),
        ("nothing/your-dataset-id/none", "Product Analysis Dataset"),
        ("mining/%", "An Example Dataset"),
        ("requests/", "No request has come yet"),
        ("requests/-1", "No request has come yet"),
        ("requests/1e3", "No request has come yet"),
    ],
)
async def test_any_address_shows_a_view(console: Console, address: str, shown: str) -> None:
    """Broken escapes, numbers that are none, and datasets that are gone are no blank page."""
    page = await console.open(address)
    await page.get_by_text(shown).first.wait_for()
    assert not await page.locator("[aria-label=Cell], [aria-label=Request]").count()


async def test_a_link_to_a_cell_that_is_gone_says_so(console: Console) -> None:
    """The dataset is shown, and a message that there is no such cell."""
    page = await console.open("data/your-dataset-id/none")
    await page.locator(".toast[data-kind=error]", has_text="Cell not found").wait_for()
    await page.locator("#cell-0-0").wait_for()
    console.problems[:] = [each for each in console.problems if "404" not in each]


async def test_whole_numbers_of_any_length_stay_what_they_are(console: Console) -> None:
    """In the grid, in the panel, after an edit through the API, and when saved by hand."""
    emulator = console.emulator
    rows = [[LARGE, {"id": [LARGE]}]]
    dataset_id = emulator.add_dataset("Large", ["number", "nested"], rows)
    page = await console.open(f"data/{dataset_id}")
    await page.locator("#cell-0-0.is-number", has_text=str(LARGE)).wait_for()
    await page.locator("#cell-0-1", has_text=f'{{"id":[{LARGE}]}}').click()
    box = page.get_by_role("textbox", name="Value")
    assert json.loads(await box.input_value()) == {"id": [LARGE]}
    await box.fill(f'{{"id": [{LARGE + 1}]}}')
    await page.keyboard.press("Control+Enter")
    await page.locator("#cell-0-1", has_text=str(LARGE + 1)).wait_for()
    await patch(console, f"{dataset_id}/cells/cell_1_1", b'{"value": %d}' % -LARGE)
    await page.locator("#cell-0-0", has_text=str(-LARGE)).wait_for()
    assert list(emulator.values(dataset_id).values()) == [-LARGE, {"id": [LARGE + 1]}]


async def test_a_body_is_shown_as_it_was_sent(console: Console) -> None:
    """Over several lines, but with each number, escape and repeated name that came."""
    sent = r'{"value": 1.0, "value": 12345678901234567890, "a": "\u0041: {,}", "b": [], "c": { }}'
    await patch(console, "your-dataset-id/cells/cell_1_1", sent.encode())
    page = await console.open("requests/0")
    shown = await page.locator("pre.text").first.inner_text()
    assert shown.splitlines() == [
        "{",
        '  "value": 1.0,',
        '  "value": 12345678901234567890,',
        r'  "a": "\u0041: {,}",',
        '  "b": [],',
        '  "c": {}',
        "}",
    ]


async def test_line_ends_of_a_value_survive_an_edit(console: Console) -> None:
    """A box for text would make each of them a line feed, so such a value is edited as JSON."""
    dataset_id = console.emulator.add_dataset("Lines", ["text"], [["a\r\nb"]])
    page = await console.open(f"data/{dataset_id}")
    await page.locator("#cell-0-0").dblclick()
    box = page.get_by_role("textbox", name="Value")
    assert await box.input_value() == '"a\\r\\nb"'
    await box.fill('"a\\r\\nc"')
    await page.keyboard.press("Control+Enter")
    await page.locator("#cell-0-0", has_text="c").wait_for()
    assert console.emulator.values(dataset_id) == {"cell_1_1": "a\r\nc"}


async def test_letters_from_right_to_left_turn_nothing_beside_them(console: Console) -> None:
    """A name that overrides the direction of text leaves the row's number where it is."""
    name = "\u202elive"
    dataset_id = console.emulator.add_dataset("Turned", [name], [["a"]])
    page = await console.open(f"data/{dataset_id}")
    await page.locator("#cell-0-0").click()
    heading = page.get_by_role("heading", name="row 1")
    left = "(each) => each.getBoundingClientRect().left"
    assert await heading.locator("span").evaluate(left) > await heading.locator("bdi").evaluate(
        left
    )
    direction = "(each) => getComputedStyle(each).unicodeBidi"
    assert await heading.locator("span").evaluate(direction) == "isolate"
    assert await heading.locator("bdi").evaluate(direction) == "isolate"


async def test_escape_goes_back_step_by_step(console: Console) -> None:
    """From the draft to the grid, from the grid to no selection; from a button at once."""
    page = await console.open("data/your-dataset-id")
    panel = page.get_by_role("complementary", name="Cell")
    await page.locator("#cell-0-0").dblclick()
    await page.locator("textarea:focus").wait_for()
    await page.keyboard.type("draft")
    await page.keyboard.press("Escape")
    await page.locator(".grid:focus").wait_for()
    assert await panel.locator("textarea").input_value() != "draft"
    await page.keyboard.press("Escape")
    await panel.wait_for(state="detached")
    await page.locator("#cell-0-0").click()
    await panel.get_by_role("button", name="Set null").focus()
    await page.keyboard.press("Escape")
    await panel.wait_for(state="detached")
    await page.locator(".grid:focus").wait_for()


async def test_a_question_gives_the_focus_back(console: Console) -> None:
    """Cancel and Escape lead to the button that asked."""
    page = await console.open("data")
    for leave in ("Enter", "Escape"):
        await page.get_by_role("button", name="Reset …").focus()
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Cancel").focus()
        await page.keyboard.press(leave)
        await page.get_by_role("dialog").wait_for(state="detached")
        assert await page.evaluate(FOCUSED) == "Reset …"


async def test_files_are_dropped_together_and_only_where_they_are_taken(console: Console) -> None:
    """Two at once become two; elsewhere a file does not replace the page, and text is text."""
    page = await console.open("data")
    await page.locator("#cell-0-0").click()
    two = [dropped("a.csv", b"a\n1\n"), dropped("b.csv", b"b\n2\n")]
    assert await page.evaluate(DROP, {"where": ".data-view", "files": two}) == [True, True]
    await page.locator(".toast", has_text="b.csv").wait_for()
    assert len(console.emulator.dataset_ids()) == 7
    await page.locator("#cell-0-0").click()
    await page.locator("textarea").wait_for()
    assert await page.evaluate(DROP, {"where": "textarea", "files": []}) == [False, False]
    page = await console.open("requests")
    assert await page.evaluate(DROP, {"where": "main", "files": two}) == [True, True]
    await page.locator(".toast", has_text="Data view").wait_for()
    assert len(console.emulator.dataset_ids()) == 7


async def test_a_file_beyond_the_limit_is_not_sent(browser: Browser) -> None:
    """The page says so, and the emulator need not break the connection off."""
    async with Emulator(max_upload_size=10) as emulator:
        context = await browser.new_context()
        console = Console(emulator, context, await context.new_page())
        page = await console.open("data")
        files = [dropped("big.csv", b"a\n" * 6)]
        await page.evaluate(DROP, {"where": ".data-view", "files": files})
        await page.locator(".toast[data-kind=error]", has_text="larger than 10 B").wait_for()
        await context.close()
    assert console.problems == []


async def test_a_thousand_columns_are_read_a_few_rows_at_a_time(console: Console) -> None:
    """No slice has more than 20,000 cells, so that neither side is held up, and few are drawn."""
    sizes: list[int] = []

    async def measure(reply: Any) -> None:
        if reply.url.partition("?")[0].endswith("/rows"):
            sizes.append(sum(map(len, (await reply.json())["rows"])))

    rows = [[f"{row}:{column}" for column in range(1_000)] for row in range(120)]
    names = [f"c{column}" for column in range(1_000)]
    dataset_id = console.emulator.add_dataset("Wide", names, rows)
    console.page.on("response", measure)
    page = await console.open(f"data/{dataset_id}")
    await page.locator("#cell-0-0", has_text="0:0").click()
    await page.keyboard.press("Control+End")
    await page.locator("#cell-119-999", has_text="119:999").wait_for()
    assert await page.locator("[role=gridcell]").count() < 1_000
    assert max(sizes) <= 20_000


async def test_a_search_finds_all_that_is_kept(console: Console, claro: ClaroClient) -> None:
    """More requests than one reply holds: each is found, none is left out without a word."""
    console.emulator.faults.add("listDatasets", "status", status=400)
    for _ in range(510):
        with pytest.raises(InvalidRequestError):
            await claro.request("GET", "/datasets")
    page = await console.open("requests")
    await page.get_by_role("combobox", name="Any outcome").select_option("rejected")
    await page.get_by_text("510 calls").wait_for()


async def test_a_clock_that_leaps_does_not_stop_the_page(console: Console) -> None:
    """The plot counts the last minutes only, however long ago the requests before were."""
    script = """async () => {
      const { series } = await import("/_emulator/history.js");
      const history = [{ second: 1, requests: 1, throttled: 0, remaining: 9 }];
      const begin = performance.now();
      const columns = series(history, { now: 2e9, seconds: 60, limit: 10, window: 60 });
      return [columns[0].length, performance.now() - begin < 5000];
    }"""
    page = await console.open("quota")
    assert await page.evaluate(script) == [60, True]


async def test_comments_of_odd_forms_are_shown(console: Console) -> None:
    """Labels in steps, texts that are none, and entries that are no labels leave the view whole."""
    message = {"subject": {"text": {"no": "text"}}, "body": {"text": "A body"}}
    comments = [
        {
            "comment": {
                "uid": "a.b",
                "timestamp": "2020-01-01T01:30:00+02:00",
                "messages": [message],
            },
            "annotations": {"labels": {"assigned": [None, {"name": ["Order", "Late"]}]}},
            "predictions": {"labels": {"name": "none"}},
        }
    ]
    console.emulator.mining.add_dataset("odd", "comments", comments, title="Odd")
    page = await console.open("mining/odd/comments")
    row = page.locator("table.comments tbody tr")
    await row.get_by_text('{"no":"text"} — A body').wait_for()
    await row.get_by_text("Order > Late").wait_for()
    await row.get_by_text("2019-12-31 23:30:00").wait_for()
    assert "UTC" in await page.locator("table.comments th").first.inner_text()


async def test_what_is_shown_stays_while_nothing_answers(console: Console) -> None:
    """A dataset that cannot be read anew is shown as it was, and not replaced by an error."""
    page = await console.open("data/your-dataset-id")
    await page.locator("#cell-0-0").wait_for()
    await page.route("**/api/datasets/your-dataset-id", lambda route: route.abort())
    async with page.expect_event("requestfailed"):
        console.emulator.set_processing("your-dataset-id", kind="dataset")
    await page.locator(".data-main .tag", has_text="processing").wait_for()
    await page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    )
    assert await page.locator("#cell-0-0").is_visible()
    console.problems[:] = [each for each in console.problems if LOST not in each]
