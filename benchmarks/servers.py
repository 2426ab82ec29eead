"""The servers that are measured: PostgreSQL and Kafka of our own, as they are under load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from devstack.console import announce
from devstack.kafka import Cluster as Kafka
from devstack.kafka import classes
from devstack.postgres import Cluster as Postgres

CONFIG = {
    "wal_level": "logical",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    "shared_buffers": "512MB",
}
"""For all that are compared: Debezium reads the WAL logically, and no checkpoint falls into one run only."""


@dataclass(frozen=True, slots=True)
class Servers:
    postgres: Postgres
    kafka: Kafka

    @property
    def pids(self) -> dict[str, int]:
        return {"PostgreSQL": self.postgres.pid, "Kafka": self.kafka.brokers[0].pid}

    def environ(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.postgres.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
        }


@contextmanager
def started(brokers: int = 1) -> Iterator[Servers]:
    """Raises Unavailable where there is no Java or no Maven, and DevstackError if one does not start."""
    with ExitStack() as stack:
        kafka = Kafka(brokers=brokers, launcher=classes.loaded())
        stack.callback(kafka.close)
        postgres = Postgres(config=CONFIG)
        stack.callback(postgres.close)
        kafka.launch()
        postgres.start()
        kafka.await_ready()
        announce(f"{postgres}; {kafka}; {' '.join(f'{name}={value}' for name, value in CONFIG.items())}")
        yield Servers(postgres, kafka)
