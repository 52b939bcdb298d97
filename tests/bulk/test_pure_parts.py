"""The pure parts of bulk updates: the buffer, the figures, the report."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claro_async import BulkReport, BulkUpdateError
from claro_async.bulk.buffer import EditBuffer
from claro_async.bulk.edits import EditStatus, Entry
from claro_async.bulk.measure import LatencyHistogram, Timeline


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_buffer_keeps_the_order_of_each_cell(steps: list[tuple[str, bool]]) -> None:
    """Whatever is offered, taken and finished when: no cell is out twice, and its last value is."""
    buffer = EditBuffer(1000)
    out: dict[str, int] = {}
    last_taken: dict[str, int] = {}
    superseded = 0

    def take() -> None:
        entry = buffer.take()
        if entry is not None:
            assert entry.cell_id not in out
            assert entry.seq > last_taken.get(entry.cell_id, -1)
            out[entry.cell_id] = last_taken[entry.cell_id] = entry.seq

    for seq, (cell, finishes) in enumerate(steps):
        superseded += buffer.offer(Entry(seq, cell, b"0")) is not None
        take()
        if finishes and cell in out:
            del out[cell]
            buffer.finish(cell)
    while out or buffer.ready:
        take()
        for cell in list(out):
            del out[cell]
            buffer.finish(cell)

    assert last_taken == {cell: seq for seq, (cell, _) in enumerate(steps)}
    assert buffer.under_way == buffer.drain() == 0
    assert superseded <= len(steps)


def test_percentiles_are_right_to_five_percent() -> None:
    """The histogram's percentiles are within its bucket of the true ones."""
    random = Random(0)  # noqa: S311 - repeatable
    values = sorted(random.lognormvariate(-3, 1) for _ in range(10_000))
    histogram = LatencyHistogram()
    for value in values:
        histogram.add(value)
    for share in (0.5, 0.9, 0.99):
        assert histogram.percentile(share) == pytest.approx(values[int(share * 10_000)], rel=0.06)
    assert LatencyHistogram().percentile(0.5) is None


def test_timeline_stays_small() -> None:
    """However long a run is, its course has at most 600 bins, and no edit is lost from it."""
    timeline = Timeline()
    for tenth in range(50_000):
        timeline.at(tenth / 10).edits += 1
    assert len(timeline.bins) <= 600
    assert sum(each.edits for each in timeline.bins) == 50_000
    assert timeline.width * len(timeline.bins) >= 5000


def test_report_without_failures_does_not_raise() -> None:
    """A report with nothing but applied, unchanged and superseded edits raises nothing."""
    report = BulkReport()
    for status in (EditStatus.UPDATED, EditStatus.UNCHANGED, EditStatus.SUPERSEDED):
        report.count(status, 3)
    report.raise_for_failures()
    assert report.to_dict()["total"] == 9


def test_report_of_a_stopped_update_raises_what_stopped_it() -> None:
    """Edits that were not sent raise, with the error that stopped the update among the causes."""
    report = BulkReport(not_sent=5, stopped_by=ValueError("x"))
    with pytest.raises(BulkUpdateError, match="5 not sent") as caught:
        report.raise_for_failures()
    assert caught.group_contains(ValueError)
