"""Asks a cluster as the inbox connects to it through confluent-kafka."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import confluent_kafka
import confluent_kafka.admin

from inbox.kafka.confluent.options import without_consumer
from outbox_core.errors import KafkaUnreachable
from outbox_core.operations.doctor.confluent import ConfluentInspector
from outbox_core.operations.doctor.kafka import ASK_SECONDS

MILLISECONDS = int(ASK_SECONDS * 1000)


class Inspector(ConfluentInspector):
    """It joins no group."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        asking = {**without_consumer(options), "socket.timeout.ms": MILLISECONDS}
        super().__init__(confluent_kafka, asking, ASK_SECONDS)

    def write(self, topic: str, key: bytes, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        """Write a record, and wait until all replicas in sync have it. Raises KafkaUnreachable."""
        options = {**self._options, "acks": "all", "message.timeout.ms": MILLISECONDS}
        failed: list[Any] = []
        producer = confluent_kafka.Producer(options, logger=self._reports)
        producer.produce(
            topic, value, key, headers=headers, on_delivery=lambda error, _: failed.append(error)
        )
        left = producer.flush(ASK_SECONDS + 1)
        if left or failed[0] is not None:
            raise KafkaUnreachable(self._reports.trouble or (str(failed[0]) if failed else "no answer"))
