"""The report as a page: well-formed, harmless whatever it shows, and complete."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claro_async import NotFoundError, OutcomeUnknownError
from claro_async.bulk.edits import CellEdit, EditOutcome, EditStatus
from claro_async.bulk.report import BulkReport, RevertReport
from claro_async.reporting.page import page, write_report
from tests.full_disk import files_no_longer_than

if TYPE_CHECKING:
    from pathlib import Path

PATH_STEP = re.compile(r"[MHVvZ][-\d. ]*")


def parse(report: BulkReport) -> ET.Element:
    """The page's elements; the page is XML, too."""
    return ET.fromstring(page(report))  # noqa: S314 - our own page


def text_of(element: ET.Element) -> str:
    """All text below an element."""
    return "".join(element.itertext())


def failed(cell_id: str, message: str, code: str | None = "CELL_NOT_FOUND") -> EditOutcome:
    """An edit that the server refused."""
    error = NotFoundError(message, status=404, code=code)
    return EditOutcome(7, CellEdit(cell_id, "a secret value"), EditStatus.FAILED, error, 1)


def busy_report(seconds: float = 600.0) -> BulkReport:
    """A report with something of everything."""
    report = BulkReport(
        *(900, 50, 20, 2, 10, 1), requests=940, retries=30, pages_read=4, throttled=3
    )
    report.seconds, report.seconds_waited = seconds, 4000.0
    for step in range(1000):
        report.latency.add(0.02 + step / 10_000)
        each = report.timeline.at(seconds * step / 1000)
        each.edits += 1
        each.concurrency = max(each.concurrency, step % 33)
        each.throttled += step == 500
        each.errors += step in {100, 900}
    report.failures = [failed("cell_1", "no such cell"), failed("cell_2", "no such cell")]
    lost = OutcomeUnknownError("may have been applied", operation="updateCell", attempts=4)
    report.failures.append(EditOutcome(9, CellEdit("cell_3", 1), EditStatus.UNKNOWN, lost, 4))
    report.conflicts = [EditOutcome(11, CellEdit("cell_4", 1), EditStatus.UPDATED, conflict=True)]
    return report


def test_everything_is_there() -> None:
    """Counts, requests, percentiles, causes with their numbers and the first failures are shown."""
    root = parse(busy_report())
    shown = text_of(root)
    for words in (
        *("900", "983 edits in 10 min 0 s", "not sent", "940", "CELL_NOT_FOUND", "HTTP 404"),
        *("OutcomeUnknownError", "cell_1", "cell_3", "cell_4", "no such cell", "99%", "1 h 6 min"),
        *("edits a second", "requests under way", "minutes since the start"),
    ):
        assert words in shown, words
    causes = next(each for each in root.iter("section") if "Failures by code" in text_of(each))
    rows = [[text_of(cell) for cell in row.iter("td")] for row in causes.iter("tr")]
    assert rows[1:] == [
        ["CELL_NOT_FOUND", "NotFoundError", "HTTP 404", "2", ""],
        ["\u2013", "OutcomeUnknownError", "\u2013", "1", ""],
    ]


def test_values_of_cells_are_not_shown() -> None:
    """A page can be passed on: what was written to the cells is not in it."""
    assert "a secret value" not in page(busy_report())


def test_nothing_is_run_and_nothing_is_loaded() -> None:
    """There is no script, no link, no image and no address, and the page forbids them itself."""
    text = page(busy_report())
    root = parse(busy_report())
    elements = {each.tag for each in root.iter()}
    assert elements.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "use", "a"})
    names = {name for each in root.iter() for name in each.attrib}
    assert not {name for name in names if name.startswith("on") or name in {"src", "href"}}
    assert "url(" not in text
    assert "@import" not in text
    assert "://" not in text
    policy = next(each for each in root.iter("meta") if "http-equiv" in each.attrib)
    assert policy.get("content") == "default-src 'none'; style-src 'unsafe-inline'"


@given(st.text(), st.text(), st.text() | st.none())
def test_any_text_is_shown_as_text(cell_id: str, message: str, code: str | None) -> None:
    """Ids, messages and codes with markup, controls or surrogates leave the page well-formed."""
    plain = BulkReport(failed=1, failures=[failed("x", "x", "x")])
    report = BulkReport(failed=1, failures=[failed(cell_id, message, code)])
    tags = [[each.tag for each in parse(each_report).iter()] for each_report in (plain, report)]
    assert tags[0] == tags[1]
    page(report).encode()


