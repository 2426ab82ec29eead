"""run_relay as processes on real PostgreSQL and Kafka, ended by real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from outbox.models import Relay, Shard
from relay.conf import settings
from tests.relay.conftest import Writer
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
Writers = Callable[[], Writer]


class RelayProcess:
    """A relay of its own process on the test database; ``log`` is what it prints."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run_relay", *arguments],
                cwd=ROOT,
                env={**os.environ, **_environment(), **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def owns(self) -> bool:
        return Relay.objects.filter(pid=self.process.pid, id__in=Shard.objects.values("owner")).exists()

    @property
    def alive(self) -> bool:
        return Relay.objects.filter(pid=self.process.pid).exists()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM, timeout: float = 15.0) -> int:
        """Send a signal; the exit code."""
        self.send(number)
        return self.process.wait(timeout)

    def text(self) -> str:
        return self.log.read_text()


def _environment() -> dict[str, str]:
    name = connection.settings_dict["NAME"]
    base = os.environ["DATABASE_URL"].rpartition("/")[0]
    return {
        "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
        "SHOP_DATABASE_URL": f"{base}/{name}",
    }


@pytest.fixture
def relay(
    transactional_db: None, tmp_path: Path, kafka_bootstrap: str
) -> Iterator[Callable[..., RelayProcess]]:
    """Starts relays; those that a test leaves behind are killed."""
    started: list[RelayProcess] = []

    def start(*arguments: str, **environment: str) -> RelayProcess:
        new = RelayProcess(tmp_path / f"relay-{len(started)}.log", *arguments, **environment)
        started.append(new)
        return new

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


@pytest.fixture
def published(kafka_bootstrap: str) -> Callable[[str], list[str]]:
    """Reads a topic from its start to its present end; the payloads, partition by partition."""
    from kafka import KafkaConsumer, TopicPartition

    def read(topic: str) -> list[str]:
        consumer = KafkaConsumer(
            bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest", group_id=None
        )
        try:
            parts = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
            consumer.assign(parts)
            ends = consumer.end_offsets(parts)
            records: dict[TopicPartition, list[str]] = {part: [] for part in parts}
            while any(consumer.position(part) < ends[part] for part in parts):
                for part, batch in consumer.poll(timeout_ms=500).items():
                    records[part] += [(r.value or b"").decode() for r in batch]
            return [text for part in parts for text in records[part]]
        finally:
            consumer.close()

    return read


def test_sigterm_ends_cleanly_and_leaves_the_shard_to_the_standby_at_once(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    name = topic(3)
    first = relay()
    wait_until(lambda: first.owns, 20, "the first relay owns the shard")
    second = relay()
    wait_until(lambda: second.alive, 20, "the second relay is alive")
    assert not second.owns
    w = writer()
    w.insert("a", 5, topic=name)
    w.commit()
    wait_until(lambda: len(published(name)) == 5, 20, "the events are in Kafka")
    assert first.end() == 0
    wait_until(lambda: second.owns, 3, "the standby owns the shard")
    w.insert("a", 5, topic=name)
    w.commit()
    wait_until(lambda: len(published(name)) == 10, 10, "the standby publishes")
    assert published(name) == [f"a:{n}" for n in range(1, 11)]
    assert second.end(signal.SIGINT) == 0
    assert "State: standby" in second.text()
    assert not Relay.objects.exists()


def test_a_killed_relay_is_replaced_within_its_lease_and_nothing_is_lost(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    name = topic(1)
    first = relay()
    wait_until(lambda: first.owns, 20, "the first relay owns the shard")
    second = relay()
    wait_until(lambda: second.alive, 20, "the second relay is alive")
    w = writer()
    w.insert("a", 4_000, topic=name)
    w.commit()
    wait_until(lambda: bool(published(name)), 20, "the first wave is in Kafka")
    first.end(signal.SIGKILL)
    wait_until(lambda: second.owns, settings().lease_seconds + 3, "the standby takes over")
    wait_until(lambda: "a:4000" in published(name), 30, "all is published")
    sequence = published(name)
    assert list(dict.fromkeys(sequence)) == [f"a:{n}" for n in range(1, 4_001)]
    assert second.end() == 0


def test_drain_publishes_what_there_is_and_ends(
    relay: Callable[..., RelayProcess],
    writer: Writers,
    topic: Callable[..., str],
    published: Callable[[str], list[str]],
) -> None:
    name, w = topic(1), writer()
    w.insert("a", 100, topic=name)
    w.commit()
    drain = relay("--drain")
    assert drain.process.wait(30) == 0, drain.text()
    assert len(published(name)) == 100


def test_kafka_that_is_not_there_is_said_once_and_waited_for(
    relay: Callable[..., RelayProcess], writer: Writers, topic: Callable[..., str]
) -> None:
    w = writer()
    w.insert("a", topic=topic(1))
    w.commit()
    lost = relay(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    wait_until(lambda: "Nothing is lost" in lost.text(), 20, "the outage is in the log")
    wait_until(lambda: Relay.objects.filter(state="degraded").exists(), 10, "the state is degraded")
    assert lost.end() == 0
    assert lost.text().count("WARNING") == 1, lost.text()
    assert "Traceback" not in lost.text()


def test_postgresql_that_is_not_there_is_said_once_and_waited_for(relay: Callable[..., RelayProcess]) -> None:
    lost = relay(SHOP_DATABASE_URL="postgresql://postgres@127.0.0.1:1/nowhere")
    wait_until(lambda: "Nothing is lost" in lost.text(), 20, "the outage is in the log")
    assert lost.end() == 0
    assert lost.text().count("WARNING") == 1, lost.text()
    assert "Traceback" not in lost.text()


def test_an_unknown_database_is_a_usage_error(relay: Callable[..., RelayProcess]) -> None:
    wrong = relay("--database", "elsewhere")
    assert wrong.process.wait(20) == 2
    assert "elsewhere" in wrong.text()
