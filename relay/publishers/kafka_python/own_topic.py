"""A topic for one benchmark: created before it and deleted after it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import uuid4

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaError

from outbox_core.kafka_endpoint import Endpoint
from relay.conf import settings
from relay.errors import TopicRefused
from relay.publishers.kafka_python.new_topics import create_topics
from relay.publishers.kafka_python.options import answered_within, made

ASK_SECONDS = 10.0
DEFAULT_OF_BROKER = -1


class OwnTopic:
    """A topic that nobody else knows."""

    def __init__(self) -> None:
        self.name = f"outbox-bench-{uuid4().hex[:8]}"

    def create(self, partitions: int) -> None:
        """Raises PublisherUnavailable or TopicRefused."""
        copies = DEFAULT_OF_BROKER
        create_topics(
            settings().kafka_options, [self.name], partitions=partitions, copies=copies, seconds=ASK_SECONDS
        )

    def remove(self) -> None:
        """Raises TopicRefused, which says what is left to do."""
        try:
            admin = made(KafkaAdminClient, **_options(KafkaAdminClient))
            with suppress(OSError):
                admin.delete_topics([self.name])
            admin.close()
        except (KafkaError, OSError) as error:
            raise TopicRefused(f"Topic {self.name} could not be deleted; delete it: {error!r}") from error

    def consumer(self) -> Any:
        """A consumer of kafka-python, from the first record on."""
        consumer = made(KafkaConsumer, **_options(KafkaConsumer), auto_offset_reset="earliest")
        consumer.subscribe([self.name])
        return consumer


def _options(client: Any) -> dict[str, Any]:
    options = Endpoint.of(settings().kafka_options).options
    known = {name: value for name, value in options.items() if name in client.DEFAULT_CONFIG}
    return answered_within(known, ASK_SECONDS)
