"""Kafka through kafka-python: a member of the group, a reader, and what is asked outside the group."""

from inbox.kafka.kafka_python.connections import KafkaPython

__all__ = ["KafkaPython"]
