"""What every publisher promises, whatever is behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Protocol
from uuid import uuid4

import pytest

from outbox_core.wire.encode import BinaryEncoder, Record, Row
from relay.errors import PublisherUnavailable
from relay.publishers.base import BATCH_HEADER, Outcome, Publisher, Trouble
from relay.publishers.memory import MemoryPublisher
from tests.publishers.broker import Broker, Received
from tests.publishers.clients import Client, deliver, prepare, records


class Ground(Protocol):
    """A kind of publisher, and the broker that it writes to."""

    def publisher(self, **arguments: Any) -> Publisher:
        """A new publisher."""

    def topic(self, *, max_bytes: int | None = None) -> str:
        """A new topic."""

    def missing_topic(self) -> str:
        """The name of a topic that does not exist."""

    def read(self, topic: str) -> list[Received]:
        """What a topic holds."""

    def unreachable(self) -> Publisher:
        """A publisher whose broker is down."""


class MemoryGround:
    """Publishers that share what they have published."""

    def __init__(self) -> None:
        self._publishers: list[MemoryPublisher] = []
        self._missing: set[str] = set()
        self._limit: dict[str, int] = {}

    def publisher(self, **arguments: Any) -> MemoryPublisher:
        publisher = MemoryPublisher(**self._limit, **arguments)
        publisher.missing = self._missing
        self._publishers.append(publisher)
        return publisher

    def topic(self, *, max_bytes: int | None = None) -> str:
        if max_bytes is not None:
            self._limit["max_record_bytes"] = max_bytes - BATCH_HEADER
        return f"test.{uuid4().hex}"

    def missing_topic(self) -> str:
        name = self.topic()
        self._missing.add(name)
        return name

    def read(self, topic: str) -> list[Received]:
        found = [record for publisher in self._publishers for record in publisher.records]
        return [Received(0, r.key, r.value, r.headers) for r in found if r.topic == topic]

    def unreachable(self) -> MemoryPublisher:
        publisher = self.publisher()
        publisher.available = False
        return publisher


class KafkaGround:
    """A real broker, and the publishers that one client makes for it."""

    def __init__(self, client: Client, broker: Broker, stack: ExitStack) -> None:
        self._client = client
        self._broker = broker
        self._stack = stack

    def publisher(self, **arguments: Any) -> Publisher:
        return self._closed_later(self._client(self._broker.address, **arguments))

    def topic(self, *, max_bytes: int | None = None) -> str:
        configs = {"max.message.bytes": str(max_bytes)} if max_bytes else {}
        return self._broker.topic(partitions=3, **configs)

    def missing_topic(self) -> str:
        return f"test.missing.{uuid4().hex}"

    def read(self, topic: str) -> list[Received]:
        return self._broker.read(topic)

    def unreachable(self) -> Publisher:
        return self._closed_later(self._client("127.0.0.1:1"))

    def _closed_later(self, publisher: Publisher) -> Publisher:
        self._stack.callback(publisher.close, 5.0)
        return publisher


def troubles(outcomes: Sequence[Outcome]) -> list[Trouble | None]:
    """What kind of failure each outcome is, if it is one."""
    return [outcome.trouble if outcome else None for outcome in outcomes]


def by_key(received: list[Received]) -> dict[bytes, list[bytes]]:
    """The numbers of the records of each key, in the order of their partition."""
    found = defaultdict(list)
    for record in received:
        found[record.key or b""].append((record.value or b"").partition(b":")[0])
    return found


ODD = [
    (b"key", b'{"a": 1}', [("content-type", b"application/json")]),
    (b"key", None, [("ce_type", b"order.deleted")]),
    (b"key", b"", []),
    (b"", b"of an empty key", []),
    ("Ключ-鍵".encode(), b"of a key beyond ASCII", []),
    (b"key", b"headers beyond ASCII", [("ce_actor", "Zoë 佐藤".encode()), ("ce_ключ", b"\x00\xff")]),
    (b"key", b"an empty header, and one that is twice", [("a", b""), ("b", b"1"), ("b", b"2")]),
]
"""Records that are easily changed on their way: (key, value, headers)."""


class PublisherContract(ABC):
    """The tests; the fixture ``ground`` says of what."""

    @pytest.fixture
    @abstractmethod
    def ground(self) -> Any:
        """The kind of publisher, and its broker."""

    def test_records_arrive_as_they_are(self, ground: Ground) -> None:
        """Keys, values and headers, byte by byte; a tombstone is not an empty value."""
        topic = ground.topic()
        assert deliver(ground.publisher(), [Record(topic, *odd) for odd in ODD]) == []
        received = [record[1:] for record in ground.read(topic)]
        for key in {odd[0] for odd in ODD}:
            assert [r for r in received if r[0] == key] == [odd for odd in ODD if odd[0] == key]
        assert len(received) == len(ODD)

    def test_an_event_of_the_log_arrives_with_all_its_attributes(self, ground: Ground) -> None:
        topic = ground.topic()
        row = Row(
            7, topic, "o-1", "shop.order.placed", "s", "application/json", str(uuid4()), b"{}",
            '{"traceparent": "00-1", "actor": "Zo\\u00eb"}', "2026-01-31T10:00:00.123456Z",
        )  # fmt: skip
        record = BinaryEncoder("/shop")(row)
        assert deliver(ground.publisher(), [record]) == []
        assert [received.headers for received in ground.read(topic)] == [record.headers]

    def test_the_order_of_each_key_is_kept_from_wave_to_wave(self, ground: Ground) -> None:
        topic, publisher = ground.topic(), ground.publisher(batch_bytes=2_000)
        keys = [f"key-{n}" for n in range(5)]
        assert deliver(publisher, records(topic, keys, 100)) == []
        expected = [b"%d" % number for number in range(100)]
        assert by_key(ground.read(topic)) == {key.encode(): expected for key in keys}

    def test_a_wave_has_no_more_than_the_bound_for_a_partition(self, ground: Ground) -> None:
        topic, publisher = ground.topic(), ground.publisher(batch_bytes=5_000)
        wanted = records(topic, ["key"], 20, padding=1_000)
        prepare(publisher, [topic])
        outcomes = publisher.publish(wanted)
        assert outcomes == [None] * 4
        assert by_key(ground.read(topic)) == {b"key": [b"0", b"1", b"2", b"3"]}

    def test_a_record_above_the_bound_goes_alone(self, ground: Ground) -> None:
        topic, publisher = ground.topic(), ground.publisher(batch_bytes=5_000)
        prepare(publisher, [topic])
        outcomes = publisher.publish(records(topic, ["key"], 3, padding=20_000))
        assert outcomes == [None]

    def test_one_wave_serves_several_topics(self, ground: Ground) -> None:
        topics, publisher = [ground.topic() for _ in range(3)], ground.publisher()
        prepare(publisher, topics)
        outcomes = publisher.publish(
            [record for topic in topics for record in records(topic, ["a", "b"], 10)]
        )
        assert outcomes == [None] * 60
        for topic in topics:
            assert by_key(ground.read(topic)) == {k: [b"%d" % n for n in range(10)] for k in (b"a", b"b")}

    def test_a_record_too_large_for_its_topic_is_refused_unsent(self, ground: Ground) -> None:
        topic = ground.topic(max_bytes=10_000)
        publisher = ground.publisher()
        prepare(publisher, [topic])
        [failure] = publisher.publish(
            [*records(topic, ["key"], 1, padding=12_000), *records(topic, ["key"], 5)]
        )
        assert failure is not None
        assert failure.trouble is Trouble.RECORD
        assert "10,000" in failure.detail
        assert ground.read(topic) == []

    def test_a_refused_record_ends_the_wave_before_it(self, ground: Ground) -> None:
        topic = ground.topic(max_bytes=10_000)
        publisher = ground.publisher()
        prepare(publisher, [topic])
        good, bad = records(topic, ["key"], 3), records(topic, ["key"], 1, padding=12_000)
        outcomes = publisher.publish([*good, *bad, *good])
        assert outcomes == [None] * 3
        assert by_key(ground.read(topic)) == {b"key": [b"0", b"1", b"2"]}

    def test_a_missing_topic_is_refused_at_once_and_others_are_published(self, ground: Ground) -> None:
        topic, missing, publisher = ground.topic(), ground.missing_topic(), ground.publisher()
        prepare(publisher, [topic, missing])
        outcomes = publisher.publish(
            [
                *records(topic, ["key"], 2),
                *records(missing, ["key"], 2),
                *records(topic, ["key"], 2, first=2),
                *records(missing, ["key"], 1),
            ]
        )
        refused = Trouble.TOPIC_MISSING
        assert troubles(outcomes) == [None, None, refused, refused, None, None, refused]
        assert all(missing in outcome.detail for outcome in outcomes if outcome)
        assert by_key(ground.read(topic)) == {b"key": [b"0", b"1", b"2", b"3"]}

    def test_records_of_a_missing_topic_only_are_refused_without_a_wave(self, ground: Ground) -> None:
        missing, publisher = ground.missing_topic(), ground.publisher()
        prepare(publisher, [missing])
        assert troubles(publisher.publish(records(missing, ["a", "b"], 2))) == [Trouble.TOPIC_MISSING] * 4

    def test_a_record_too_large_behind_a_missing_topic_ends_the_wave(self, ground: Ground) -> None:
        topic, missing = ground.topic(max_bytes=10_000), ground.missing_topic()
        publisher = ground.publisher()
        prepare(publisher, [topic, missing])
        outcomes = publisher.publish(
            [*records(missing, ["key"], 1), *records(topic, ["key"], 1, padding=12_000)]
        )
        assert troubles(outcomes) == [Trouble.TOPIC_MISSING]

    def test_a_broker_that_is_down_is_told_by_prepare(self, ground: Ground) -> None:
        with pytest.raises(PublisherUnavailable):
            ground.unreachable().prepare([ground.topic()])

    def test_prepare_without_topics_asks_whether_the_broker_answers(self, ground: Ground) -> None:
        with pytest.raises(PublisherUnavailable):
            ground.unreachable().prepare(())
        prepare(ground.publisher(), ())
