"""Asks a cluster with the options of the publisher, for outbox_doctor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import kafka
import kafka.errors

from outbox_core.operations.doctor.kafka_python import KafkaPythonInspector
from relay.publishers.kafka_python.network import Network, words
from relay.publishers.kafka_python.options import answered_within, made


class Inspector(KafkaPythonInspector):
    """Its network keeps the reason for which a connection failed, such as a wrong password."""

    def __init__(self, options: Mapping[str, Any], seconds: float) -> None:
        self._options = answered_within(options, seconds)
        self._networks: list[Network] = []
        super().__init__(
            kafka,
            admin=lambda: self._made(kafka.KafkaAdminClient),
            consumer=lambda: self._made(kafka.KafkaConsumer, group_id=None, enable_auto_commit=False),
            reason=self._words,
        )

    def _made(self, client: Any, **decided: Any) -> Any:
        known = {name: value for name, value in self._options.items() if name in client.DEFAULT_CONFIG}
        return made(client, **known, **decided, kafka_client=self._connect)

    def _connect(self, **configs: Any) -> Network:
        self._networks.append(Network(**configs))
        return self._networks[-1]

    def _words(self, error: Exception) -> str:
        if isinstance(error, kafka.errors.BrokerResponseError):
            return words(error)  # a broker has answered, so the connection is not the reason
        return next((each.trouble for each in self._networks if each.trouble), "") or words(error)
