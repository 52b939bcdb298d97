"""The emulator's Communications Mining part: what it takes, refuses and keeps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import yarl

from claro_async.emulator import MINING_OPERATION_IDS, Emulator
from claro_async.emulator.mining.comments import synthetic
from tests.emulator.test_cli import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Send = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]

EXAMPLE = "/datasets/project/example"
EXPORT = EXAMPLE + "/export"


@pytest.fixture
async def send(emulator: Emulator) -> AsyncIterator[Send]:
    """Sends a request, with the token that may do everything unless another is given."""
    async with aiohttp.ClientSession() as session:

        async def call(
            method: str, path: str, body: Any = None, token: str | None = None
        ) -> tuple[int, dict[str, Any]]:
            headers = {"Authorization": f"Bearer {token or emulator.mining_token}"}
            url = yarl.URL(emulator.mining_base_url + path, encoded=True)
            options = {"data": body} if isinstance(body, bytes) else {"json": body}
            if isinstance(body, bytes):
                headers["Content-Type"] = "application/json"
            async with session.request(
                method, url, headers=headers, **(options if body is not None else {})
            ) as reply:
                value = json.loads(await reply.read())
                assert value["status"] == ("ok" if reply.status == 200 else "error")
                assert (reply.status == 200) or set(value) == {"status", "message"}
                return reply.status, value

        yield call


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/datasets/", 400),
        ("GET", "/sources", 404),
        ("GET", EXAMPLE + "/model-tags/more", 404),
        ("GET", "/datasets/nowhere", 404),
        ("GET", "/datasets/project/nothing", 404),
        ("GET", "/datasets/nowhere/example", 404),
        ("PUT", "/datasets/nowhere/new", 404),
        ("GET", "/datasets/project/model-tags", 404),
        ("PATCH", EXAMPLE, 405),
        ("GET", EXPORT, 405),
        ("DELETE", "/datasets/project", 405),
        ("GET", "/datasets/%2e%2e/example", 400),
    ],
)
async def test_paths(send: Send, method: str, path: str, status: int) -> None:
    """Unknown paths and names are 404, unknown methods 405, all in this API's envelope."""
    body: Any = {"dataset": {}} if method == "PUT" else None
    assert (await send(method, path, body))[0] == status


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"{",
        b'{"dataset": {}, "dataset": {}}',
        [],
        {},
        {"dataset": None},
        {"dataset": {}, "more": 1},
        {"dataset": {"title": 1}},
        {"dataset": {"title": None}},
        {"dataset": {"source_ids": "a"}},
        {"dataset": {"source_ids": [1]}},
        {"dataset": {"source_ids": [""]}},
        {"dataset": {"has_sentiment": "yes"}},
        {"dataset": {"model_family": "klingon"}},
        {"dataset": {"name": "x"}},
    ],
)
async def test_bodies_that_make_no_dataset(send: Send, emulator: Emulator, body: Any) -> None:
    """What the table of parameters does not allow is refused, and nothing is made."""
    status, _ = await send("PUT", "/datasets/project/new", body)
    assert status in {400, 415}
    assert emulator.ledger.applied == []


async def test_updates_take_less(send: Send) -> None:
    """Model family and sentiment are set at creation only."""
    for name, value in (("model_family", "english"), ("has_sentiment", True)):
        status, reply = await send("POST", EXAMPLE, {"dataset": {name: value}})
        assert status == 400
        assert name in reply["message"]


async def test_creating_twice(send: Send, emulator: Emulator) -> None:
    """The same again changes nothing; anything else is a conflict."""
    body = {"dataset": {"title": "T", "model_family": "Multilingual"}}
    _, first = await send("PUT", "/datasets/project/new", body)
    assert first["dataset"]["model_family"] == "multilingual"
    assert await send("PUT", "/datasets/project/new", body) == (200, first)
    assert (await send("PUT", "/datasets/project/new", {"dataset": {}}))[0] == 409
    assert len(emulator.ledger.applied) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0},
        {"limit": 257},
        {"limit": 1.5},
        {"limit": "1"},
        {"limit": True},
        {"order_by": "uid"},
        {"from": "yesterday"},
        {"from": 5},
        {"to": "2020-13-01T00:00:00Z"},
        {"source_ids": [str(number) for number in range(1025)]},
        {"source_ids": "a"},
        {"comment_uids": [str(number) for number in range(257)]},
        {"comment_uids": ["a.b"], "source_ids": ["a"]},
        {"comment_uids": ["a.b"], "from": "2020-01-01T00:00:00Z"},
        {"comment_uids": ["a.b"], "to": "2020-01-01T00:00:00Z"},
        {"continuation": ""},
        {"continuation": 1},
        {"continuation": "2021-02-16T10:55:05Z.c060a787c0b2bbf95526ad5cf28bf582"},
        {"page": 2},
    ],
)
async def test_exports_that_are_refused(send: Send, body: dict[str, Any]) -> None:
    """Limits are refused rather than clamped, and a token that was never given is none."""
    assert (await send("POST", EXPORT, body))[0] == 400


