"""A transaction with slow handlers has few events."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection

import inbox
from inbox.handling.pace import FIRST, SECONDS, Pace
from inbox.handling.registry import Registry
from inbox.testing import MemoryConsumer, SkippedTime


def test_it_grows_while_handlers_are_fast() -> None:
    pace, sizes = Pace(500), []
    while pace.size < 500:
        sizes.append(pace.size)
        pace.took(pace.size, 0.01)
    assert len(sizes) <= 4, "so that it costs nothing"


def test_slow_handlers_make_it_as_small_as_one_event() -> None:
    pace = Pace(500)
    pace.took(8, 8 * SECONDS)
    assert pace.size == 1
    pace.took(1, SECONDS / 10)
    assert pace.size == 4


def test_it_is_never_larger_than_the_setting() -> None:
    pace = Pace(1)
    pace.took(1, 0.0)
    assert pace.size == 1


@pytest.mark.django_db
def test_events_of_a_slow_handler_take_effect_a_few_at_a_time() -> None:
    registry, time, transactions = Registry(), SkippedTime(), Counter[int]()

    @registry.handler("test.slow")
    def slow(event: inbox.Event) -> None:
        time.now += 1.0
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM inbox_unit")
            transactions[cursor.fetchone()[0]] += 1

    consumer = MemoryConsumer("test", handlers=registry, time=time)
    for number in range(40):
        consumer.send("test.slow", key=str(number))
    consumer.drain()
    first, *later = transactions.values()
    assert first == FIRST
    assert max(later) == SECONDS
    assert sum(later) == 40 - FIRST
