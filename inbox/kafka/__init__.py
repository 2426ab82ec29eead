"""How records come from Kafka: the group, the partitions that are ours, and where reading begins."""

from inbox.kafka.source import KafkaSource

__all__ = ["KafkaSource"]
