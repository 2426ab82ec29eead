"""One run: a producer and instances of one consumer on a database and topics of their own, and a verdict."""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

import psycopg
from kafka import KafkaConsumer, TopicPartition

import tests.torture.checker
from devstack.kafka import create_topics
from devstack.kafka.metadata import admin
from outbox_core.kafka_options import KAFKA_PYTHON
from tests.torture import kafka_log
from tests.torture.fleet import Fleet
from tests.torture.ground import Ground
from tests.torture.inbox import holding
from tests.torture.inbox.checker import Effect, Findings, compare
from tests.torture.inbox.deaths import Attempt, Hit, in_hand
from tests.torture.inbox.producer import Producer, Sent
from tests.torture.inbox.seeking import Sought
from tests.torture.inbox.tables import READ_ATTEMPTS, READ_EFFECTS, READ_OFFSETS, TABLES
from tests.torture.inbox.verdict import Verdict
from tests.torture.ledger import Entry, digest
from tests.torture.trial import Trial

SETTLE_SECONDS = 180.0
SILENT_SECONDS = 20.0
GROUP = "torture"
REFUSED = re.compile(
    r"torture\.(?:step|many) (\S+) \(.*\) is held until"
    r"(?:.*the process died while it handled this event, (\d+) times)?"
)

RECREATED = re.compile(r"topic (\S+) was deleted and created again")


