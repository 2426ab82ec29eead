"""What the status says of the consumer groups of our topics, and that one relay at a time asks."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now
from django.test import Client
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition

from outbox import status
from outbox.models import ConsumerGroups
from outbox_core.errors import KafkaUnreachable
from outbox_core.wire.consumed import ConsumerRecord
from relay.background import BackgroundJobs
from relay.consumer_groups.lags import ConsumerGroup, GroupLags
from relay.consumer_groups.watch import GroupsWatch
from relay.publishers.confluent import ConfluentPublisher
from relay.publishers.kafka_python import KafkaPythonPublisher
from tests.conftest import Topics

NOW = 1_800_000_000.0


class Reader:
    """Two partitions, from 10 to 100; each record is as many seconds old as it is from the end."""

    def __init__(self, *groups: ConsumerGroup) -> None:
        self.trouble = ""
        self.read: list[Mapping[int, tuple[int, int]]] = []
        self._groups = groups

    def groups(self, topics: Collection[str]) -> Sequence[ConsumerGroup]:
        if self.trouble:
            raise KafkaUnreachable(self.trouble)
        return self._groups

    def bounds(self, topic: str) -> Mapping[int, tuple[int, int]]:
        return {0: (10, 100), 1: (10, 100)}

    def records(self, topic: str, spans: Mapping[int, tuple[int, int]]) -> Iterator[list[ConsumerRecord]]:
        self.read.append(spans)
        for number, (first, _) in spans.items():
            written = int((NOW - (100 - first)) * 1000)
            yield [
                ConsumerRecord(
                    topic=topic, partition=number, offset=first, key=None, value=b"", timestamp=written
                )
            ]

    def close(self) -> None:
        pass


def group(name: str, *offsets: int, members: int = 1) -> ConsumerGroup:
    placed = {("t", number): offset for number, offset in enumerate(offsets)}
    return ConsumerGroup(name=name, state="Stable", members=members, offsets=placed)


def test_lag_is_counted_in_records_and_in_seconds() -> None:
    reader = Reader(
        group("level", 100, 100), group("behind", 90, 70), group("deleted", 0), group("gone", 100)
    )
    rows = GroupLags(reader, now=lambda: NOW).rows(["t"])
    assert [(row["group"], row["lag"], row["seconds"]) for row in rows] == [
        ("deleted", 90, 90.0),
        ("behind", 40, 30.0),
        ("gone", 0, 0.0),
        ("level", 0, 0.0),
    ]


def test_an_age_that_takes_too_long_is_not_known() -> None:
    ticks = iter([0.0, *[60.0] * 9])
    (row,) = GroupLags(Reader(group("behind", 90)), clock=lambda: next(ticks)).rows(["t"])
    assert (row["lag"], row["seconds"]) == (10, None)


@pytest.fixture(params=["kafka-python", "confluent"])
def publisher(request: pytest.FixtureRequest, kafka_bootstrap: str) -> Any:
    if request.param == "confluent":
        return ConfluentPublisher({"bootstrap.servers": kafka_bootstrap})
    return KafkaPythonPublisher({"bootstrap_servers": kafka_bootstrap})


def test_each_client_finds_the_groups_of_our_topics(
    publisher: Any, topic: Topics, kafka_bootstrap: str
) -> None:
    ours, other = topic(), topic()
    with closing(KafkaProducer(bootstrap_servers=kafka_bootstrap)) as producer:
        for _ in range(3):
            producer.send(ours, b"v").get(30)
    for name in (ours, other):
        member = KafkaConsumer(bootstrap_servers=kafka_bootstrap, group_id=f"group-of-{name}")
        with closing(member):
            member.assign([TopicPartition(name, 0)])
            member.commit({TopicPartition(name, 0): OffsetAndMetadata(1, "", -1)})
    with closing(publisher.inspector(10.0)) as inspector:
        (row,) = GroupLags(inspector).rows([ours])
    assert (row["group"], row["topic"], row["members"], row["lag"]) == (f"group-of-{ours}", ours, 0, 2)
    assert 0 <= row["seconds"] < 60


@pytest.mark.django_db(transaction=True)
def test_one_relay_asks_at_a_time_and_the_page_says_how_old_the_figures_are(admin_client: Client) -> None:
    reader = Reader(group("crm", 90), group("mails", 100, members=0))
    relays = [GroupsWatch("default", name, lambda _: reader, 30.0, lambda: ["t"]) for name in ("a:1", "b:2")]
    assert [relay.turn() for relay in relays] == [True, False]
    heard = status.read().consumer_groups
    assert heard is not None
    assert [(each.group, each.members, each.lag) for each in heard.groups] == [
        ("crm", 1, 10),
        ("mails", 0, 0),
    ]
    reader.trouble = "no broker answers"
    ConsumerGroups.objects.update(asked_at=Now() - timedelta(minutes=2), read_at=Now() - timedelta(minutes=2))
    assert [relay.turn() for relay in relays] == [True, False]
    again = status.read().consumer_groups
    assert again is not None
    assert (again.groups, again.trouble) == (heard.groups, "no broker answers"), "the last figures stay"
    assert again.age == pytest.approx(120, abs=20)
    page = admin_client.get("/admin/outbox/outboxstatus/").content.decode()
    assert ("nobody reads" in page, "no broker answers" in page) == (True, True)


@pytest.mark.django_db(transaction=True)
def test_what_is_done_beside_sending_outlasts_an_outage_of_the_database() -> None:
    asked = threading.Event()

    def job() -> None:
        if failures:
            raise failures.pop()
        asked.set()

    failures: list[Exception] = [InterfaceError("gone"), OperationalError("refused")]
    jobs = BackgroundJobs("default", [job], every=0.01)
    jobs.start()
    assert asked.wait(20)
    jobs.stop()
