"""kafka-python's producer, made so that it can be closed at any moment."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection
from typing import Any

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from relay.publishers.kafka_python.network import Network


class Producer(KafkaProducer):  # type: ignore[misc]
    """A KafkaProducer that leaves no thread, socket or buffered record behind, even if it cannot connect. The
    original ``close`` raises, and its thread continues to send, if it cannot flush before.
    """

    def __init__(self, *, connecting: Callable[[Network], None], **options: Any) -> None:
        """Connects. ``connecting`` gets the network, so that a caller can close it instead of waiting."""
        self._connecting = connecting
        self._networks: list[Network] = []
        self._abandoned = False
        try:
            super().__init__(**options, kafka_client=self._connect)
        except BaseException:
            for network in self._networks:
                network.close()
            raise

    def _connect(self, **configs: Any) -> Network:
        network = Network(**configs)
        # The client has this option but does not pass it on.
        network.cluster.config["allow_auto_create_topics"] = configs["allow_auto_create_topics"]
        self._networks.append(network)
        self._connecting(network)
        return network

    @property
    def throttled_seconds(self) -> float:
        """For how long the broker wants no request from this client."""
        return max(network.throttled_seconds for network in self._networks)

    def learn(self, topics: Collection[str]) -> None:
        """Ask for all topics at once. partitions_for() waits for the answer."""
        for topic in topics:
            self._sender.add_topic(topic)

    def flush(self, timeout: float | None = None) -> None:
        """Send what is buffered, and wait for the outcome. Raises nothing: the futures have the errors."""
        if not self._abandoned:
            with contextlib.suppress(kafka_errors.KafkaError):
                super().flush(timeout)

    def abandon(self, seconds: float) -> None:
        """Close it without sending more, and wait ``seconds`` for that. Records that are not acknowledged
        fail.
        """
        self._abandoned = True
        self.close(timeout=0)
        for network in self._networks:
            network.closed.wait(seconds)
