"""Every guarantee names the tests that hold it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([A-Z]\d+) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
CHECKS = sorted(
    {check for _, _, checks in ROWS for check in re.findall(r"`(tests/[^`]+)`", checks)}
)


@pytest.mark.parametrize("check", CHECKS)
def test_a_named_check_exists(check: str) -> None:
    """The file is there, has tests, and has the test that is named in it."""
    file, _, name = check.partition("::")
    text = (ROOT / file).read_text("utf-8")
    assert re.search(rf"def {name or 'test_'}", text)


@pytest.mark.parametrize(("number", "promise", "checks"), ROWS)
def test_a_promise_is_one_sentence_with_a_check(number: str, promise: str, checks: str) -> None:
    """A promise is a sentence, and something holds it."""
    assert promise.endswith("."), number
    assert re.search(r"`tests/", checks), number


def test_numbers_are_in_order_and_none_comes_twice() -> None:
    """Within each letter the numbers count from 1, and the simulation's judge knows all its own."""
    numbers = [number for number, _, _ in ROWS]
    assert len(numbers) == len(set(numbers)) > 50
    for letter in {number[0] for number in numbers}:
        own = [int(number[1:]) for number in numbers if number[0] == letter]
        assert own == list(range(1, len(own) + 1))
    judge = (ROOT / "tests/simulation/judge.py").read_text("utf-8")
    judged = set(re.findall(r'f?"([A-Z]\d+) ', judge))
    assert judged <= set(numbers)
