"""Seek: a consumer continues at other offsets. Its own processes move it while they run.

Each partition is moved in one transaction with the ledger, and Kafka's copy before the commit. Kafka refuses
the copy of a process that has lost the partition, and of everybody else while the group has members. So only
one can move it, and who reads it next waits for the commit (``DatabaseOffsets.load``). If only one of the two
is moved, the lower one counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from kafka import TopicPartition

from inbox.conf import settings
from inbox.errors import SeekRefused, UnknownConsumer
from inbox.kafka.clients import inquiry
from inbox.kafka.seeking import Group
from inbox.models import Ledger, Operation
from inbox.offsets import DatabaseOffsets, Stored
from inbox.operations.places import Plan, refuse_strangers, running, stored, words
from inbox.signals import offsets_sought
from outbox_core.operations.bulk.model import OPEN, BulkOperation
from outbox_core.operations.bulk.selection import Selection
from outbox_core.operations.bulk.step import Step
from outbox_core.operations.bulk.verb import Chunked, Order

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('inbox seek ' || %s, 0))"
WAIT_SECONDS = 2.0
"""From one look whether processes of the consumer run until the next."""


class Seek(Chunked):
    """Moves partitions of a consumer. The option ``to`` has their offsets, ``left`` those that are not moved
    yet, ``topic_id`` and ``cluster_id`` say which topic these count in.

    ``step`` moves a consumer of which no process runs. While some run, each moves the partitions that it
    reads, in its own loop: see ``inbox.seeks``.
    """

    name = Ledger.Verb.SEEK
    past, noun, id_name, before = "Moved", "partition", "partition", "no offset"
    permission = "inbox.seek_consumer"
    effect = "The consumer continues at these offsets."

    def check(self, order: Order, using: str) -> None:
        """One request at a time for a partition."""
        asked = Operation.objects.using(using).filter(verb=self.name, state__in=OPEN)
        same = asked.filter(
            selection__consumer=order.selection.consumer, selection__topic=order.selection.topic
        )
        for row in same.order_by("pk"):
            if both := sorted({*row.options["left"]} & {*order.options["left"]}):
                what = f"Operation {row.pk} ({row.state}) moves {order.selection.topic}/{both[0]}"
                end = f"manage.py inbox_operations {row.pk} --cancel"
                raise SeekRefused(f"{what} already. Wait for it, or end it: {end}")

    def extent(self, order: Order, using: str) -> tuple[int, int]:
        return 0, len(order.options["to"])

    def scope(self, order: Order) -> str:
        return f"{order.selection.consumer}, {order.selection.topic}: {words(_targets(order.options))}"

    def meanwhile(self, row: BulkOperation) -> str:
        return "The processes of the consumer move the partitions that they read, with their next heartbeat."

    def stored_selection(self, order: Order) -> dict[str, Any]:
        return {**super().stored_selection(order), "partition": [*_targets(order.options)]}

    def step(self, row: BulkOperation, using: str, size: int) -> Step:
        chosen, inbox = row.order.selection, settings()
        waits = Step(done=0, after=row.after, wait=WAIT_SECONDS)
        try:
            consumer = inbox.consumer(chosen.consumer or "")
        except UnknownConsumer:
            return waits  # another process knows it
        if running(consumer.name, using):
            return waits
        with closing(Group(consumer.name, inquiry(*inbox.kafka_client(), consumer.group))) as group:
            try:
                refuse_strangers(inbox, consumer, group, using)
            except SeekRefused as error:
                return waits._replace(problem=str(error))
            left = targets(row)
            step = move(row, left, using)
            group.partitions(str(chosen.topic))
            group.commit({TopicPartition(str(chosen.topic), n): at for n, at in left.items()})
        return step


def order(plan: Plan, who: str, reason: str) -> Order:
    """To do what a person has seen."""
    numbers = [each.partition for each in plan.moves]
    return Order(
        verb=Seek.name.value,
        selection=Selection(consumer=plan.consumer, topic=plan.topic),
        who=who,
        reason=reason,
        options={
            "to": {str(each.partition): each.goes for each in plan.moves},
            "left": numbers,
            "topic_id": str(plan.stored.topic_id) if plan.stored.topic_id else None,
            "cluster_id": plan.stored.cluster_id,
        },
    )


def lock(consumer: str, using: str) -> None:
    """Nobody else begins to move this consumer before the transaction ends."""
    with connections[using].cursor() as cursor:
        cursor.execute(LOCK, [consumer])


def move(row: BulkOperation, to: Mapping[int, int], using: str) -> Step:
    """Store these offsets, in the current transaction."""
    chosen = row.order.selection
    consumer, topic = str(chosen.consumer), str(chosen.topic)
    before = stored(consumer, topic, using)
    offsets = DatabaseOffsets(consumer, using)
    for number, offset in to.items():
        offsets.move((topic, number), _stored(row, offset))
        deed = {"topic": topic, "partition": number, "before": before.get(number), "offset": offset}
        told = partial(offsets_sought.send, consumer, **deed, reason=row.reason, by=row.who)
        transaction.on_commit(told, using=using)
    left = [number for number in row.options["left"] if number not in to]
    rows = Operation.objects.using(using).filter(pk=row.pk)
    rows.update(options={**row.options, "left": left})
    was = words({number: before[number] for number in to if number in before})
    return Step(done=len(to), after=row.after + len(to), last=not left, before=was)


def _stored(row: BulkOperation, offset: int) -> Stored:
    topic_id = row.options["topic_id"]
    return Stored(offset, UUID(topic_id) if topic_id else None, row.options["cluster_id"])


def _targets(options: Mapping[str, Any]) -> dict[int, int]:
    return {int(number): offset for number, offset in options["to"].items()}


def targets(row: BulkOperation) -> dict[int, int]:
    """The offsets to which partitions are not moved yet."""
    return {number: at for number, at in _targets(row.options).items() if number in row.options["left"]}
