"""The status says that members of a group use another database, and takes no process of its own for one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial

import pytest
from django.db.models.functions import Now
from kafka import KafkaConsumer

from inbox.conf import ConsumerSettings
from inbox.models import Instance
from inbox.status import strangers as looking
from inbox.status.lag import LagQuestion
from inbox.status.strangers import strangers
from tests.inbox.conftest import BOTH_CLIENTS, asking_with
from tests.inbox.operators import alive
from tests.inbox.test_members import polled
from tests.inbox.topics import KafkaTopic, read
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks again without a pause."""
    monkeypatch.setattr(looking, "SETTLED_AFTER", 0)


def found(*members: str, meanwhile: Callable[[], object] = lambda: None) -> int:
    """How many of these members are strangers. Something happens while Kafka is asked."""

    def ask() -> frozenset[str]:
        meanwhile()
        return frozenset(members)

    return strangers("crm", "default", ask)


def test_who_writes_no_heartbeat_here_is_a_stranger(at_once: None) -> None:
    alive(member="ours")
    assert (found(), found("ours"), found("ours", "theirs"), found("ours", "a", "b")) == (0, 0, 1, 2)


def test_a_process_that_is_silent_for_a_minute_is_not_known_any_more(at_once: None) -> None:
    """As in a copy of a database, which has the processes of the original."""
    alive(member="theirs", heartbeat_at=Now() - timedelta(minutes=5))
    assert found("theirs") == 1


def test_a_process_that_has_a_new_id_and_has_not_written_it_is_no_stranger(at_once: None) -> None:
    alive(member="before")
    assert (found("now"), found("now", "theirs")) == (0, 1)


def test_a_process_that_is_not_a_member_yet_is_no_stranger(at_once: None) -> None:
    alive()
    assert found("joining") == 0


def test_a_process_that_begins_or_ends_while_kafka_is_asked_is_no_stranger(at_once: None) -> None:
    looks: Iterator[Callable[[], object]] = iter([Instance.objects.all, partial(alive, member="new")])
    assert found("new", meanwhile=lambda: next(looks)()) == 0
    assert found("new", meanwhile=Instance.objects.all().delete) == 0


def test_a_process_of_another_consumer_is_no_stranger_and_accounts_for_none(at_once: None) -> None:
    """Consumers may share a group, and need not."""
    alive("analytics", member="ours, too")
    alive(member="ours")
    assert (found("ours", "ours, too"), found("ours", "ours, too", "theirs")) == (0, 1)
    assert found("ours", "theirs") == 1


def test_the_second_look_counts_if_it_finds_fewer(at_once: None) -> None:
    """A process joined just before the first one."""
    alive(member="ours")
    answers = iter([{"ours", "left"}, {"ours"}, {"ours", "theirs"}, {"ours", "theirs", "joined"}])
    assert strangers("crm", "default", lambda: frozenset(next(answers))) == 0
    assert strangers("crm", "default", lambda: frozenset(next(answers))) == 1


@pytest.fixture
def asking(kafka_bootstrap: str, client: str) -> LagQuestion:
    return asking_with(client, kafka_bootstrap)


def reading(log: KafkaTopic) -> ConsumerSettings:
    return ConsumerSettings(name="crm", topics=(log.topic,), group=log.group)


@BOTH_CLIENTS
def test_a_program_that_joins_the_group_is_a_stranger(
    asking: LagQuestion, kafka_topic: KafkaTopic, kafka_bootstrap: str
) -> None:
    kafka_topic.write(b"a")
    assert asking.lag(reading(kafka_topic), "default").strangers == 0
    options = {"bootstrap_servers": kafka_bootstrap, "metadata_max_age_ms": 500}
    with closing(KafkaConsumer(kafka_topic.topic, group_id=kafka_topic.group, **options)) as program:
        wait_until(lambda: program.poll(100) or program.assignment(), 20, "it has joined")
        lag = asking.lag(reading(kafka_topic), "default")
        assert (lag.records, lag.strangers, lag.reason) == (1, 1, "")
    assert asking.lag(reading(kafka_topic), "default").strangers == 0


@BOTH_CLIENTS
def test_a_process_of_this_database_is_none_and_one_of_another_is(
    asking: LagQuestion, kafka_topic: KafkaTopic
) -> None:
    kafka_topic.write(b"a")
    ours = kafka_topic.open()
    read(ours, 1)
    process = alive(member=ours.member(), heartbeat_at=Now() + timedelta(hours=1))
    assert asking.lag(reading(kafka_topic), "default").strangers == 0
    theirs = kafka_topic.open()
    with polled(ours, every=0.1), polled(theirs, every=0.1):
        wait_until(lambda: asking.lag(reading(kafka_topic), "default").strangers, 60, "it is a stranger")
        assert asking.lag(reading(kafka_topic), "default").strangers == 1
        process.delete()
        assert asking.lag(reading(kafka_topic), "default").strangers == 2


def test_an_answer_that_does_not_come_takes_no_lag_away(
    asking: LagQuestion, kafka_topic: KafkaTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    kafka_topic.write(b"a")
    released = threading.Event()
    monkeypatch.setattr("inbox.status.lag.members", lambda *_: released.wait(60))
    monkeypatch.setattr("inbox.status.lag.MEMBERS_SECONDS", 0.5)
    lag = asking.lag(reading(kafka_topic), "default")
    released.set()
    assert (lag.records, lag.strangers, lag.reason) == (1, 0, "")