FORMS = {
    "2020-01-02": True,
    "2020-01-02T00:00Z": True,
    "2020-01-02t00:00:00z": True,
    "2020-01-02 00:00:00.0000001": True,
    "2020-01-02T02:00:00+02:00": True,
    "2020-01-01T20:00:00-0400": True,
    "20200102": False,
    "2020-W01-4": False,
    "2020-01-02T00:00:00,5Z": False,
    "2020-01-01T24:00:00Z": False,
    "2019-12-31T23:59:60Z": False,
    "2020-01-02T00": False,
    "2020-01-02T00:00Z ": False,
    "2020-13-02": False,
    "1577923200": False,
}


@pytest.mark.parametrize("text", FORMS)
async def test_forms_of_times(send: Send, emulator: Emulator, text: str) -> None:
    """Times are taken in the forms that the documentation lists, and in no other."""
    times = ["2020-01-01T23:59:59.999999Z", "2020-01-02T00:00:00Z"]
    seeded = [{"uid": f"s.{number}", "timestamp": time} for number, time in enumerate(times)]
    emulator.mining.add_dataset("project", "d", seeded)
    status, page = await send("POST", "/datasets/project/d/export", {"from": text})
    assert status == (200 if FORMS[text] else 400)
    if status == 200:
        assert [each["comment"]["uid"] for each in page["comments"]] == ["s.1"]


async def test_a_dataset_without_sentiment(send: Send, emulator: Emulator) -> None:
    """Where `has_sentiment` is false no label of an export has a sentiment, given or made up."""
    given = {
        "comment": {"uid": "s.1", "timestamp": "2020-01-01"},
        "annotations": {"labels": {"assigned": [{"name": "A", "sentiment": "positive"}]}},
        "predictions": {"labels": [{"name": "A", "probability": 0.5, "sentiment": -1}]},
    }
    for name, has_sentiment in (("with", True), ("without", False)):
        emulator.mining.add_dataset("project", name, 20, has_sentiment=has_sentiment)
        odd = {"comment": {"uid": "s.2", "timestamp": "2020-01-01"}, "predictions": None}
        emulator.mining.add_comments("project", name, [given, odd])
        _, page = await send("POST", f"/datasets/project/{name}/export", {"limit": 256})
        labels = [
            label
            for each in page["comments"]
            for label in (
                *each["annotations"]["labels"]["assigned"],
                *((each["predictions"] or {}).get("labels") or ()),
            )
        ]
        assert len(page["comments"]) == 22
        assert len(labels) > 22
        assert {"sentiment" in label for label in labels} == {has_sentiment}
        assert {"name" in label for label in labels} == {True}


async def test_limits_that_are_allowed(send: Send) -> None:
    """256 uids, 1,024 sources and 256 comments a page are allowed; 64 is the default."""
    sources = ["18ba5ce699f8da1f", *(str(number) for number in range(1023))]
    assert len((await send("POST", EXPORT, {"source_ids": sources}))[1]["comments"]) == 64
    uids = [str(number) for number in range(256)]
    assert (await send("POST", EXPORT, {"comment_uids": uids}))[1] == {
        "comments": [],
        "status": "ok",
    }
    assert len((await send("POST", EXPORT, {"limit": 256.0}))[1]["comments"]) == 256


async def test_tokens_are_checked(send: Send, emulator: Emulator) -> None:
    """A token is good for its own dataset and filters, with any limit, and for nothing else."""
    body = {"limit": 2, "order_by": "timestamp", "from": "2019-01-01"}
    _, first = await send("POST", EXPORT, body)
    token = first["continuation"]
    again = {**body, "limit": 9, "continuation": token}
    assert len((await send("POST", EXPORT, again))[1]["comments"]) == 9
    emulator.mining.add_dataset("project", "other", 10)
    changes: list[tuple[str, dict[str, Any]]] = [
        (EXPORT, {"order_by": "created_at"}),
        (EXPORT, {"from": "2019-01-02"}),
        (EXPORT, {"to": "2029-01-02"}),
        (EXPORT, {"source_ids": ["18ba5ce699f8da1f"]}),
        (EXPORT, {"continuation": token[:-1] + ("0" if token[-1] != "0" else "1")}),
        (EXPORT, {"continuation": "2022" + token[4:]}),
        ("/datasets/project/other/export", {}),
    ]
    for path, change in changes:
        assert (await send("POST", path, {**again, **change}))[0] == 400


async def test_the_last_page_has_no_continuation(send: Send) -> None:
    """The field is absent where no comments follow, also where the page is just full."""
    _, page = await send("POST", EXPORT, {"limit": 250, "to": "2011-12-11T11:05:10Z"})
    assert "continuation" not in page
    _, page = await send("POST", EXPORT, {"limit": 1, "to": "2011-12-11T11:05:10Z"})
    assert len(page["comments"]) == 1
    assert "continuation" not in page


