"""Requests to move a consumer, and where it is then."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from django.db import transaction
from kafka import KafkaConsumer, TopicPartition

from inbox.models import Offset, Operation
from inbox.offsets import Stored
from inbox.operations import seeking
from inbox.operations.bulk import operations
from inbox.operations.places import Move, Plan
from tests.inbox.topics import KafkaTopic


def offsets(log: KafkaTopic, servers: str) -> tuple[int, int | None]:
    """Where the consumer ``c`` stands in its database, and Kafka's copy."""
    with closing(KafkaConsumer(bootstrap_servers=servers, group_id=log.group)) as client:
        return Offset.objects.get(consumer="c").offset, client.committed(TopicPartition(log.topic, 0))


def plan(to: dict[int, int], *, consumer: str = "test", topic: str = "test", **stored: Any) -> Plan:
    """Move these partitions to these offsets."""
    moves = [
        Move(topic=topic, partition=number, stands=0, goes=offset, forgotten=False)
        for number, offset in to.items()
    ]
    return Plan(consumer=consumer, topic=topic, moves=moves, stored=Stored(0, **stored), alive=1)


def request(to: dict[int, int], **options: Any) -> Operation:
    """A request of mara that nobody has carried out yet."""
    with transaction.atomic():
        order = seeking.order(plan(to, **options), "mara", "INC-7")
        row = operations.begin(order, "default", len(to))
    assert isinstance(row, Operation)
    return row
