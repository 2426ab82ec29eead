"""The default publisher, on kafka-python."""

from __future__ import annotations

from relay.publishers.kafka_python.publisher import KafkaPythonPublisher

__all__ = ["KafkaPythonPublisher"]