async def test_tokens_of_some_projects(send: Send, emulator: Emulator) -> None:
    """A token for one project sees that project alone."""
    emulator.mining.add_dataset("sales", "feedback")
    emulator.mining.add_token("sales-only", projects=["sales"])
    _, listed = await send("GET", "/datasets", token="sales-only")
    assert [each["name"] for each in listed["datasets"]] == ["feedback"]
    assert (await send("GET", EXAMPLE, token="sales-only"))[0] == 403
    assert (await send("GET", "/datasets/sales", token="sales-only"))[0] == 200
    assert (await send("GET", "/datasets", token="emulator-key"))[0] == 401
    with pytest.raises(ValueError, match="View labels"):
        emulator.mining.add_token("x", ["Everything"])


async def test_no_rate_limit_headers(emulator: Emulator) -> None:
    """The document names no quota, so no reply has it; the other API's replies have theirs."""
    async with aiohttp.ClientSession() as session:
        for url, token, limited in (
            (emulator.mining_base_url, emulator.mining_token, False),
            (emulator.base_url, emulator.api_key, True),
        ):
            headers = {"Authorization": f"Bearer {token}"}
            async with session.get(url + "/datasets", headers=headers) as reply:
                assert ("X-RateLimit-Limit" in reply.headers) is limited


async def test_faults_of_one_api_leave_the_other_alone(send: Send, emulator: Emulator) -> None:
    """The two APIs share operation ids, but neither faults nor entries in the ledger."""
    emulator.faults.add("deleteDataset", "status")
    assert (await send("DELETE", EXAMPLE))[0] == 200
    assert emulator.ledger.count("deleteDataset") == 0
    assert emulator.ledger.count("mining.deleteDataset") == 1
    with pytest.raises(ValueError, match="unknown operation"):
        emulator.faults.add("mining.listDatasets", "status")


def test_made_up_comments_are_the_same_each_time() -> None:
    """Synthetic comments depend on the seed alone, and each has its own uid."""
    first = list(synthetic(300, ["a", "b"]))
    assert first == list(synthetic(300, ["a", "b"]))
    assert first != list(synthetic(300, ["a", "b"], random_seed=1))
    assert len({comment.uid for comment in first}) == 300
    assert len({comment.timestamp for comment in synthetic(3000, ["a"])}) < 3000


def test_seeding_from_lines(tmp_path: Path) -> None:
    """JSON lines as an export gives them come out as they went in; a bad line is named."""
    path = tmp_path / "comments.jsonl"
    with Emulator() as emulator:
        whole = {"comment": {"uid": "a.1", "timestamp": "2020-01-01T00:00:00Z", "text": "Hello"}}
        short = {"source_id": "a", "id": "2", "timestamp": "2020-01-02T00:00:00+01:00"}
        path.write_text(f"{json.dumps(whole)}\n\n{json.dumps(short)}\n")
        emulator.mining.add_dataset("project", "seeded", path)
        assert emulator.mining.uids("project", "seeded") == ["a.1", "a.2"]
        path.write_text(json.dumps({**short, "timestamp": "soon"}) + "\n")
        with pytest.raises(ValueError, match=r"comments\.jsonl, line 1: .*ISO-8601"):
            emulator.mining.add_dataset("project", "bad", path)
        path.write_text("[]\n")
        with pytest.raises(ValueError, match="line 1"):
            emulator.mining.add_dataset("project", "worse", path)
        with pytest.raises(ValueError, match="uid"):
            emulator.mining.add_dataset("project", "doubled", [short, short])
        with pytest.raises(KeyError):
            emulator.mining.uids("project", "missing")


def test_state_survives_a_restart(tmp_path: Path) -> None:
    """Datasets, comments and tokens of an export are kept in the database file."""
    path = tmp_path / "emulator.db"
    with Emulator(database=path) as emulator:
        emulator.mining.add_dataset("sales", "feedback", 10)
        before = emulator.mining.uids("sales", "feedback")
    with Emulator(database=path) as emulator:
        assert emulator.mining.dataset_names() == ["project/example", "sales/feedback"]
        assert emulator.mining.uids("sales", "feedback") == before


def test_the_command_tells_where_it_is(tmp_path: Path) -> None:
    """The command's line has URL, token and datasets; files of comments become datasets."""
    seed = tmp_path / "inbox.jsonl"
    seed.write_text('{"uid": "a.1", "timestamp": "2020-01-01T00:00:00Z", "text": "Hello"}\n')
    options = ["--mining-seed", str(seed), "--mining-token", "my-token"]
    with running(*options) as (_process, ready):
        assert ready["mining_base_url"].endswith("/api/v1")
        assert ready["mining_token"] == "my-token"
        assert ready["mining_datasets"] == ["project/example", "project/inbox"]


def test_operations_have_ids_of_their_own() -> None:
    """The ids tell the two APIs apart."""
    assert len(MINING_OPERATION_IDS) == 8
    assert all(name.startswith("mining.") for name in MINING_OPERATION_IDS)
