"""Where a consumer goes on is what its database says: it goes back in time with the effects."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection
from kafka import KafkaAdminClient, KafkaConsumer, OffsetAndMetadata, TopicPartition

from inbox.models import HeldEvent, Offset, Processed
from inbox.models.unit import UnitManager
from inbox.offsets import DatabaseOffsets, Stored
from inbox.testing import MemoryConsumer
from tests.inbox.conftest import BOTH_CLIENTS, Effects, send_steps
from tests.inbox.topics import KafkaTopic, read, values

Make = Callable[..., MemoryConsumer]
TOPIC = ("test", 0)


def stored() -> dict[tuple[str, int], int]:
    rows = Offset.objects.filter(consumer="test")
    return {(topic, n): offset for topic, n, offset in rows.values_list("topic", "partition", "offset")}


def go_back(offset: int) -> None:
    """As a restore does: the effects, the notes that they are there and the offsets go together."""
    Processed.objects.filter(consumer="test", event_id__gte=f"a-{offset:03}").delete()
    Processed.objects.filter(consumer="effect", event_id__gte=f"{offset:06}").delete()
    Offset.objects.update(offset=offset)


def send(consumer: MemoryConsumer, first: int, last: int) -> None:
    for number in range(first, last):
        consumer.send("test.step", {"number": number}, key="a", event_id=f"a-{number:03}")


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.action for record in caplog.records if record.name == "inbox"]  # type: ignore[attr-defined]


def test_offsets_are_stored_with_the_effects(consumer: MemoryConsumer, effects: Effects) -> None:
    send(consumer, 0, 30)
    consumer.drain()
    assert stored() == {TOPIC: 30}


def test_an_offset_is_rolled_back_with_its_effects(
    consumer: MemoryConsumer, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> bool:
        raise KeyboardInterrupt

    send(consumer, 0, 3)
    consumer.drain()
    send_steps(consumer, "a", 3)
    monkeypatch.setattr(UnitManager, "end", crash)
    with pytest.raises(KeyboardInterrupt):
        consumer.drain()
    assert stored() == {TOPIC: 3}
    assert effects.of("a") == [0, 1, 2]


def test_offsets_of_what_no_handler_takes_are_stored_too(consumer: MemoryConsumer) -> None:
    for _ in range(5):
        consumer.send("test.unheard", {})
    consumer.drain()
    assert stored() == {TOPIC: 5}


def test_offsets_that_could_not_be_stored_are_stored_later(
    consumer: MemoryConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DatabaseError("gone")

    consumer.drain()
    consumer.send("test.unheard", {})
    with monkeypatch.context() as patch:
        patch.setattr(DatabaseOffsets, "catch_up", refuse)
        consumer.drain()
    assert (stored(), consumer.log.committed) == ({TOPIC: 0}, {}), "Kafka has no more than the database"
    consumer.consumer.tick()
    assert (stored(), consumer.log.committed) == ({TOPIC: 1}, {("test", TOPIC): 1})


def test_a_restored_database_has_what_it_lost_handled_again(consume: Make, effects: Effects) -> None:
    consumer = consume()
    send(consumer, 0, 300)
    consumer.drain()
    assert len(effects.of("a")) == 300
    go_back(100)
    again = consume()
    again.log.records, again.log.committed = consumer.log.records, consumer.log.committed
    again.drain()
    assert effects.of("a") == list(range(300))
    assert effects.calls.count(("a", 99)) == 1
    assert stored() == {TOPIC: 300}


@pytest.mark.parametrize("new", [0, 5], ids=["while idle", "with new events"])
def test_a_database_that_goes_back_under_a_running_consumer_is_noticed(
    consumer: MemoryConsumer, effects: Effects, caplog: pytest.LogCaptureFixture, new: int
) -> None:
    """As where a standby is promoted that was behind: the consumer sees no more than a lost connection."""
    send(consumer, 0, 30)
    consumer.drain()
    go_back(10)
    send(consumer, 30, 30 + new)
    consumer.time.now += 10 * (not new)
    for _ in range(3):
        consumer.drain()
    assert effects.of("a") == list(range(30 + new))
    assert actions(caplog).count("inbox.offsets_went_back") == 1
    assert not HeldEvent.objects.exists()


def test_a_database_that_goes_back_between_two_batches_is_noticed(consume: Make, effects: Effects) -> None:
    consumer = consume(batch_size=5)
    consumer.drain()
    send(consumer, 0, 5)
    processor = consumer.consumer.execution.processor
    processor._note = _after(processor._note, lambda: go_back(0))  # type: ignore[method-assign]
    send(consumer, 5, 10)
    for _ in range(4):
        consumer.drain()
    assert effects.of("a") == list(range(10))


def _after(method: Callable[..., Any], deed: Callable[[], None]) -> Callable[..., Any]:
    pending = [deed]

    def wrapped(*arguments: Any) -> Any:
        result = method(*arguments)
        if pending:
            pending.pop()()
        return result

    return wrapped


def test_a_member_that_is_late_moves_nothing_back(db: None) -> None:
    """It was frozen with records in hand; meanwhile another one has gone on."""
    frozen, successor = DatabaseOffsets("test"), DatabaseOffsets("test")
    for offsets in (frozen, successor):
        offsets.begin(TOPIC, Stored(100))
    successor.catch_up({TOPIC: 250})
    frozen.catch_up({TOPIC: 200})
    assert stored() == {TOPIC: 250}
    assert not frozen.went_back()


def test_a_member_of_a_topic_that_is_gone_moves_nothing_of_the_new_one(db: None) -> None:
    old, new = DatabaseOffsets("test"), DatabaseOffsets("test")
    old.begin(TOPIC, Stored(5, uuid4()))
    new.begin(TOPIC, Stored(0, uuid4()), replace=True)
    assert old.went_back()
    with pytest.raises(Exception, match="lower offset"):
        old.catch_up({TOPIC: 9})
    assert stored() == {TOPIC: 0}


def test_a_batch_stores_its_offsets_with_one_statement(
    consume: Make, effects: Effects, django_assert_num_queries: Any
) -> None:
    consumer = consume()
    consumer.drain()
    send(consumer, 0, 200)
    consumer.drain()  # its batches have grown
    seen: list[str] = []
    with connection.execute_wrapper(_counting(seen)):
        send(consumer, 200, 250)
        consumer.drain()
    assert len([sql for sql in seen if "inbox_offset" in sql]) == 1


def _counting(seen: list[str]) -> Callable[..., Any]:
    def wrapper(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    return wrapper


def test_an_idle_poll_asks_the_database_for_no_offset(consumer: MemoryConsumer) -> None:
    consumer.drain()
    seen: list[str] = []
    with connection.execute_wrapper(_counting(seen)):
        for _ in range(5):
            consumer.consumer.tick()
    assert not [sql for sql in seen if "inbox_offset" in sql]


def commit(servers: str, log: KafkaTopic, offset: int) -> None:
    """As other tools do."""
    client = KafkaConsumer(bootstrap_servers=servers, group_id=log.group, enable_auto_commit=False)
    partition = TopicPartition(log.topic, 0)
    client.assign([partition])
    client.commit({partition: OffsetAndMetadata(offset, "", -1)})
    client.close()


@BOTH_CLIENTS
class TestStart:
    """Six records; the database or the group has an offset, or both have."""

    @pytest.fixture
    def log(self, kafka_topic: KafkaTopic) -> KafkaTopic:
        kafka_topic.write(*(b"%d" % number for number in range(6)))
        return kafka_topic

    @pytest.mark.parametrize(
        ("database", "group", "expected"),
        [(2, 4, 2), (4, 2, 2), (4, None, 4), (None, 4, 4), (None, None, 0), (3, 3, 3)],
        ids=[
            "database lower", "group lower", "group deleted or renamed", "database new", "both new", "same",
        ],
    )  # fmt: skip
    def test_is_at_the_lower_of_both(
        self,
        kafka_bootstrap: str,
        log: KafkaTopic,
        caplog: pytest.LogCaptureFixture,
        database: int | None,
        group: int | None,
        expected: int,
    ) -> None:
        if database is not None:
            log.offsets.stored[log.topic, 0] = Stored(database)
        if group is not None:
            commit(kafka_bootstrap, log, group)
        assert values(read(log.open(), 6 - expected)) == [b"%d" % n for n in range(expected, 6)]
        assert actions(caplog) == ["inbox.group_offset_ignored"] * (database == 2)
        assert "inbox_seek" in caplog.text or database != 2

    def test_is_at_the_beginning_of_a_topic_made_again(
        self, log: KafkaTopic, caplog: pytest.LogCaptureFixture
    ) -> None:
        log.offsets.stored[log.topic, 0] = Stored(4, uuid4(), log.cluster())
        assert len(read(log.open(), 6)) == 6
        assert actions(caplog) == ["inbox.topic_recreated"]

    @pytest.mark.parametrize("group", [None, 4])
    def test_in_another_cluster_is_where_its_group_is(
        self, kafka_bootstrap: str, log: KafkaTopic, caplog: pytest.LogCaptureFixture, group: int | None
    ) -> None:
        """MirrorMaker translates the offsets of groups, and nobody those of the database."""
        log.offsets.stored[log.topic, 0] = Stored(5, None, "another")
        if group is not None:
            commit(kafka_bootstrap, log, group)
        assert read(log.open(), 2)[0].offset == (group or 0)
        assert actions(caplog) == ["inbox.cluster_changed"]

    def test_behind_what_kafka_has_deleted_is_an_error_at_once(
        self, kafka_bootstrap: str, log: KafkaTopic, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Also where nothing is left to be read."""
        log.offsets.stored[log.topic, 0] = Stored(2)
        admin = KafkaAdminClient(bootstrap_servers=kafka_bootstrap)
        admin.delete_records({TopicPartition(log.topic, 0): 6})
        admin.close()
        source = log.open()
        while not log.offsets.gaps:
            source.poll(0.1)
        assert log.offsets.gaps == [((log.topic, 0), 2, 5)]
        assert [record.levelno for record in caplog.records if record.name == "inbox"] == [logging.ERROR]


def test_stored_offset_follows_a_gap(db: None) -> None:
    """Or every later batch would be taken for one of a database that went back."""
    offsets = DatabaseOffsets("test")
    offsets.begin(TOPIC, Stored(2))
    offsets.begin(TOPIC, Stored(6))
    offsets.missed(TOPIC, 2, 5)
    offsets.catch_up({TOPIC: 7})
    assert stored() == {TOPIC: 7}
    assert Offset.objects.with_gaps("test").values_list("missed_first", "missed_last").get() == (2, 5)