def test_markup_in_an_id_is_escaped() -> None:
    """An id that is a script is shown letter by letter."""
    report = BulkReport(failed=1, failures=[failed("<script>alert('1')</script>", "<b>&amp;")])
    assert "<script" not in page(report)
    assert "<script>alert('1')</script>" in text_of(parse(report))
    assert "<b>&amp;" in text_of(parse(report))


def test_drawings_speak() -> None:
    """Each drawing that carries meaning has a role, a title and, in words, what it shows."""
    root = parse(busy_report())
    drawings = list(root.iter("svg"))
    speaking = [each for each in drawings if each.get("role") == "img"]
    assert len(speaking) == 2
    assert all(each.find("title") is not None for each in speaking)
    described = speaking[1].findtext("desc")
    assert described is not None
    assert "throttled with 429: 1; server errors and lost replies: 2" in described
    assert all(each.get("aria-hidden") == "true" for each in drawings if each not in speaking)


@pytest.mark.parametrize("seconds", [0.004, 0.9, 8.0, 70.0, 2000.0, 20_000.0, 900_000.0])
def test_drawings_stay_in_their_frame(seconds: float) -> None:
    """From milliseconds to days no point and no label lies outside, and there are few labels."""
    drawing = [each for each in parse(busy_report(seconds)).iter("svg") if each.get("role")][1]
    width, height = (float(each) for each in drawing.attrib["viewBox"].split()[2:])
    for path in drawing.iter("path"):
        steps = PATH_STEP.findall(path.attrib["d"])
        assert "".join(steps) == path.attrib["d"]
        for step in steps:
            numbers = [float(each) for each in step[1:].split()]
            assert all(-0.1 <= each <= max(width, height) for each in numbers)
            if step[0] in "MH":
                assert numbers[0] <= width
    labels = list(drawing.iter("text"))
    assert 10 <= len(labels) <= 30
    assert all(0 <= float(each.attrib["x"]) <= width for each in labels)
    assert all(0 < float(each.attrib["y"]) <= height for each in labels)


def test_colours_for_day_and_night() -> None:
    """The page follows the reader's choice of light or dark."""
    text = page(BulkReport())
    assert "color-scheme: light dark" in text
    assert "@media (prefers-color-scheme: dark)" in text


def test_an_empty_run_is_a_page_as_well() -> None:
    """A run without edits, requests or time has counts of 0 and no drawing over time."""
    root = parse(BulkReport())
    assert "Nothing was sent." in text_of(root)
    assert "0 edits in 0 ms" in text_of(root)


def test_a_run_that_was_stopped_says_by_what() -> None:
    """The error that ended the run stands at the top."""
    report = BulkReport(not_sent=3, stopped_by=NotFoundError("gone & away", status=404))
    assert "Stopped before its end by NotFoundError: gone & away" in text_of(parse(report))


def test_a_revert_lists_what_it_left() -> None:
    """The page of a revert says which cells were not set back, and that metadata is lost."""
    report = RevertReport(updated=5)
    report.skip("cell_9", "changed since")
    shown = text_of(parse(report))
    assert "Revert: 5 of 5" in shown
    assert "cell_9" in shown
    assert "changed since" in shown
    assert "Metadata that the cells had before cannot be restored" in shown


def test_long_lists_are_cut() -> None:
    """Of 5,000 failures the first 100 are listed, and the number of the others is given."""
    report = BulkReport(failed=5000, failures=[failed(f"cell_{n}", "x") for n in range(5000)])
    shown = text_of(parse(report))
    assert "cell_99" in shown
    assert "cell_100" not in shown
    assert "The first 100 of at least 5,000." in shown
    assert len(page(report)) < 100_000


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    """The page takes the place of an older one, and nothing else is left in the folder."""
    target = tmp_path / "report.html"
    target.write_text("old")
    busy_report().write_html(target)
    assert target.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_followed_and_permissions_stay(tmp_path: Path) -> None:
    """A page behind a symbolic link is replaced as any file of the library is."""
    target, link = tmp_path / "report.html", tmp_path / "latest.html"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target.name)
    busy_report().write_html(link)
    assert target.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_full_disk_leaves_the_older_page(tmp_path: Path) -> None:
    """Where the disk takes only part of a page the older one stays, and no half one beside it."""
    target = tmp_path / "report.html"
    target.write_text("old")
    with files_no_longer_than(1000), pytest.raises(OSError, match="too large"):
        busy_report().write_html(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Where the target is a folder the error says so, and no half page stays behind."""
    target = tmp_path / "report.html"
    (target / "inside").mkdir(parents=True)
    with pytest.raises(OSError):  # noqa: PT011 - which one depends on the system
        write_report(BulkReport(), target)
    assert list(tmp_path.iterdir()) == [target]
