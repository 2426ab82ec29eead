"""The log: one row for each event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import LessThan

from outbox.fields import (
    MAX_KEY_BYTES,
    ClockTimestamp,
    CurrentXactId,
    IsObjectOfTexts,
    OctetLength,
    Xid8Field,
)
from outbox.models.event_queries import OutboxEventQuerySet

YEARS = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
"""Times with a year of four digits, so that their texts sort by time."""


class OutboxEvent(models.Model):
    """One event, inserted once in the transaction that it reports, and never updated.

    ``id`` is the order within a window of the log, ``xid`` the top-level transaction that wrote the row,
    ``bucket`` the stable hash of ``key`` that assigns it to a shard, ``payload`` the bytes that go to Kafka
    (NULL is a tombstone), ``headers`` the CloudEvents extension attributes and ``source`` the CloudEvents
    source, empty for that of the relay.
    """

    id = models.BigAutoField(primary_key=True)
    xid = Xid8Field(db_default=CurrentXactId(), editable=False)
    bucket = models.SmallIntegerField()
    topic = models.TextField()
    key = models.TextField()
    type = models.TextField()
    subject = models.TextField(null=True, blank=True)
    content_type = models.TextField(default="application/json")
    event_id = models.UUIDField(unique=True)
    payload = models.BinaryField(null=True)
    headers = models.JSONField(default=dict)
    source = models.TextField(db_default="", blank=True)
    created_at = models.DateTimeField(db_default=ClockTimestamp())

    objects = OutboxEventQuerySet.as_manager()
    status: str  # by with_status()

    class Meta:
        db_table = "outbox_event"
        verbose_name = "event"
        default_permissions = ("view",)
        permissions: ClassVar = [
            ("view_payload", "Can see the payload of events"),
            ("view_raw_payload", "Can see raw payloads that cannot be parsed, with nothing hidden"),
            ("replay_event", "Can send published events again"),
        ]
        indexes: ClassVar = [models.Index(fields=["xid", "id"], name="outbox_event_xid")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(bucket__range=(0, 255)), name="outbox_event_bucket"),
            models.CheckConstraint(condition=models.Q(id__gt=0), name="outbox_event_id"),
            models.CheckConstraint(
                condition=models.Q(
                    LessThan(Length("topic"), 250),  # "{1,249}" in the pattern costs 20 µs an insert
                    ~models.Q(topic__in=[".", ".."]),
                    topic__regex="^[a-zA-Z0-9._-]+$",
                ),
                name="outbox_event_topic",
            ),
            models.CheckConstraint(
                condition=LessThan(OctetLength("key"), MAX_KEY_BYTES + 1), name="outbox_event_key"
            ),
            models.CheckConstraint(condition=IsObjectOfTexts("headers"), name="outbox_event_headers"),
            models.CheckConstraint(
                condition=models.Q(created_at__range=YEARS), name="outbox_event_created_at"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
