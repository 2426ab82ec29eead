"""What the demo does with Kafka: create and delete topics, and measure how far consumers are behind."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Self

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

import devstack.kafka
from demo.patience import Patience
from demo.topology import CONSUMERS, PARTITIONS, Service, Topology

LAST_POLL_MS = 300
Ends = dict[TopicPartition, int]


class Broker:
    """A connection to the broker for the topics and groups of one demo."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        servers = topology.bootstrap_servers.split(",")
        self._admin = KafkaAdminClient(bootstrap_servers=servers)
        self._consumer = KafkaConsumer(bootstrap_servers=servers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()
        self._admin.close()

    def create_topics(self) -> None:
        """Return when every partition can be written."""
        topics = dict.fromkeys(self.topology.topics, PARTITIONS)
        devstack.kafka.create_topics(self.topology.bootstrap_servers, topics, replication=1)

    def remove(self) -> None:
        """Delete the topics and consumer groups of this demo that exist."""
        with suppress(KafkaError):
            self._admin.delete_groups([self.topology.group(service) for service in CONSUMERS])
        with suppress(KafkaError):
            self._admin.delete_topics(self.topology.topics, raise_errors=False)

    def ends(self) -> Ends:
        """Where each partition ends now. It reads to the end, because the stand-in broker reports the first
        record of the last batch instead.
        """
        consumer = self._consumer
        partitions = [TopicPartition(topic, n) for topic in self.topology.topics for n in range(PARTITIONS)]
        named = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        for partition, end in named.items():
            consumer.seek(partition, max(0, end - 1))
        patience = Patience("Reading to the ends of Kafka's partitions", seconds=30)
        while polled := consumer.poll(LAST_POLL_MS) or any(
            consumer.position(p) < end for p, end in named.items()
        ):
            patience.see(polled)
        return {partition: consumer.position(partition) for partition in partitions}

    def size(self, service: Service, ends: Ends) -> int:
        """How many records a service must read up to these ends."""
        return sum(end for partition, end in ends.items() if self._reads(service, partition))

    def lag(self, service: Service, ends: Ends) -> int:
        """How many of these its group has not committed yet."""
        group = self.topology.group(service)
        done = self._admin.list_group_offsets([group]).get(group, {})
        committed = {partition: max(0, at.offset) for partition, at in done.items()}
        mine = [partition for partition in ends if self._reads(service, partition)]
        return sum(max(0, ends[partition] - committed.get(partition, 0)) for partition in mine)

    def _reads(self, service: Service, partition: TopicPartition) -> bool:
        return partition.topic.removeprefix(self.topology.prefix) in service.topics
