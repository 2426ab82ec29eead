"""Asks a cluster as the inbox's client connects to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import kafka
import kafka.errors

from inbox.kafka.kafka_python.client import WITHOUT_GROUP, config, connect
from outbox_core.operations.doctor.kafka import ASK_SECONDS
from outbox_core.operations.doctor.kafka_python import KafkaPythonInspector

TIMES = {
    "request_timeout_ms": int(ASK_SECONDS * 1000),
    "bootstrap_timeout_ms": int(ASK_SECONDS * 1000),
}
CLOSE_SECONDS = 2.0


class Inspector(KafkaPythonInspector):
    """It joins no group."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        super().__init__(kafka, admin=self._make_an_admin, consumer=self._make_a_consumer, reason=_words)

    def _make_an_admin(self) -> Any:
        return kafka.KafkaAdminClient(**self._known(kafka.KafkaAdminClient), **TIMES)

    def _make_a_consumer(self) -> Any:
        return connect(
            config(self._options["bootstrap_servers"], {**self._options, **TIMES}, **WITHOUT_GROUP)
        )

    def write(self, topic: str, key: bytes, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        """Write a record, and wait until all replicas in sync have it. Raises KafkaUnreachable."""

        def ask() -> None:
            limits = {**TIMES, "max_block_ms": int(ASK_SECONDS * 1000)}
            producer = kafka.KafkaProducer(**{**self._known(kafka.KafkaProducer), **limits}, acks="all")
            try:
                producer.send(topic, value, key=key, headers=headers).get(ASK_SECONDS)
            finally:
                producer.close(CLOSE_SECONDS)

        self._translated(ask)

    def _known(self, client: Any) -> dict[str, Any]:
        return {
            name: value
            for name, value in self._options.items()
            if name in client.DEFAULT_CONFIG and name not in TIMES
        }


def _words(error: Exception) -> str:
    text = str(error)
    return text if type(error).__name__ in text else f"{type(error).__name__}: {text}"
