"""The table of events that were handled or are held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

import msgspec
from django.apps import apps
from django.db import connections, models
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from inbox.handling.routing import Identity
from inbox.sql import statement


class ProcessedManager(models.Manager["Processed"]):
    def claim(self, consumer: str, identities: Sequence[Identity]) -> set[Identity]:
        """Record these events as handled by ``consumer``. Returns those that were not recorded before."""
        with connections[self.db].cursor() as cursor:
            events = msgspec.json.encode(identities).decode()
            cursor.execute(statement("claim"), {"consumer": consumer, "events": events})
            return {Identity(source, event_id) for source, event_id in cursor.fetchall()}

    def old(self, before: datetime) -> models.QuerySet[Processed]:
        """The notes that ``prune`` may delete. It keeps those of events that are still held."""
        names = ("consumer", "source", "event_id")
        held = apps.get_model("inbox", "HeldEvent")._default_manager.using(self.db).filter(discarded_at=None)
        same = held.filter(**{name: OuterRef(name) for name in names})
        return self.filter(~Exists(same), processed_at__lt=before)

    def prune(self, before: datetime, chunk: int) -> int:
        """Delete up to ``chunk`` notes of events that were handled before that time. Returns how many."""
        with connections[self.db].cursor() as cursor:
            cursor.execute(statement("prune"), {"before": before, "chunk": chunk})
            return int(cursor.rowcount)


class Processed(models.Model):
    """An event that a consumer has handled or held. If it is delivered again, it is skipped."""

    pk = models.CompositePrimaryKey("consumer", "source", "event_id")
    consumer = models.TextField(db_collation="C")
    source = models.TextField(db_collation="C")
    event_id = models.TextField(db_collation="C")
    processed_at = models.DateTimeField(db_default=Now())

    objects = ProcessedManager()

    class Meta:
        db_table = "inbox_processed"
        verbose_name_plural = "processed"
        # The rows of a batch share one time, so the index needs only a few bytes for each.
        indexes: ClassVar = [models.Index(fields=["processed_at"], name="inbox_processed_at")]

    def __str__(self) -> str:
        return f"{self.consumer}: {self.source} {self.event_id}"
