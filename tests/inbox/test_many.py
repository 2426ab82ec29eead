"""A batch handler gets the events of a transaction in one call, and the promises hold as for single ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from django.db import DatabaseError, connection

import inbox
from inbox.errors import HandlerError
from inbox.handling.registry import Registry
from inbox.models import HeldEvent, Processed
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import Effects, Step, executing, raising, send_steps, undecided


class Lists:
    """A batch handler whose effects are rows, as those of ``Effects``; ``calls`` are the numbers it got."""

    def __init__(self, effects: Effects) -> None:
        self.calls: list[list[int]] = []
        self.fails: dict[str, Callable[[], object]] = {}
        effects.registry.handler("test.many", batch=True)(self.many)

    def many(self, steps: list[Step], events: list[inbox.Event]) -> None:
        self.calls.append([step.number for step in steps])
        for fail in [step.fail for step in steps if step.fail in self.fails]:
            self.fails[fail]()
        rows = [(event.key or "", step.number) for step, event in zip(steps, events, strict=True)]
        Processed.objects.bulk_create(
            Processed(consumer="effect", source=key, event_id=f"{number:06}") for key, number in rows
        )


@pytest.fixture
def lists(effects: Effects) -> Lists:
    return Lists(effects)


@pytest.fixture
def consumer(lists: Lists, consume: Callable[..., MemoryConsumer]) -> MemoryConsumer:
    return consume()


def send(consumer: MemoryConsumer, key: str | None, *numbers: int, fail: str = "") -> None:
    for number in numbers:
        data = {"number": number, "fail": fail}
        consumer.send("test.many", data, key=key, event_id=f"{key}-{number}")


def test_it_gets_the_events_of_a_transaction_in_one_call(
    consumer: MemoryConsumer, lists: Lists, effects: Effects
) -> None:
    send(consumer, "a", 1, 2)
    send(consumer, "b", 3)
    send(consumer, "a", 4)
    consumer.poll()
    assert lists.calls == [[1, 2, 3, 4]]
    assert (effects.of("a"), effects.of("b")) == ([1, 2, 4], [3])


def test_an_event_of_another_handler_waits_for_the_earlier_ones_of_its_key_only(
    consumer: MemoryConsumer, lists: Lists, effects: Effects
) -> None:
    effects.fails["look"] = lambda: effects.calls.append(("effect of a", len(effects.of("a"))))
    send(consumer, "a", 1, 2)
    send(consumer, None, 9)
    send_steps(consumer, "b", 1, fail="look")
    send_steps(consumer, "a", 3, fail="look")
    send(consumer, "a", 4)
    consumer.poll()
    assert lists.calls == [[1, 2, 9], [4]]
    assert effects.calls == [("b", 1), ("effect of a", 0), ("a", 3), ("effect of a", 2)]
    assert effects.of("a") == [1, 2, 3, 4]


def swallow() -> None:
    with suppress(DatabaseError):
        executing("SELECT 1 / 0")()


@pytest.mark.parametrize(
    "fail",
    [
        raising(ValueError("wrong")),
        raising(inbox.Poison("wrong")),
        executing("ROLLBACK"),
        swallow,
        lambda: connection.close(),
    ],
    ids=["error", "poison", "rollback", "swallowed", "close"],
)
@pytest.mark.django_db(transaction=True)
def test_only_the_event_at_fault_is_held(effects: Effects, fail: Callable[[], object]) -> None:
    lists = Lists(effects)
    consumer = MemoryConsumer("test", handlers=effects.registry, raises=False)
    lists.fails["bad"] = fail
    send(consumer, "a", 1, 2)
    send(consumer, "bad", 3, fail="bad")
    send(consumer, "bad", 4)
    send(consumer, "b", 5)
    consumer.drain()
    assert (effects.of("a"), effects.of("bad"), effects.of("b")) == ([1, 2], [], [5])
    assert undecided().get().event_id == "bad-3"
    lists.fails.clear()
    HeldEvent.objects.all().release()
    consumer.drain()
    assert effects.of("bad") == [3, 4]


def test_of_a_transaction_that_fails_before_it_nothing_is_left(
    consumer: MemoryConsumer, lists: Lists, effects: Effects
) -> None:
    """The single handler fails after the events for the batch handler were gathered."""
    effects.fails["bad"] = raising(inbox.Poison("bad"))
    send(consumer, "a", 1)
    send_steps(consumer, "b", 2, fail="bad")
    send(consumer, "a", 3)
    consumer.drain()
    assert (effects.of("a"), effects.of("b")) == ([1, 3], [])
    assert undecided().get().event_id == "b-2"


def test_no_event_is_the_cause_of_what_it_emits(
    consume: Callable[..., MemoryConsumer], effects: Effects
) -> None:
    current: list[inbox.Event | None] = []

    @effects.registry.handler("test.seen", batch=True)
    def seen(events: Sequence[inbox.Event]) -> None:
        current.append(inbox.current_event())

    consumer = consume()
    consumer.send("test.seen", key="a")
    consumer.drain()
    assert current == [None]


def test_its_parameters_are_lists() -> None:
    registry = Registry()
    with pytest.raises(
        HandlerError, match=r"batch=True: annotate 'step' as a list, such as list\[OrderPlaced\]"
    ):

        @registry.handler("test.many", batch=True)
        def one(step: Step) -> None: ...

    with pytest.raises(HandlerError, match="second parameter 'steps'"):

        @registry.handler("test.many", batch=True)
        def swapped(events: list[inbox.Event], steps: list[Step]) -> None: ...
