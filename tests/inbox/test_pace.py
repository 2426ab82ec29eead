"""A transaction with slow handlers has few events."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection

import inbox
from inbox.handling.pace import FIRST, SECONDS, Pace
from inbox.handling.registry import Registry
from inbox.models import HeldEvent
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


@pytest.mark.parametrize("keys", [1, 20], ids=["one key", "many keys"])
@pytest.mark.django_db
def test_held_events_of_a_slow_handler_are_retried_a_few_at_a_time(keys: int) -> None:
    """New events are handled in between, and the process can stop."""
    registry, time, away = Registry(), SkippedTime(), True

    @registry.handler("test.slow")
    def slow(event: inbox.Event) -> None:
        if away:
            raise ConnectionRefusedError
        time.now += 1.0

    @registry.handler("test.quick")
    def quick(event: inbox.Event) -> None:
        """It succeeds, so those of the other one are held."""

    consumer = MemoryConsumer("test", handlers=registry, time=time, raises=False)
    for number in range(60):
        consumer.send("test.slow", key=str(number % keys))
    consumer.send("test.quick", key="quick")
    consumer.poll()
    assert HeldEvent.objects.count() == 60
    away = False
    time.now += 61
    rounds = []
    while HeldEvent.objects.exists():
        began_at = time.now
        consumer.consumer.tick()
        rounds.append(time.now - began_at)
    assert max(rounds) <= FIRST
    assert sum(rounds[-5:]) <= 5 * SECONDS
