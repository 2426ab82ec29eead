"""What every source does, in memory and in Kafka; and what only Kafka does."""

from __future__ import annotations

import gc
import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Protocol

import pytest
from django.core.exceptions import ImproperlyConfigured

from inbox.errors import SourceUnavailable
from inbox.kafka import KafkaSource
from inbox.kafka import source as kafka
from inbox.kafka.clients import connections
from inbox.memory import MemoryLog, MemoryOffsets, MemorySource
from inbox.signals import topics_found, topics_missing
from inbox.source import Source
from outbox_core.kafka_options import CONFLUENT, KAFKA_PYTHON
from tests.inbox.conftest import BOTH_CLIENTS
from tests.inbox.topics import KafkaTopic, read, values
from tests.waiting import wait_until

Topics = Callable[..., str]


class Log(Protocol):
    """A topic of one partition, and readers of it that are of one group."""

    topic: str

    def write(self, *values: bytes | None, key: bytes | None = b"k") -> None: ...
    def open(self) -> Source: ...


class MemoryTopic:
    topic = "topic"

    def __init__(self) -> None:
        self._log = MemoryLog()

    def write(self, *values: bytes | None, key: bytes | None = b"k") -> None:
        for value in values:
            self._log.append(self.topic, key=key, value=value, headers=[("h", b"1")])

    def open(self) -> Source:
        return MemorySource(self._log, [self.topic], "group")

    def close(self) -> None:
        pass


@pytest.fixture(params=["memory", KAFKA_PYTHON, CONFLUENT])
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    if request.param == "memory":
        yield MemoryTopic()
        return
    topic = request.getfixturevalue("topic")()
    with closing(KafkaTopic(request.getfixturevalue("kafka_bootstrap"), topic, request.param)) as log:
        yield log


def test_records_come_as_they_were_written_and_in_order(log: Log) -> None:
    log.write(b"a", None, b"")
    log.write(b"d", key=None)
    records = read(log.open(), 4)
    assert [(r.offset, r.key, r.value) for r in records] == [
        (0, b"k", b"a"),
        (1, b"k", None),
        (2, b"k", b""),
        (3, None, b"d"),
    ]
    assert {(r.topic, r.partition, r.headers) for r in records} == {(log.topic, 0, (("h", b"1"),))}


def test_next_reader_begins_at_the_committed_offset(log: Log) -> None:
    log.write(b"a", b"b", b"c")
    source = log.open()
    read(source, 3)
    source.commit({(log.topic, 0): 1})
    source.close()
    assert values(read(log.open(), 2)) == [b"b", b"c"]


def test_what_is_rewound_is_delivered_again(log: Log) -> None:
    log.write(b"a", b"b", b"c")
    source = log.open()
    read(source, 3)
    source.rewind({(log.topic, 0): 1, ("elsewhere", 7): 5})
    assert values(read(source, 2)) == [b"b", b"c"]


def test_keeping_alive_takes_no_records_away(log: Log) -> None:
    log.write(b"a")
    source = log.open()
    read(source, 1)
    log.write(b"b", b"c")
    for _ in range(5):
        assert source.keep_alive()
    assert values(read(source, 2)) == [b"b", b"c"]


def test_a_paused_topic_is_not_read_and_is_continued_where_it_was(log: Log) -> None:
    log.write(b"a")
    source = log.open()
    read(source, 1)
    source.pause([log.topic])
    log.write(b"b", b"c")
    assert [source.poll(0.5) for _ in range(4)] == [[]] * 4
    assert source.partitions(), "it stays a member"
    source.pause(())
    assert values(read(source, 2)) == [b"b", b"c"]


@BOTH_CLIENTS
def test_topic_that_does_not_exist_is_waited_for(
    kafka_topic: KafkaTopic, topic: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "ASK_EVERY", 0.2)
    told: list[tuple[str, set[str]]] = []
    missing = f"test.{secrets.token_hex(6)}"

    def lacks(sender: str, topics: frozenset[str], **_: object) -> None:
        told.append(("missing", set(topics)))

    def has(sender: str, topics: frozenset[str], seconds: float, **_: object) -> None:
        told.append(("found", set(topics)))
        assert 0.5 < seconds < 60

    topics_missing.connect(lacks)
    topics_found.connect(has)
    source = kafka_topic.open(kafka_topic.topic, missing)
    kafka_topic.write(b"a")
    assert values(read(source, 1)) == [b"a"], "the others are read meanwhile"
    source.commit({(kafka_topic.topic, 0): 1})
    assert source.waits_for() == f"topics that do not exist, or that it may not read: {missing}"
    for _ in range(5):
        source.poll(0.2)
    monkeypatch.setattr("secrets.token_hex", lambda _: missing.removeprefix("test."))
    assert topic() == missing
    kafka_topic.topic = missing
    kafka_topic.write(b"b")
    assert values(read(source, 1)) == [b"b"]
    assert told == [("missing", {missing}), ("found", {missing})]
    assert source.waits_for() == ""


@BOTH_CLIENTS
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # of the client, one for each attempt
def test_kafka_that_does_not_answer_is_said_and_leaves_no_thread(
    caplog: pytest.LogCaptureFixture, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inbox.kafka.confluent.questions.SECONDS", 0.3)
    options = {"bootstrap_timeout_ms": 300} if client == KAFKA_PYTHON else {}
    caplog.set_level(logging.CRITICAL, "kafka")  # a log record would keep the sockets until the test is over
    source = KafkaSource(
        "test",
        connections(client, ["127.0.0.1:1"], options, "g"),
        topics=["t"],
        offsets=MemoryOffsets(),
    )
    before = threading.active_count()
    for _ in range(2):
        with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1:1 does not answer"):
            source.poll(0.1)
    wait_until(lambda: threading.active_count() == before, 5, "the client's threads end")
    assert (source.keep_alive(), list(source.partitions())) == (False, [])
    gc.collect()


def test_a_thread_that_cannot_be_started_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a container has a low limit of processes. The client cannot be closed then, either."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", refuse)
    clients = connections(KAFKA_PYTHON, ["127.0.0.1:1"], {}, "g")
    source = KafkaSource("test", clients, topics=["t"], offsets=MemoryOffsets())
    with pytest.raises(RuntimeError, match="can't start new thread"):
        source.poll(0.1)


@BOTH_CLIENTS
def test_option_that_the_client_does_not_know_is_refused(kafka_bootstrap: str, client: str) -> None:
    source = KafkaSource(
        "test",
        connections(client, [kafka_bootstrap], {"no_such": 1}, "g"),
        topics=["t"],
        offsets=MemoryOffsets(),
    )
    with pytest.raises(ImproperlyConfigured, match=r'KAFKA\["OPTIONS"\].*no_such'):
        source.poll(0.1)
