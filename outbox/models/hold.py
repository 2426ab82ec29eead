"""Holds, and the events that wait behind them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Value
from django.db.models.functions import Coalesce

from outbox.errors import OutboxError
from outbox.fields import ClockTimestamp
from outbox.models.event import OutboxEvent
from outbox.models.hold_queries import HeldQuerySet, HoldQuerySet


class Hold(models.Model):
    """A reason for events of one scope to wait: a whole topic, one key of a topic, or one event.

    Events in scope wait, in order, as ``Held``; all others are published. ``release_at`` is when the owner
    of the shard may start to publish them; NULL means that a person must release it. ``attempts`` counts how
    often a relay tried to publish and was refused.

    A replay has published events behind it that are sent again, to ``topic`` and with ``key`` as their replay
    id. No new event comes into its scope.
    """

    class Scope(models.TextChoices):
        TOPIC = "topic", "topic"
        KEY = "key", "key of a topic"
        EVENT = "event", "one event"
        REPLAY = "replay", "a replay"

    class Reason(models.TextChoices):
        POISON = "poison", "the broker can never take this record"
        TOPIC_MISSING = "topic-missing", "the topic does not exist"
        TOPIC_FORBIDDEN = "topic-forbidden", "the broker refuses writes to the topic"
        NOT_ENOUGH_REPLICAS = "not-enough-replicas", "too few replicas of the topic are in sync"
        PAUSED = "paused", "paused by an operator"
        REPLAY = "replay", "published events that an operator sends again"

    id = models.BigAutoField(primary_key=True)
    scope = models.TextField(choices=Scope.choices)
    topic = models.TextField()
    key = models.TextField(null=True)
    event = models.ForeignKey(
        OutboxEvent, models.DO_NOTHING, null=True, related_name="+", db_constraint=False
    )
    reason = models.TextField(choices=Reason.choices)
    detail = models.TextField(default="")
    attempts = models.IntegerField(db_default=0)
    created_at = models.DateTimeField(db_default=ClockTimestamp())
    release_at = models.DateTimeField(null=True)

    objects = HoldQuerySet.as_manager()
    waiting: int  # by with_waiting()
    due: bool  # by with_due()

    class Meta:
        db_table = "outbox_hold"
        default_permissions = ("view",)
        permissions: ClassVar = [
            ("release_hold", "Can release holds"),
            ("pause_topic", "Can pause and resume topics"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                "topic",
                "scope",
                Coalesce("key", Value("")),
                Coalesce("event", Value(0)),
                name="outbox_hold_scope",
            ),
        ]

    def __str__(self) -> str:
        return f"Hold {self.pk} ({self.reason}) of {self.where}"

    @property
    def where(self) -> str:
        """The scope in words."""
        if self.scope == self.Scope.KEY:
            return f"key {self.key} of {self.topic}"
        if self.scope == self.Scope.EVENT:
            return f"event #{self.event_id} of {self.topic}"
        if self.scope == self.Scope.REPLAY:
            return f"replay {self.key} to {self.topic}"
        return f"topic {self.topic}"

    def release(self) -> None:
        """Let the owners of the shards publish what waits here, in order, and end the hold."""
        if not Hold.objects.using(self._state.db).filter(pk=self.pk).release():
            raise OutboxError(
                f"Hold {self.pk} does not exist any more: it was released, and its events are published."
            )


class Held(models.Model):
    """An event that waits behind a hold; ``id`` is the order in which the events of a hold are published
    later, ``bucket`` that of the event.

    A discarded event keeps its row, with the time and the reason: it is never published. ``hold`` becomes
    NULL when its hold ends; only discarded events outlive their hold.
    """

    id = models.BigAutoField(primary_key=True)
    hold = models.ForeignKey(Hold, models.DO_NOTHING, null=True, related_name="held", db_index=False)
    event = models.OneToOneField(OutboxEvent, models.DO_NOTHING, related_name="held", db_constraint=False)
    bucket = models.SmallIntegerField()
    created_at = models.DateTimeField(db_default=ClockTimestamp())
    discarded_at = models.DateTimeField(null=True)
    discard_reason = models.TextField(db_default="")

    objects = HeldQuerySet.as_manager()

    class Meta:
        db_table = "outbox_held"
        verbose_name = "held event"
        default_permissions = ("view",)
        permissions: ClassVar = [("discard_held", "Can discard held events")]
        indexes: ClassVar = [models.Index(fields=["hold", "id", "bucket"], name="outbox_held_hold")]

    def __str__(self) -> str:
        return f"event {self.event_id} behind hold {self.hold_id}"
