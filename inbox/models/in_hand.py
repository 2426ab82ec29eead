"""The table of batches that a process is handling, and that may kill it."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models


class InHandQuerySet(models.QuerySet["InHand"]):
    def remove(self, consumer: str, partitions: Iterable[tuple[str, int]]) -> None:
        """Delete the notes of these partitions."""
        for topic, partition in sorted(partitions):
            self.filter(consumer=consumer, topic=topic, partition=partition).delete()


class InHand(models.Model):
    """The first batch of a partition that a process handles. The row is written before the batch and deleted
    after it. A row that is found belongs to a process that died: its events are tried one by one.
    """

    pk = models.CompositePrimaryKey("consumer", "topic", "partition")
    consumer = models.TextField()
    topic = models.TextField()
    partition = models.IntegerField()
    first_offset = models.BigIntegerField()
    last_offset = models.BigIntegerField()

    objects = InHandQuerySet.as_manager()

    class Meta:
        db_table = "inbox_in_hand"

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition} offsets {self.first_offset} to {self.last_offset}"