class ConsumerTrial(Trial):
    """A trial whose fleet are consumers, and whose writer is a producer."""

    SETTINGS = "tests.torture.inbox.settings"

    def __init__(
        self,
        ground: Ground,
        *,
        seed: int,
        instances: int = 2,
        pace: float = 0.1,
        without: str = "",
        workers: int = 1,
        clients: Sequence[str] = (KAFKA_PYTHON,),
    ) -> None:
        super().__init__(ground, seed=seed, relays=instances, writers=0, clients=clients)
        self.topics = {f"{self.name}.a": 4, f"{self.name}.b": 2}
        self.environ |= {
            "TORTURE_PROGRAM": "tests.torture.inbox.consumer",
            "TORTURE_TOPICS": ",".join(self.topics),
            "TORTURE_WITHOUT": without,
            "TORTURE_WORKERS": str(workers),
        }
        self.fleet = Fleet(self.folder, self.environ, instances, self._turns)
        self.producer = Producer(ground.bootstrap_servers, list(self.topics), seed, pace=pace)
        self.freezes: list[Hit] = []
        """When instances were frozen."""
        self.recreated: set[str] = set()
        """The topics that a fault has deleted and created again."""
        self.sought = Sought()
        self.moved_until = 0
        """The id of the latest seek that ``sought`` knows."""

    def __enter__(self) -> Self:
        try:
            self.ground.postgres.create_database(self.name)
            self.manage("migrate", "--verbosity", "0")
            self.execute(TABLES)
            create_topics(self.ground.bootstrap_servers, self.topics)
            self.producer.start()
            self.fleet.start()
        except BaseException:
            self.close()
            raise
        return self

    def stop_writing(self) -> None:
        self.producer.close()

    def is_rotten(self, event_id: str) -> bool:
        """Whether nobody can ever read it. What is still under way, is not yet known to be."""
        sent = self.producer.sent.get(UUID(event_id))
        return sent is not None and sent.poison == "rotten"

    def owners(self) -> list[int]:
        """The pids of the instances that have partitions, or had them when they were last heard of."""
        try:
            return self.execute("SELECT pid FROM inbox_consumer WHERE partitions > 0")
        except psycopg.Error:
            return []

    def mark(self) -> float:
        return time.time()

    def publishes_since(self, mark: float) -> bool:
        """Whether events of every partition have taken effect since."""
        query = "SELECT count(DISTINCT (topic, partition)) FROM torture_effect WHERE at > to_timestamp(%s)"
        try:
            return bool(self.execute(query, (mark,))[0] == sum(self.topics.values()))
        except psycopg.Error:
            return False

    def silence(self) -> str:
        """What was sent to each partition, and took effect, in the last seconds: a producer may stand still,
        too.
        """
        since = time.time() - SILENT_SECONDS
        query = "SELECT DISTINCT topic, partition FROM torture_effect WHERE at > to_timestamp(%s)"
        with psycopg.connect(self.url, connect_timeout=5) as connection:
            handled = {TopicPartition(*row) for row in connection.execute(query, (since,))}
        sent = {part for part, at in self.producer.acknowledged.items() if at > since}
        silent = sorted(f"{part.topic}/{part.partition}" for part in {*self.partitions()} - handled)
        unsent = sorted(f"{part.topic}/{part.partition}" for part in {*self.partitions()} - sent)
        return f"within {SILENT_SECONDS:.0f} s no effect of {silent}; nothing was sent to {unsent}"

    def settle(self) -> None:
        """Stop producing, mend and release what is held, and wait until nothing is left to do."""
        self.stop_writing()
        holding.cure(self, [str(sent.event_id) for sent in self.producer.sent.values() if sent.poison])
        deadline = time.monotonic() + SETTLE_SECONDS
        while unfinished := self._unfinished():
            if time.monotonic() > deadline:
                self.complaints.append(f"after {SETTLE_SECONDS:.0f} s: {unfinished}")
                return
            holding.discard(self)
            holding.release(self)
            time.sleep(0.2)

    def _unfinished(self) -> str:
        if lag := self.lag():
            return f"a lag of {lag}"
        if held := self.execute(holding.WAITING):
            return f"{len(held)} held"
        alive = set(self.execute("SELECT pid FROM inbox_consumer"))
        if missing := {member.pid for member in self.fleet.members()} - alive:
            return f"{missing} not yet at work"
        return ""

    def partitions(self) -> list[TopicPartition]:
        return [TopicPartition(topic, n) for topic, count in self.topics.items() for n in range(count)]

    def shortest(self, topic: str) -> int:
        """Where the shortest partition of a topic ends."""
        return min(end for part, end in self.ends().items() if part.topic == topic)

    def ends(self) -> dict[TopicPartition, int]:
        """The offset behind the last record of each partition."""
        consumer = KafkaConsumer(bootstrap_servers=self.ground.bootstrap_servers.split(","), group_id=None)
        with contextlib.closing(consumer):
            ends: dict[TopicPartition, int] = consumer.end_offsets(self.partitions())
        return ends

    def lag(self) -> int:
        """Records that the consumer's database does not know to be handled, or Kafka's copy of that."""
        parts, ends = self.partitions(), self.ends()
        with psycopg.connect(self.url, connect_timeout=5) as connection:
            stored = {TopicPartition(topic, n): at for topic, n, at in connection.execute(READ_OFFSETS)}
        with admin(self.ground.bootstrap_servers) as client:
            committed = client.list_group_offsets({GROUP: parts})[GROUP]
        copy = {part: committed[part].offset for part in parts if part in committed}
        return sum(ends[part] - max(0, min(stored.get(part, 0), copy.get(part, 0))) for part in parts)

    def verdict(self) -> Verdict:  # type: ignore[override]
        """Settle, end the consumers, and judge."""
        self.settle()
        codes = Counter(self.fleet.close())
        codes.update(self.fleet.failed_to_leave)
        logs = self.fleet.logs()
        return Verdict(
            seed=self.seed,
            findings=self._findings(self._refused(logs)),
            incidents=self.incidents,
            again=self.producer.again,
            lag=self.lag(),
            leaving=codes,
            exits=self.fleet.exits,
            tracebacks=logs.count("Traceback (most recent call last)"),
            complaints=[*self.complaints, *self._own_faults(), *self._false_reports(logs)],
        )

    def _refused(self, logs: str) -> set[UUID]:
        """The events that were held for an error of their own, or because processes died with them: not those
        that were in hand each time when the campaign killed or froze one.
        """
        with psycopg.connect(self.url) as connection:
            attempts = [Attempt(*row) for row in connection.execute(READ_ATTEMPTS)]
        killed = [Hit(pid, datetime.max.replace(tzinfo=UTC)) for pid in self.fleet.killed]
        unlucky = in_hand(attempts, [*killed, *self.freezes])
        found = [(UUID(event_id), int(deaths or 0)) for event_id, deaths in REFUSED.findall(logs)]
        return {event_id for event_id, deaths in found if not deaths or unlucky[event_id] < deaths}

    def _findings(self, refused: set[UUID]) -> Findings:
        with psycopg.connect(self.url) as connection:
            effects = [Effect(*row) for row in connection.execute(READ_EFFECTS)]
        for places in self.producer.places.values():
            self.sought.sent(places)
        return compare(
            self.producer.sent,
            effects,
            gathered=self.execute("SELECT event_id FROM torture_gathered"),
            discarded={UUID(event_id) for event_id in self.execute(holding.DISCARDED)},
            refused=refused,
            held={UUID(event_id) for event_id in self.execute(holding.WAITING)},
            skipped=self.sought.missing(self.producer.places),
            late=self.sought.late,
        )

    def _false_reports(self, logs: str) -> list[str]:
        wrong = sorted(set(RECREATED.findall(logs)) - self.recreated)
        return [f"it was said that {topic} was deleted and created again" for topic in wrong]

    def _own_faults(self) -> list[str]:
        """What is wrong with Kafka's log itself, which no consumer could make good."""
        ledger = {event_id: _entry(sent) for event_id, sent in self.producer.sent.items()}
        records = self.witnessed + kafka_log.read(self.ground.bootstrap_servers, list(self.topics))
        found = tests.torture.checker.compare(ledger, records)
        wrong = {name: getattr(found, name) for name in ("lost", "phantom", "disordered", "altered")}
        return [f"produced badly, {name}: {words[:3]}" for name, words in wrong.items() if words]


def _entry(sent: Sent) -> Entry:
    return Entry(sent.event_id, sent.topic, sent.key, sent.n, digest(sent.value))
