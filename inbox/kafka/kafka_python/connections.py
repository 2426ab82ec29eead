"""The clients of a source, made of kafka-python."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError

from inbox.errors import Undecodable
from inbox.kafka.connections import ANSWER_MS, Arrived, Committed, Errors
from inbox.kafka.kafka_python.client import WITHOUT_GROUP, config, connect, reason
from inbox.kafka.kafka_python.membership import Membership
from inbox.kafka.kafka_python.reader import Reader, poll


class KafkaPython:
    """A member of the group, and clients without a group."""

    errors: Errors = (KafkaError,)
    no_answer: Errors = (KafkaTimeoutError,)

    def __init__(self, servers: Sequence[str], group: str, options: Mapping[str, Any]) -> None:
        self.servers = ",".join(servers)
        self._config = config(servers, options, group_id=group)
        self.latest = self._config["auto_offset_reset"] == "latest"

    def member(self, topics: Collection[str], arrived: Arrived) -> Membership:
        return Membership(connect, self._config, arrived)

    def reader(self) -> Reader:
        return Reader({**self._config, **WITHOUT_GROUP}, connect)

    def committed(self, partitions: Collection[TopicPartition]) -> Committed:
        """A separate client asks for them: a broker answers the requests of one connection in order, and
        during a rebalance it lets a request of the member wait.
        """
        with closing(connect(self._config)) as client:
            wait = {"metadata": True, "timeout_ms": ANSWER_MS}
            return {partition: client.committed(partition, **wait) for partition in partitions}

    def readable(self, partition: TopicPartition, offset: int) -> bool | None:
        # Another client, because one that has failed to decode hangs.
        with closing(connect({**self._config, **WITHOUT_GROUP})) as client:
            client.assign([partition])
            client.seek(partition, offset)
            try:
                return bool(poll(client, timeout_ms=ANSWER_MS, max_records=1)) or None
            except Undecodable:
                return False

    def reason(self, error: Exception) -> str:
        trouble = reason(error)
        if isinstance(error, KafkaTimeoutError):
            return f"{self.servers} does not answer" + (f": {trouble}" if trouble else "")
        return f"{self.servers}: {trouble}"
