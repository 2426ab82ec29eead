"""The table of the offsets of each consumer, by partition."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models, transaction
from django.db.models.functions import Now

if TYPE_CHECKING:
    from inbox.offsets import Stored
    from inbox.source import Partition

SHOW_MISSED = timedelta(days=1)


class OffsetManager(models.Manager["Offset"]):
    def begin(self, consumer: str, partition: Partition, start: Stored, *, replace: bool) -> int:
        """Make sure that this partition has a row, of this topic and cluster. Returns the offset
        that it had.
        """
        key = {"consumer": consumer, "topic": partition[0], "partition": partition[1]}
        values: dict[str, Any] = {"topic_id": start.topic_id, "cluster_id": start.cluster_id}
        with transaction.atomic(using=self.db):
            self.bulk_create([Offset(**key, **start._asdict())], ignore_conflicts=True)
            row = self.filter(**key).select_for_update().get()
            values["offset"] = start.offset if replace else max(start.offset, row.offset)
            if replace or any(getattr(row, name) != value for name, value in values.items()):
                self.filter(**key).update(**values, updated_at=Now())
        return row.offset

    def missed(self, consumer: str, partition: Partition, first: int, last: int) -> None:
        """Store that Kafka deleted these offsets before they were read."""
        rows = self.filter(consumer=consumer, topic=partition[0], partition=partition[1])
        rows.update(missed_first=first, missed_last=last, missed_at=Now())

    def with_gaps(self, consumer: str) -> models.QuerySet[Offset]:
        """The partitions with a gap that was found within the last day."""
        return self.filter(consumer=consumer, missed_at__gte=Now() - SHOW_MISSED).order_by(
            "topic", "partition"
        )


class Offset(models.Model):
    """The next offset of a consumer in a partition, stored in the transaction of the effects before it.

    ``topic_id`` and ``cluster_id`` say which topic the offset belongs to. ``missed_first`` to ``missed_last``
    is the last range that Kafka deleted before it was read.
    """

    pk = models.CompositePrimaryKey("consumer", "topic", "partition")
    consumer = models.TextField(db_collation="C")
    topic = models.TextField(db_collation="C")
    partition = models.IntegerField()
    offset = models.BigIntegerField()
    topic_id = models.UUIDField(null=True)
    cluster_id = models.TextField(default="")
    updated_at = models.DateTimeField(db_default=Now())
    missed_first = models.BigIntegerField(null=True)
    missed_last = models.BigIntegerField(null=True)
    missed_at = models.DateTimeField(null=True)

    objects = OffsetManager()

    class Meta:
        db_table = "inbox_offset"
        default_permissions = ()
        permissions: ClassVar = [("seek_consumer", "Can move consumers to other offsets")]

    def __str__(self) -> str:
        return f"{self.consumer}: {self.topic}/{self.partition} at {self.offset}"
