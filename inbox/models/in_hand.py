"""The table of batches that a process is handling, and that may kill it."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models


class InHandQuerySet(models.QuerySet["InHand"]):
    def of(self, consumer: str, partition: tuple[str, int]) -> InHandQuerySet:
        """The note of this partition, if there is one."""
        return self.filter(consumer=consumer, topic=partition[0], partition=partition[1])

    def write(self, consumer: str, partition: tuple[str, int], offsets: tuple[int, int]) -> None:
        """Note these offsets, the first and the last one."""
        values = dict(zip(("first_offset", "last_offset"), offsets, strict=True))
        if not self.update(**values):
            self.create(consumer=consumer, topic=partition[0], partition=partition[1], **values)

    def finish(self, last: int) -> None:
        """Note that the offsets up to this one are finished: a note keeps only later ones."""
        self.filter(last_offset__lte=last).delete()
        self.filter(first_offset__lte=last).update(first_offset=last + 1)

    def remove(self, consumer: str, partitions: Iterable[tuple[str, int]]) -> None:
        """Delete the notes of these partitions."""
        for partition in sorted(partitions):
            self.of(consumer, partition).delete()


class InHand(models.Model):
    """One of the first batches of a partition that a process handles. The row is written before the batch and
    deleted after it. A row that is found belongs to a process that died: its events are tried one by one.
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
