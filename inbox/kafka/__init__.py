"""Reads records from Kafka: the consumer group, the partitions of this process, and their start offsets."""

from inbox.kafka.source import KafkaSource

__all__ = ["KafkaSource"]
