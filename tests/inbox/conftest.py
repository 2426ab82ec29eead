"""A consumer of memory with handlers that a test registers, and what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import inbox
from inbox.handling.registry import Registry
from inbox.models import HeldEvent, Processed
from inbox.models.held_queries import UNDECIDED, HeldEventQuerySet
from inbox.status.lag import Asking, Lag
from inbox.testing import MemoryConsumer, SkippedTime
from tests.inbox.topics import KafkaTopic


@dataclass(frozen=True, slots=True)
class Step:
    """The payload of test events: the number in its key, and what the handler is to do."""

    number: int
    fail: str = ""


class Effects:
    """Handlers whose effect is a row in the database, so that a rollback takes it back.

    ``fails`` maps what an event asks for to what the handler does instead of succeeding.
    """

    def __init__(self) -> None:
        self.registry = Registry()
        self.calls: list[tuple[str | None, int]] = []
        self.fails: dict[str, Callable[[], object]] = {}
        self.registry.handler("test.step")(self.step)

    def step(self, step: Step, event: inbox.Event) -> None:
        self.calls.append((event.key, step.number))
        if step.fail in self.fails:
            self.fails[step.fail]()
        Processed.objects.create(consumer="effect", source=event.key or "", event_id=f"{step.number:06}")

    def of(self, key: str) -> list[int]:
        """The numbers that took effect of a key; an effect that came twice would have failed."""
        rows = Processed.objects.filter(consumer="effect", source=key).order_by("event_id")
        return [int(number) for number in rows.values_list("event_id", flat=True)]

    def order(self, key: str) -> list[int]:
        """The numbers that the handler was called for, in that order."""
        return [number for called_key, number in self.calls if called_key == key]


@pytest.fixture
def effects() -> Effects:
    return Effects()


@pytest.fixture
def consume(db: None, effects: Effects) -> Callable[..., MemoryConsumer]:
    """Makes consumers of ``effects``, which hold what fails as in production; keyword arguments
    are theirs.
    """

    def make(time: SkippedTime | None = None, *, raises: bool = False, **options: Any) -> MemoryConsumer:
        return MemoryConsumer("test", handlers=effects.registry, time=time, raises=raises, **options)

    return make


@pytest.fixture
def consumer(consume: Callable[..., MemoryConsumer]) -> MemoryConsumer:
    return consume()


def send_steps(consumer: MemoryConsumer, key: str, *numbers: int, fail: str = "") -> None:
    """Send test events of a key, one for each number."""
    for number in numbers:
        data = {"number": number, "fail": fail}
        consumer.send("test.step", data, key=key, event_id=f"{key}-{number}")


def undecided() -> HeldEventQuerySet:
    """The events that stay held until a person decides."""
    return HeldEvent.objects.waiting().filter(UNDECIDED)


def raising(error: BaseException) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.fixture
def kafka_topic(kafka_bootstrap: str, topic: Callable[..., str]) -> Iterator[KafkaTopic]:
    log = KafkaTopic(kafka_bootstrap, topic())
    yield log
    log.close()


def logged(caplog: pytest.LogCaptureFixture, action: str) -> list[Any]:
    """The log records of the inbox with this action."""
    return [record for record in caplog.records if getattr(record, "action", "") == f"inbox.{action}"]


def without_lag() -> Asking:
    """Asks no Kafka: the lag of every consumer is unknown, without a reason."""
    asking = Asking([], {})
    asking.lag = lambda *_: Lag()  # type: ignore[method-assign]
    return asking
