"""Who is blamed when a handler ends the transaction that it shares with other events."""

from __future__ import annotations

import pytest

import inbox
from inbox.models import HeldEvent
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import (
    Effects,
    commit_and_catch_the_error,
    executing,
    raising,
    send_steps,
    undecided,
)


@pytest.mark.django_db(transaction=True)
def test_of_keys_that_are_released_together_only_the_one_that_ends_the_transaction_is_blamed(
    effects: Effects,
) -> None:
    """The end is noticed when all of them have run: that says nothing about the first."""
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    effects.fails |= {"broken": raising(ValueError("broken")), "end": executing("ROLLBACK")}
    for key in ("a", "b", "c"):
        send_steps(consumer, key, 1, fail="broken")
        send_steps(consumer, f"sound-{key}", 1)
    send_steps(consumer, "bad", 1, fail="end")
    for key in ("a", "b", "c"):
        send_steps(consumer, key, 2)
    for number in range(2, 20):  # the handler succeeds again and again: it is no outage
        send_steps(consumer, "sound", number)
        consumer.drain()
        consumer.time.now += 60
    assert undecided().count() == 4
    effects.fails["broken"] = lambda: None
    undecided().release()
    consumer.drain()
    assert [effects.of(key) for key in ("a", "b", "c")] == [[1, 2]] * 3
    assert HeldEvent.objects.get().event_id == "bad-1"


@pytest.mark.django_db(transaction=True)
def test_of_a_key_that_is_released_only_the_event_that_ends_the_transaction_is_blamed(
    effects: Effects,
) -> None:
    """A later event of the key fails at once, so those before it are tried without it: the end of their
    transaction does not tell either which of them ended it.
    """
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    effects.fails |= {"first": raising(ValueError("first")), "end": commit_and_catch_the_error}
    effects.fails["last"] = raising(ValueError("last"))
    send_steps(consumer, "a", 1, fail="first")
    send_steps(consumer, "a", 2)
    send_steps(consumer, "a", 3, fail="end")
    send_steps(consumer, "a", 4, fail="last")
    consumer.drain()
    del effects.fails["first"]
    undecided().release()
    consumer.drain()
    assert effects.of("a") == [1, 2]
    row = undecided().get()
    assert (row.event_id, row.error.partition(":")[0]) == ("a-3", "EffectsLost")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("held", [False, True], ids=["new", "held before"])
def test_an_event_that_misses_what_another_one_rolled_back_is_not_blamed(
    effects: Effects, held: bool
) -> None:
    """An event between them ended the transaction, with the effect that the last one needs."""

    def needs_the_first() -> None:
        if not effects.of("a"):
            raise inbox.Poison("the first event has no effect")

    deeds = {"a": lambda: None, "bad": commit_and_catch_the_error, "b": needs_the_first}
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    effects.fails |= dict.fromkeys(deeds, raising(inbox.RetryLater("wait"))) if held else deeds
    send_steps(consumer, "sound", *range(8))  # the first batch is small
    consumer.poll()
    for number, key in enumerate(deeds, start=8):
        send_steps(consumer, key, 1, fail=key)
        if held:
            send_steps(consumer, "sound", number)  # it succeeds, so it is no outage
            consumer.poll()
    if held:
        consumer.retry()  # the first time each of them is tried alone
        send_steps(consumer, "sound", 11)
        consumer.poll()
    effects.fails |= deeds
    consumer.drain()
    assert effects.of("b") == [1]
    assert undecided().get().event_id == "bad-1"
