"""Reads records from Kafka: the group, our partitions, and where reading begins."""

from inbox.kafka.source import KafkaSource

__all__ = ["KafkaSource"]
