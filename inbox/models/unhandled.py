"""Event types without a handler."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.db.models import F
from django.db.models.functions import Now


class UnhandledManager(models.Manager["Unhandled"]):
    def add(self, consumer: str, counts: Mapping[str, int]) -> None:
        """Add to the counts of these types."""
        for type_, count in sorted(counts.items()):
            row = self.filter(consumer=consumer, type=type_)
            if not row.update(count=F("count") + count, last_at=Now()):
                self.bulk_create(
                    [Unhandled(consumer=consumer, type=type_, count=count)], ignore_conflicts=True
                )


class Unhandled(models.Model):
    """How many events of a type a consumer has skipped, because it has no handler for them."""

    pk = models.CompositePrimaryKey("consumer", "type")
    consumer = models.TextField()
    type = models.TextField()
    count = models.BigIntegerField()
    first_at = models.DateTimeField(db_default=Now())
    last_at = models.DateTimeField(db_default=Now())

    objects = UnhandledManager()

    class Meta:
        db_table = "inbox_unhandled"

    def __str__(self) -> str:
        return f"{self.consumer}: {self.count} of {self.type}"
