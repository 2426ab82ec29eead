"""A consumer of memory with handlers that a test registers, and what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection
from pytest_django import Settings

import inbox
from inbox.conf import settings as inbox_settings
from inbox.handling.registry import Registry
from inbox.models import HeldEvent, Processed
from inbox.models.held_queries import UNDECIDED, HeldEventQuerySet
from inbox.offsets import DatabaseOffsets
from inbox.status.lag import Lag, LagQuestion
from inbox.testing import MemoryConsumer, SkippedTime
from outbox_core.kafka import KafkaSettings
from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON
from tests.granted import grants
from tests.inbox.topics import KafkaTopic, read


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


ERROR = "ValueError: broken\\x00 handler"


@pytest.fixture
def poisoned(consumer: MemoryConsumer, effects: Effects) -> MemoryConsumer:
    """Key a: 1 is well, 2 is poison with ERROR, 3 waits; key b is well."""
    effects.fails["poison"] = raising(ValueError("broken\x00 handler"))
    send_steps(consumer, "a", 1)
    send_steps(consumer, "a", 2, fail="poison")
    send_steps(consumer, "b", 1, 2)
    send_steps(consumer, "a", 3)
    consumer.drain()
    return consumer


def held() -> list[tuple[str, str]]:
    return [(row.event_id, row.error) for row in HeldEvent.objects.waiting()]


def raising(error: BaseException) -> Callable[..., object]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def commit_and_catch_the_error() -> None:
    """What a handler does that ends the transaction and hides it."""
    with suppress(psycopg.Error):
        connection.connection.commit()


def executing(sql: Any) -> Callable[[], object]:
    """What a handler does that runs this statement."""

    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    return run


def asking_with(client: str, servers: str) -> LagQuestion:
    """Asks this Kafka for the lag, through this client."""
    options = {"bootstrap_servers": [servers]}
    return LagQuestion(replace(inbox_settings(), kafka=KafkaSettings(backend=client, options=options)))


BOTH_CLIENTS = pytest.mark.parametrize("client", [KAFKA_PYTHON, CONFLUENT])


@pytest.fixture
def client() -> str:
    """The client that reads; a test that is about every client is parametrized with it."""
    return KAFKA_PYTHON


@pytest.fixture
def kafka_topic(kafka_bootstrap: str, topic: Callable[..., str], client: str) -> Iterator[KafkaTopic]:
    log = KafkaTopic(kafka_bootstrap, topic(), client)
    yield log
    log.close()


@pytest.fixture
def half_read(kafka_topic: KafkaTopic, kafka_bootstrap: str, settings: Settings, client: str) -> KafkaTopic:
    """Six records, of which the consumer ``c`` has handled three."""
    kafka_topic.write(*(b"%d" % number for number in range(3)))
    settings.INBOX = {
        "KAFKA": {"BACKEND": client, "OPTIONS": {"bootstrap_servers": kafka_bootstrap}},
        "CONSUMERS": {
            "c": {"TOPICS": [kafka_topic.topic], "GROUP": kafka_topic.group, "HANDLERS": ["tests.inbox.none"]}
        },
    }
    kafka_topic.offsets = DatabaseOffsets("c")  # type: ignore[assignment]
    source = kafka_topic.open()
    read(source, 3)
    DatabaseOffsets.catch_up(kafka_topic.offsets, {(kafka_topic.topic, 0): 3})  # type: ignore[arg-type]
    source.commit({(kafka_topic.topic, 0): 3})
    source.close()
    kafka_topic.write(*(b"%d" % number for number in range(3, 6)))
    return kafka_topic


def logged(caplog: pytest.LogCaptureFixture, action: str) -> list[Any]:
    """The log records of the inbox with this action."""
    return [record for record in caplog.records if getattr(record, "action", "") == f"inbox.{action}"]


def without_lag() -> LagQuestion:
    """Asks no Kafka: the lag of every consumer is unknown, without a reason."""
    asking = LagQuestion(inbox_settings())
    asking.lag = lambda *_: Lag()  # type: ignore[method-assign]
    return asking


def execute(*statements: str) -> None:
    """Run these on Django's connection."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def role(transactional_db: None) -> Iterator[str]:
    """The role ``consumer`` of docs/how-to/roles.md. Django's connection has it until the test ends."""
    name = f"consumer_{uuid4().hex[:12]}"
    execute(f"CREATE ROLE {name}", *grants("consumer", name), f"SET ROLE {name}")
    yield name
    execute("RESET ROLE", f"DROP OWNED BY {name}", f"DROP ROLE {name}")
