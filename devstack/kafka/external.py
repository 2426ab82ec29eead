"""A Kafka that is already running."""

from __future__ import annotations

from kafka.errors import KafkaError

from devstack.errors import DevstackError
from devstack.kafka.metadata import admin
from devstack.kafka.server import Server


class External(Server):
    """The brokers that KAFKA_BOOTSTRAP_SERVERS names; left as they are found."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers

    def __str__(self) -> str:
        return f"Kafka of KAFKA_BOOTSTRAP_SERVERS, {self._bootstrap_servers}"

    @property
    def bootstrap_servers(self) -> str:
        return self._bootstrap_servers

    def launch(self) -> None:
        """Nothing to start: they are there, or ``await_ready`` says that they are not."""

    def await_ready(self) -> None:
        try:
            with admin(self.bootstrap_servers) as client:
                client.describe_cluster()
        except (KafkaError, OSError) as error:
            raise DevstackError(
                f"KAFKA_BOOTSTRAP_SERVERS={self.bootstrap_servers} is set, "
                f"but no Kafka answers there: {error}\n"
                "Start that broker, correct the address, or unset the variable to have one brought up here."
            ) from error

    def close(self) -> None:
        """Nothing to stop: they are not ours."""
