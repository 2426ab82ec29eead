"""PostgreSQL and Kafka together."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from devstack import kafka, postgres
from devstack.console import announce
from devstack.errors import DevstackError
from devstack.kafka.choice import choose_kafka
from devstack.postgres.choice import choose_postgres


class Stack:
    """PostgreSQL and Kafka, chosen as this machine has them; either may be left out. Not yet started."""

    def __init__(self, *, brokers: int = 1, postgres: bool = True, kafka: bool = True) -> None:
        self._kafka = choose_kafka(brokers) if kafka else None
        try:
            self._postgres = choose_postgres() if postgres else None
        except BaseException:
            if self._kafka:
                self._kafka.close()
            raise

    @property
    def postgres(self) -> postgres.Server:
        """A ``devstack.postgres.Cluster`` where it is one of our own."""
        if self._postgres is None:
            raise DevstackError("this stack has no PostgreSQL: start(postgres=True)")
        return self._postgres

    @property
    def kafka(self) -> kafka.Server:
        """A ``devstack.kafka.Cluster`` where it is one of our own."""
        if self._kafka is None:
            raise DevstackError("this stack has no Kafka: start(kafka=True)")
        return self._kafka

    @property
    def database_url(self) -> str:
        return self.postgres.database_url

    @property
    def kafka_bootstrap(self) -> str:
        return self.kafka.bootstrap_servers

    def environ(self) -> dict[str, str]:
        """DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS, of those services that it has."""
        variables = {}
        if self._postgres is not None:
            variables["DATABASE_URL"] = self.database_url
        if self._kafka is not None:
            variables["KAFKA_BOOTSTRAP_SERVERS"] = self.kafka_bootstrap
        return variables

    def start(self) -> None:
        """Start what it has, side by side, and return once it answers."""
        began = time.monotonic()
        if self._kafka is not None:
            self._kafka.launch()
        if self._postgres is not None:
            self._postgres.start()
        if self._kafka is not None:
            self._kafka.await_ready()
        announce(f"ready after {time.monotonic() - began:.1f} s")

    def close(self) -> None:
        """Stop what was started, and remove its data. One that fails does not keep the other."""
        with contextlib.ExitStack() as everything:
            for service in (self._postgres, self._kafka):
                if service is not None:
                    everything.callback(service.close)


@contextlib.contextmanager
def start(*, brokers: int = 1, postgres: bool = True, kafka: bool = True) -> Iterator[Stack]:
    """PostgreSQL and Kafka for the time of a ``with`` block, answering from its first line on.

    Raises DevstackError if one of them cannot be started.
    """
    with contextlib.closing(Stack(brokers=brokers, postgres=postgres, kafka=kafka)) as stack:
        stack.start()
        yield stack
