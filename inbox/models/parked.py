from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec
from django.db import connections, models, transaction
from django.db.models import Exists, F, Max, OuterRef, Q
from django.db.models.functions import Now

from inbox.cloudevents import printable
from inbox.delivery import Delivery, Identity
from inbox.record import Record


class ParkedQuerySet(models.QuerySet["Parked"]):
    def waiting(self, consumer: str | None = None) -> ParkedQuerySet:
        """What is parked and not discarded, in the order in which it arrived."""
        waiting = self.filter(discarded_at=None).order_by("id")
        return waiting if consumer is None else waiting.filter(consumer=consumer)

    def lanes(self, consumer: str, among: Iterable[int | None]) -> set[int]:
        """Which of these keys have events parked, so that later ones must wait behind them."""
        known = [lane for lane in among if lane is not None]
        found = self.filter(consumer=consumer, discarded_at=None, lane__in=known) if known else self.none()
        return {
            lane for lane in found.order_by().values_list("lane", flat=True).distinct() if lane is not None
        }

    def lock(self, consumer: str) -> None:
        """Until the transaction ends, be the only one who parks or takes up events of this consumer."""
        with connections[self.db].cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended('inbox parked ' || %s, 0))", [consumer]
            )

    def park(self, consumer: str, delivery: Delivery) -> None:
        """Set a delivery aside, behind what is parked of its key; where that is requeued, so is this."""
        ahead = (
            self.waiting(consumer).filter(lane=delivery.lane) if delivery.lane is not None else self.none()
        )
        event, record = delivery.event, delivery.record
        parked = Parked(
            consumer=consumer,
            source=delivery.identity.source,
            event_id=delivery.identity.event_id,
            type="" if event is None else event.type,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=None if record.key is None else printable(record.key),
            lane=delivery.lane,
            record=msgspec.msgpack.encode(record),
            error=delivery.error,
            attempts=delivery.attempts,
            requeued_at=ahead.aggregate(at=Max("requeued_at"))["at"],
        )
        self.bulk_create([parked], ignore_conflicts=True)

    def failed_again(self, parked: Parked, error: str) -> bool:
        """Leave a requeued one parked after all, and its key with it; unless somebody has dealt with it, or
        asked anew, since it was taken up. Returns whether it is left.
        """
        if not self.waiting().filter(id=parked.id, requeued_at=parked.requeued_at).exists():
            return False
        key = Q(id=parked.id) if parked.lane is None else Q(consumer=parked.consumer, lane=parked.lane)
        self.waiting().filter(key).order_by().update(requeued_at=None)
        self.filter(id=parked.id).update(error=error, attempts=F("attempts") + 1)
        return True

    def with_their_keys(self) -> ParkedQuerySet:
        """These and all that is parked of their keys: order is kept, so they are taken up together."""
        these = self.order_by()
        of_same_key = these.filter(consumer=OuterRef("consumer"), lane=OuterRef("lane"))
        return (
            Parked.objects.using(self.db).waiting().filter(Q(id__in=these.values("id")) | Exists(of_same_key))
        )

    def requeue(self) -> int:
        """Have the running consumer handle these and the rest of their keys, in order; returns how many."""
        with transaction.atomic(using=self.db):
            self._lock_all()
            return self.with_their_keys().order_by().update(requeued_at=Now())

    def discard(self, by: str, reason: str) -> int:
        """Let these go, keeping who and why, and have what waited behind handled; returns how many."""
        with transaction.atomic(using=self.db):
            self._lock_all()
            gone = list(self.waiting().values_list("id", "consumer", "lane"))
            every = Parked.objects.using(self.db)
            every.filter(id__in=[id_ for id_, *_ in gone]).update(
                discarded_at=Now(), discarded_by=by, discard_reason=reason, requeued_at=None
            )
            for consumer, lane in {(consumer, lane) for _, consumer, lane in gone if lane is not None}:
                behind = every.waiting(consumer).filter(lane=lane)
                head = behind.first()
                if head is not None and not head.error:
                    behind.order_by().update(requeued_at=Now())
            return len(gone)

    def _lock_all(self) -> None:
        for consumer in sorted(set(self.order_by().values_list("consumer", flat=True).distinct())):
            self.lock(consumer)


class Parked(models.Model):
    """An event that could not be handled (``error`` says why), or waits behind one of its key (no error).

    ``id`` is the order within a key. ``record`` is the whole Kafka record. ``requeued_at`` is when somebody
    asked for it to be handled again; the running consumer does so. A discarded one is kept until retention
    removes it.
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
    lane = models.BigIntegerField(null=True)
    record = models.BinaryField()
    error = models.TextField(blank=True, default="")
    attempts = models.IntegerField(default=0)
    parked_at = models.DateTimeField(db_default=Now())
    requeued_at = models.DateTimeField(null=True, blank=True)
    discarded_at = models.DateTimeField(null=True, blank=True)
    discarded_by = models.TextField(blank=True, default="")
    discard_reason = models.TextField(blank=True, default="")

    objects = ParkedQuerySet.as_manager()

    class Meta:
        db_table = "inbox_parked"
        verbose_name = "held event"
        permissions: ClassVar = [
            ("view_payload", "Can see the payload of events"),
            ("view_raw_payload", "Can see payloads raw that cannot be read, with nothing hidden"),
            ("release_parked", "Can release held events"),
            ("discard_parked", "Can discard held events"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["consumer", "source", "event_id"], name="inbox_parked_event"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["consumer", "lane", "id"], condition=Q(discarded_at=None), name="inbox_parked_lane"
            ),
            models.Index(
                fields=["consumer", "id"],
                condition=Q(requeued_at__isnull=False),
                name="inbox_parked_requeued",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type or 'unreadable record'} {self.event_id}"

    @property
    def identity(self) -> Identity:
        return Identity(self.source, self.event_id)

    def as_record(self) -> Record:
        """The record as it was delivered."""
        return msgspec.msgpack.decode(bytes(self.record), type=Record)
