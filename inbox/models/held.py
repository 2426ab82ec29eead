"""Held events: they failed, or wait behind a failed event of the same key."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import msgspec
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inbox.handling.routing import Delivery, Identity
from inbox.models.held_queries import HeldEventQuerySet, Key
from outbox_core.wire.attributes import printable
from outbox_core.wire.consumed import ConsumerRecord


def cause_of(error: str) -> str:
    """The type of an error, such as ``ValueError``. Unlike the message, it holds no data of the event."""
    return error.partition(":")[0]


class HeldEvent(models.Model):
    """An event that could not be handled (``error`` and ``handler`` say why), or that waits behind another
    event of its key (``error`` is empty).

    ``id`` is the order within a key. ``retry_at`` is when the first event of a key is tried again; None if a
    person must decide. ``attempts`` counts the failures that the event itself caused. ``alone``: it may have
    killed its process, so it is tried alone. ``released_at`` is when a person released it. ``record`` is the
    whole Kafka record. A discarded event stays until ``inbox_prune`` deletes it.
    """

    id = models.BigAutoField(primary_key=True)
    consumer = models.TextField()
    source = models.TextField()
    event_id = models.TextField("event id")
    type = models.TextField(blank=True)
    topic = models.TextField()
    partition = models.IntegerField()
    offset = models.BigIntegerField()
    key = models.TextField(null=True, blank=True)
    key_hash = models.BigIntegerField(null=True)
    record = models.BinaryField()
    error = models.TextField(blank=True, default="")
    handler = models.TextField(blank=True, default="")
    attempts = models.IntegerField(default=0)
    alone = models.BooleanField(default=False)
    held_at = models.DateTimeField(db_default=Now())
    retry_at = models.DateTimeField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    discarded_at = models.DateTimeField(null=True, blank=True)
    discarded_by = models.TextField(blank=True, default="")
    discard_reason = models.TextField(blank=True, default="")

    objects = HeldEventQuerySet.as_manager()

    class Meta:
        db_table = "inbox_held"
        verbose_name = "held event"
        permissions: ClassVar = [
            ("view_payload", "Can see the payload of events"),
            ("view_raw_payload", "Can see raw payloads that cannot be parsed, with nothing hidden"),
            ("release_held", "Can release held events"),
            ("discard_held", "Can discard held events"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["consumer", "source", "event_id"], name="inbox_held_event"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["consumer", "key_hash", "id"], condition=Q(discarded_at=None), name="inbox_held_key"
            ),
            models.Index(
                fields=["consumer", "retry_at"],
                condition=Q(retry_at__isnull=False),
                name="inbox_held_retry",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type or 'unreadable record'} {self.event_id}"

    @classmethod
    def of(cls, consumer: str, delivery: Delivery, **values: Any) -> Self:
        event, record = delivery.event, delivery.record
        return cls(
            consumer=consumer,
            source=delivery.identity.source,
            event_id=delivery.identity.event_id,
            type="" if event is None else event.type,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=None if record.key is None else printable(record.key),
            key_hash=delivery.key_hash,
            record=msgspec.msgpack.encode(record),
            error=delivery.error,
            handler=delivery.handler,
            attempts=delivery.attempts,
            **values,
        )

    @property
    def identity(self) -> Identity:
        return Identity(self.source, self.event_id)

    @property
    def own_key(self) -> Key:
        """The lock that a change needs: consumer and key, or the event itself if it has no key."""
        return self.consumer, -self.pk if self.key_hash is None else self.key_hash

    def as_record(self) -> ConsumerRecord:
        """The Kafka record."""
        return msgspec.msgpack.decode(bytes(self.record), type=ConsumerRecord)
