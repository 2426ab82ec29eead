"""Numbers and durations in words."""

from __future__ import annotations

import pytest

from outbox_core.people.humanize import amount, duration, milliseconds, plural


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-0.2, "0.0 s"),
        (0.44, "0.4 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3_600, "1 h"),
        (7_229, "2 h"),
        (7_500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
        (86_400 * 9 + 59, "9 d"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0"), (3, "3"), (0.25, "0.25"), (9.96, "10"), (1_234.5, "1,234"), (2e6, "2,000,000")],
)
def test_amounts_are_grouped(number: float, words: str) -> None:
    assert amount(number) == words


def test_a_capped_count_says_so() -> None:
    assert plural(10_000, "event", capped=True) == "10,000+ events"
    assert plural(1, "event") == "1 event"
    assert plural(0, "event") == "0 events"


def test_latencies_from_a_second_on_are_durations() -> None:
    assert [milliseconds(each) for each in (0.4, 22, 1_500, 48_000)] == ["0 ms", "22 ms", "1.5 s", "48 s"]
