"""The log: one row for each event."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from outbox.fields import ClockTimestamp, CurrentXactId, IsSound, Xid8Field
from outbox.models.event_queries import OutboxEventQuerySet


class OutboxEvent(models.Model):
    """One event, inserted once in the transaction that it reports, and never updated.

    ``id`` is the order within a window of the log, ``xid`` the top-level transaction that wrote the row,
    ``bucket`` the stable hash of ``key`` that assigns it to a shard, ``payload`` the bytes that go to Kafka
    (NULL is a tombstone), ``headers`` the CloudEvents extension attributes and ``source`` the CloudEvents
    source, empty for that of the relay.
    """

    id = models.BigAutoField(primary_key=True)
    # Not in fixtures: an event that is loaded is a new one of this database, and is published.
    xid = Xid8Field(db_default=CurrentXactId(), editable=False, serialize=False)
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
            ("backfill_event", "Can write events for rows that exist already"),
            ("audit_event", "Can have events compared with Kafka"),
        ]
        indexes: ClassVar = [models.Index(fields=["xid", "id"], name="outbox_event_xid")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=IsSound("id", "bucket", "topic", "key", "headers", "created_at"),
                name="outbox_event_is_sound",
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
