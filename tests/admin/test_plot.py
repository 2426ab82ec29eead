"""The plot of published events."""

from __future__ import annotations

from outbox.admin.plot import Plot


def test_bars_are_as_high_as_their_minute_and_fill_the_box() -> None:
    plot = Plot([0, 30, 60, 15], width=400, height=80)
    assert [(bar.x, bar.y, bar.height) for bar in plot.bars] == [
        (0, 80, 0),
        (100, 40, 40),
        (200, 0, 80),
        (300, 60, 20),
    ]
    assert plot.peak == "1/s"
    assert plot.bars[1].label == "2 min ago: 30 events"
    assert plot.bars[-1].label == "this minute, so far: 15 events"


def test_an_hour_without_events_is_flat() -> None:
    assert {bar.height for bar in Plot([0] * 60).bars} == {0}
