"""The last answer of Kafka about the consumer groups of this outbox's topics."""

from __future__ import annotations

from django.db import models

from outbox.fields import ClockTimestamp


class ConsumerGroups(models.Model):
    """One row. ``asked_at`` is when a relay last began to ask, ``read_at`` when ``groups`` were true;
    ``trouble`` is why the last question has no answer.
    """

    id = models.SmallIntegerField(primary_key=True)
    relay = models.TextField()
    asked_at = models.DateTimeField(db_default=ClockTimestamp())
    read_at = models.DateTimeField(null=True)
    groups = models.JSONField(default=list)
    trouble = models.TextField(default="")

    class Meta:
        db_table = "outbox_consumer_groups"
        default_permissions = ()

    def __str__(self) -> str:
        return f"consumer groups as of {self.read_at}"
