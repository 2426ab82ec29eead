"""The servers that are measured: PostgreSQL and Kafka of our own, as they are under load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from devstack.kafka import Cluster as Kafka
from devstack.kafka import classes
from devstack.kafka.properties import replication
from devstack.postgres import Cluster as Postgres

CONFIG = {
    "wal_level": "logical",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "shared_buffers": "512MB",
}
"""For all that are compared: Debezium reads the WAL logically, and no checkpoint falls into one run only."""
PATIENT = {"broker.session.timeout.ms": "9000", "broker.heartbeat.interval.ms": "2000"}
"""Kafka's own defaults. Devstack's are shorter, and a broker that is only busy would lose its partitions."""
COPIES = ("default.replication.factor", "min.insync.replicas")
"""What the brokers give to every topic that the benchmarks create."""


@dataclass(frozen=True, slots=True)
class Servers:
    postgres: Postgres
    kafka: Kafka

    def __str__(self) -> str:
        pairs = (f"{name}={value}" for own in self.settings.values() for name, value in own.items())
        return f"{self.postgres}; {self.kafka}; {' '.join(pairs)}"

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        brokers = len(self.kafka.brokers)
        defaults = replication(brokers)
        return {
            "PostgreSQL": CONFIG,
            "Kafka": {"brokers": brokers, **{name: defaults[name] for name in COPIES}},
        }

    @property
    def pids(self) -> dict[str, list[int]]:
        return {"PostgreSQL": [self.postgres.pid], "Kafka": [broker.pid for broker in self.kafka.brokers]}

    def environ(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.postgres.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
        }


@contextmanager
def started(brokers: int = 1) -> Iterator[Servers]:
    """Raises Unavailable where there is no Java or no Maven, and DevstackError if one does not start."""
    with ExitStack() as stack:
        kafka = Kafka(brokers=brokers, config=PATIENT, launcher=classes.loaded())
        stack.callback(kafka.close)
        postgres = Postgres(config=CONFIG)
        stack.callback(postgres.close)
        kafka.launch()
        postgres.start()
        kafka.await_ready()
        yield Servers(postgres, kafka)
