"""Topics that are missing, forbidden, made meanwhile, or of a limit that this client may not know."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from io import StringIO
from itertools import count

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from inbox.kafka import KafkaSource
from inbox.kafka.kafka_python import KafkaPython
from inbox.memory import MemoryOffsets
from outbox_core.wire.encode import Record
from relay.errors import PublisherUnavailable
from relay.publishers.base import BATCH_HEADER, Failure, Publisher, Trouble, size_alone
from tests.publishers.broker import PASSWORD, Broker
from tests.publishers.clients import deliver, isolate, records
from tests.publishers.contract import by_key, troubles
from tests.waiting import wait_until

pytestmark = pytest.mark.real_kafka
Connect = Callable[..., Publisher]


def test_a_topic_is_made_by_a_broker_that_makes_topics(broker: Broker, connect: Connect) -> None:
    topic = f"{broker.topic()}.made"
    assert deliver(connect(broker.address, creates=True), records(topic, ["key"], 3)) == []
    assert by_key(broker.read(topic)) == {b"key": [b"0", b"1", b"2"]}


def test_no_topic_is_made_when_the_client_is_told_not_to(broker: Broker, connect: Connect) -> None:
    """Nor is one made again that was deleted while it was in use."""
    topic, publisher = broker.topic(), connect(broker.address, creates=False, delivery_seconds=3.0)
    assert deliver(publisher, records(topic, ["key"], 1)) == []
    broker.delete(topic)
    failures = deliver(publisher, records(topic, ["key"], 1))
    assert failures[-1].trouble is Trouble.TOPIC_MISSING
    assert not broker.exists(topic)


def test_a_topic_that_is_deleted_in_mid_flow_keeps_no_other_waiting(broker: Broker, connect: Connect) -> None:
    """The client alone would wait for it for as long as a wave may take."""
    deleted, other = broker.topic(), broker.topic()
    publisher = connect(broker.address, creates=False, delivery_seconds=60.0)
    wanted = [*records(deleted, ["key"], 2), *records(other, ["key"], 2)]
    assert deliver(publisher, wanted) == []
    broker.delete(deleted)
    wait_until(lambda: not broker.exists(deleted), 60, "the topic is gone")
    publisher.prepare([deleted, other])
    began = time.monotonic()
    assert troubles(publisher.publish(wanted)) == [*[Trouble.TOPIC_MISSING] * 2, None, None]
    assert time.monotonic() - began < 40
    assert deliver(publisher, records(other, ["key"], 2, first=2)) == []


def test_a_topic_that_is_deleted_between_two_waves_keeps_no_other_waiting(
    broker: Broker, connect: Connect
) -> None:
    """What was learnt of it a moment ago is not true any more."""
    deleted, other = broker.topic(), broker.topic()
    publisher = connect(broker.address, creates=False)
    assert deliver(publisher, records(deleted, ["key"], 1)) == []
    broker.delete(deleted)
    wait_until(lambda: not broker.exists(deleted), 60, "the topic is gone")
    publisher.prepare([other])  # a client then asks for all topics that it knows
    wanted = [*records(deleted, ["key"], 1), *records(other, ["key"], 1)]

    def told() -> list[Trouble | None]:
        try:
            publisher.prepare([deleted, other])
        except PublisherUnavailable:
            return []
        return troubles(publisher.publish(wanted))

    wait_until(lambda: told() == [Trouble.TOPIC_MISSING, None], 25, "the other topic is written")


def test_a_consumer_makes_no_topic(broker: Broker) -> None:
    """What was deleted would come back with as many partitions as the broker gives by default."""
    topic = broker.topic()
    options = {"metadata_max_age_ms": 200}
    source = KafkaSource(
        "test",
        KafkaPython([broker.address], "test", options),
        topics=[topic],
        offsets=MemoryOffsets(),
    )
    with closing(source):
        wait_until(lambda: source.poll(0.1) == [] and len(source.partitions()) == 1, 60, "it reads the topic")
        broker.delete(topic)
        wait_until(lambda: source.poll(0.1) == [] and topic in source.waits_for(), 60, "it misses the topic")
        source.poll(1.0)
        assert not broker.exists(topic)


def test_a_topic_that_is_made_after_all_is_found(broker: Broker, connect: Connect) -> None:
    topic, publisher = f"{broker.topic()}.later", connect(broker.address)
    [failure] = deliver(publisher, records(topic, ["key"], 1))
    assert failure.trouble is Trouble.TOPIC_MISSING
    broker.create(topic, 1)
    wait_until(lambda: not deliver(publisher, records(topic, ["key"], 1)), 60, "the topic is found")


@pytest.mark.parametrize("name", ["..", "no/topic", "t" * 250])
def test_a_name_that_no_topic_can_have_is_told_as_missing(
    broker: Broker, connect: Connect, name: str
) -> None:
    [failure] = deliver(connect(broker.address, creates=True), records(name, ["key"], 1))
    assert failure.trouble is Trouble.TOPIC_MISSING
    assert "cannot be the name of a topic" in failure.detail


@pytest.mark.parametrize("name", ["__consumer_offsets", "__transaction_state"])
def test_a_topic_of_kafka_itself_is_forbidden(broker: Broker, connect: Connect, name: str) -> None:
    """The broker refuses records for it, whoever sends them: that is no outage."""
    other, publisher = broker.topic(), connect(broker.address, creates=True)
    wanted = [*records(name, ["key"], 1), *records(other, ["key"], 1)]

    def told() -> list[Trouble | None]:
        publisher.prepare([name, other])
        return troubles(publisher.publish(wanted))

    wait_until(lambda: told() == [Trouble.TOPIC_FORBIDDEN, None], 60, "the topic is there, and refused")


def test_a_topic_recreated_with_fewer_partitions_is_written_again(broker: Broker, connect: Connect) -> None:
    topic, publisher, keys = broker.topic(6), connect(broker.address, delivery_seconds=3.0), list("abcdefgh")
    assert deliver(publisher, records(topic, keys, 1)) == []
    broker.delete(topic)
    wait_until(lambda: not broker.exists(topic), 60, "the topic is gone")
    broker.create(topic, 2)
    deliver(publisher, records(topic, keys, 3))
    assert by_key(broker.read(topic)) == {key.encode(): [b"0", b"1", b"2"] for key in keys}


def test_a_topic_that_grows_is_written_on(broker: Broker, connect: Connect) -> None:
    topic, publisher, keys = broker.topic(1), connect(broker.address), list("abcdefgh")
    assert deliver(publisher, records(topic, keys, 2)) == []
    broker.grow(topic, 4)
    assert deliver(publisher, records(topic, keys, 2, first=2)) == []
    fresh = connect(broker.address)
    assert deliver(fresh, records(topic, keys, 1, first=4)) == []
    assert {received.partition for received in broker.read(topic)} > {0}


def test_a_forbidden_topic_is_told_before_anything_is_sent(broker: Broker, connect: Connect) -> None:
    """One of which the user may know, and one of which it may not."""
    allowed, readable, hidden = broker.topic(), broker.topic(), broker.topic()
    broker.allow(allowed, "WRITE", "DESCRIBE")
    broker.allow(readable, "READ", "DESCRIBE")
    publisher = connect(broker.secured, password=PASSWORD)
    wait_until(lambda: not deliver(publisher, records(allowed, ["key"], 1)), 60, "the ACLs are in force")
    for forbidden in (readable, hidden):
        publisher.prepare([allowed, forbidden])
        outcomes = publisher.publish([*records(allowed, ["key"], 2), *records(forbidden, ["key"], 2)])
        assert troubles(outcomes) == [None, None, *[Trouble.TOPIC_FORBIDDEN] * 2]
        assert all(forbidden in outcome.detail for outcome in outcomes if outcome)


def test_a_topic_that_is_forbidden_in_mid_wave_is_told_from_the_others(
    broker: Broker, connect: Connect
) -> None:
    allowed, withdrawn = broker.topic(), broker.topic()
    broker.allow(allowed, "WRITE", "DESCRIBE")
    broker.allow(withdrawn, "WRITE", "DESCRIBE")
    publisher = connect(broker.secured, password=PASSWORD)
    wanted = [*records(withdrawn, ["key"], 2), *records(allowed, ["key"], 2)]
    wait_until(lambda: not deliver(publisher, wanted), 60, "the ACLs are in force")
    broker.forbid(withdrawn, "WRITE")

    def refused() -> bool:
        publisher.prepare([allowed, withdrawn])
        found = troubles(publisher.publish(wanted))
        assert found[0] in (None, Trouble.TOPIC_FORBIDDEN)
        assert Trouble.TOPIC_FORBIDDEN not in found[2:]
        return found[0] is not None

    wait_until(refused, 60, "the ACL is withdrawn")
    assert deliver(publisher, records(allowed, ["key"], 2)) == []


def test_a_topic_that_refuses_every_record_keeps_no_other_waiting(broker: Broker, connect: Connect) -> None:
    """Its limit is narrower than the way to the broker is long, as with a clock that is wrong. Of a batch of
    several records a client only says that one is invalid: the relay then sends one alone.
    """
    strict, other = broker.topic(1, **{"message.timestamp.before.max.ms": "0"}), broker.topic()
    publisher = connect(broker.slow)
    wanted = [*records(strict, ["key"], 1), *records(other, ["key"], 2)]
    publisher.prepare([strict, other])
    broker.proxy.delay = 0.2
    try:
        outcomes = publisher.publish(wanted)
    finally:
        broker.proxy.heal()
    assert troubles(outcomes) == [Trouble.TOPIC_FORBIDDEN, None, None]
    assert outcomes[0] is not None
    assert "Set the clock of the relay's host" in outcomes[0].detail


def test_wrong_credentials_are_told_as_an_outage(broker: Broker, connect: Connect) -> None:
    publisher = connect(broker.secured, password="wrong")
    with pytest.raises(PublisherUnavailable, match=r"(?i)authentication|credentials"):
        publisher.prepare(["any"])


def test_the_broker_judges_where_the_limit_is_not_known(broker: Broker, connect: Connect) -> None:
    """Nothing that follows an impossible record in its partition is published before it is dealt with."""
    topic = broker.topic(1, **{"max.message.bytes": "20000"})
    broker.allow(topic, "WRITE", "DESCRIBE")
    publisher = connect(broker.secured, password=PASSWORD)
    wait_until(lambda: not deliver(publisher, records(topic, ["key"], 1)), 60, "the ACLs are in force")
    good, bad = (
        records(topic, ["key"], 40, first=1, padding=1_000),
        records(topic, ["key"], 1, padding=30_000),
    )
    wanted = [*good[:20], *bad, *good[20:]]
    published = isolate(publisher, wanted)
    assert published == good[:20]
    assert by_key(broker.read(topic)) == {b"key": [b"%d" % n for n in range(21)]}
    [failure] = deliver(publisher, bad)
    assert failure.trouble is Trouble.RECORD
    assert isolate(publisher, good[20:]) == good[20:]
    assert by_key(broker.read(topic)) == {b"key": [b"%d" % n for n in range(41)]}


@pytest.mark.parametrize("headers", [0, 12])
def test_a_record_of_exactly_the_limit_is_published(broker: Broker, connect: Connect, headers: int) -> None:
    topic, limit = broker.topic(1, **{"max.message.bytes": "20000"}), 20_000 - BATCH_HEADER
    publisher = connect(broker.address)
    record = Record(topic, b"key", b"", [(f"ce_{n}", b"zw\xc3\xb6lf") for n in range(headers)])
    fits = next(n for n in count(19_000) if size_alone(record._replace(value=b"x" * (n + 1))) > limit)
    assert deliver(publisher, [record._replace(value=b"x" * fits), *records(topic, ["key"], 1)]) == []
    [failure] = deliver(publisher, [record._replace(value=b"x" * (fits + 1))])
    assert failure == Failure(
        Trouble.RECORD, f"The record has 20,001 bytes; topic {topic!r} takes 20,000 (max.message.bytes)."
    )


def test_a_limit_that_was_raised_is_known_before_a_record_is_refused(
    broker: Broker, connect: Connect
) -> None:
    topic = broker.topic(1, **{"max.message.bytes": "2000"})
    publisher = connect(broker.address)
    large = Record(topic, b"key", b"x" * 5_000, [])
    [failure] = deliver(publisher, [large])
    assert failure.trouble is Trouble.RECORD
    broker.configure(topic, **{"max.message.bytes": "100000"})
    assert deliver(publisher, [large]) == []


def test_the_topics_of_registered_events_are_made_in_one_go_and_only_once(
    broker: Broker, settings: Settings
) -> None:
    prefix = f"{broker.topic()}."
    settings.OUTBOX = {"SOURCE": "/test", "TOPIC_PREFIX": prefix}
    settings.KAFKA = {"OPTIONS": {"bootstrap.servers": broker.address}, "BACKEND": "confluent"}
    command = ["outbox_topics", "--partitions", "2", "--replication-factor", "1"]

    first, again = run(*command), run(*command)

    assert f"{prefix}shop.orders: created" in first
    assert set(first.split()[1::2]) == {"created"}
    assert set(again.split()[1::2]) == {"exists"}
    assert broker.exists(f"{prefix}shop.orders")


def test_topics_that_the_broker_refuses_end_the_command_with_the_name_and_the_reason(
    broker: Broker, settings: Settings
) -> None:
    settings.OUTBOX = {"SOURCE": "/test", "TOPIC_PREFIX": f"{broker.topic()}."}
    settings.KAFKA = {"OPTIONS": {"bootstrap_servers": broker.address}}
    with pytest.raises(CommandError, match=r"shop\.customers") as refused:
        run("outbox_topics", "--replication-factor", "3")
    assert refused.value.returncode == 1


def test_without_kafka_topics_are_not_made_and_the_address_is_named(settings: Settings) -> None:
    settings.KAFKA = {"OPTIONS": {"bootstrap_servers": "127.0.0.1:1"}}
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:1"):
        run("outbox_topics", "--timeout", "1")


def test_without_events_kafka_is_not_asked_and_the_command_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KAFKA = {"OPTIONS": {"bootstrap_servers": "127.0.0.1:1"}}
    monkeypatch.setattr("relay.management.commands.outbox_topics.topics", dict)
    assert "events.py" in run("outbox_topics", "--timeout", "1")


def run(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()
