"""The console's view of the Communications Mining part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claro_async.emulator import PERMISSIONS

if TYPE_CHECKING:
    from tests.emulator.console.conftest import Console


async def test_projects_datasets_and_permissions(bare: Console) -> None:
    """Every project, also an empty one, what datasets hold, and what each token may do."""
    mining = bare.emulator.mining
    mining.add_project("empty")
    mining.add_dataset("post", "letters", 7, title="Letters")
    mining.add_token("reader-token", ["View labels"], projects=["post"])
    shown = await bare("GET", "mining")
    assert shown["projects"] == [{"name": "empty", "datasets": 0}, {"name": "post", "datasets": 1}]
    (dataset,) = shown["datasets"]
    assert (dataset["project"], dataset["name"], dataset["title"], dataset["comments"]) == (
        "post",
        "letters",
        "Letters",
        7,
    )
    assert [
        (each["number"], each["permissions"], each["projects"]) for each in shown["grants"]
    ] == [
        (1, sorted(PERMISSIONS), None),
        (2, ["View labels"], ["post"]),
    ]
    assert {each["token"] for each in shown["grants"]} == {"[redacted]"}
    assert shown["operations"]["mining.exportDataset"] == "Export datasets"


async def test_comments_come_in_slices_by_time(bare: Console) -> None:
    """As an export gives them; past the end there are none."""
    bare.emulator.mining.add_dataset("post", "letters", 30)
    route = "mining/datasets/post/letters/comments"
    slices = [await bare("GET", f"{route}?skip={skip}&limit=20") for skip in (0, 20, 40)]
    uids = [comment["comment"]["uid"] for each in slices for comment in each["comments"]]
    assert uids == bare.emulator.mining.uids("post", "letters")
    assert [len(each["comments"]) for each in slices] == [20, 10, 0]
    assert {each["total"] for each in slices} == {30}
    assert (await bare.refused("GET", "mining/datasets/post/none/comments"))[0] == 404
