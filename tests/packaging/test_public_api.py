"""What is public: the snapshot, the lists of names and the reference agree."""

from __future__ import annotations

import re

import pytest

import claro_async
from tests.packaging import public_api
from tests.packaging.conftest import ROOT

OLD = ["p.A: class()", "p.A.x: int", "p.f: () -> None", "p.f(**options).k: int"]


def documented(module: str) -> set[str]:
    """The names that pages of the reference list for a module."""
    pages = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs/reference").glob("*.md"))
    blocks = re.findall(
        rf"^```{{names}} {re.escape(module)}\n(.*?)^```", pages, re.MULTILINE | re.DOTALL
    )
    lines = (line.split() for block in blocks for line in block.splitlines())
    names = {words[0] for words in lines if words and not words[0].startswith(":")}
    return names | set(
        re.findall(rf"^\.\. py:data:: {re.escape(module)}\.(\w+)$", pages, re.MULTILINE)
    )


def test_public_api_is_that_of_the_snapshot() -> None:
    """No public name, type or signature changes unseen; the message says what to do about it."""
    difference = public_api.difference()
    assert not difference, difference


def test_dir_shows_the_public_names() -> None:
    """`dir(claro_async)` and `__all__` are the same names, sorted, none of them twice."""
    assert len({*claro_async.__all__}) == len(claro_async.__all__)
    assert sorted(claro_async.__all__) == dir(claro_async)


def test_every_public_name_is_in_the_reference_once() -> None:
    """What `__all__` of a public module lists is documented, and nothing else is."""
    names_of = public_api.public_names()
    found = {name: documented(name) for name in names_of}
    for name, names in found.items():
        assert names <= names_of[name].keys(), name
    missing = {
        f"{name}.{public}"
        for name, listed in names_of.items()
        for public in listed
        if public != "__version__" and not any(public in names for names in found.values())
    }
    assert missing == set()


@pytest.mark.parametrize(
    ("new", "changed"),
    [
        (OLD, []),
        ([*OLD, "p.B: class()", "p.B.y: int"], ["p.B"]),
        (OLD[2:], ["p.A"]),
        ([*OLD[:1], "p.A.x: str", *OLD[2:]], ["p.A.x"]),
        ([*OLD, "p.A.y: int"], ["p.A.y"]),
        (OLD[:3], ["p.f(**options).k"]),
    ],
)
def test_changes_are_named_once(new: list[str], changed: list[str]) -> None:
    """A class that comes or goes is one change, whatever it has; else each member is one."""
    assert public_api.changed_names(OLD, new) == changed


def test_the_changelog_has_to_mention_a_change() -> None:
    """A changed name counts as mentioned where its last part is a word of the changelog."""
    names = ["p.A.export", "p.A.exported", "p.A.f(**options).limit"]
    assert public_api.without_mention(names, "`Dataset.export` takes `limit`.") == names[1:2]
