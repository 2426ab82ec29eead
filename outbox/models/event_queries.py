"""Questions to the log: events by status, id or key."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.apps import apps
from django.db import connections, models
from django.db.models import F, Func, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from outbox.models.status import EventStatus, event_status
from outbox.sql import statement

if TYPE_CHECKING:
    from typing import Self

    from outbox.models.event import OutboxEvent  # noqa: F401

LIMIT = 10_000
HELD_AMONG = 300_000
"""The most held events that a search for published events skips."""


class OneOf(Func):
    """``id = ANY (ARRAY(SELECT …))``: unlike ``IN`` the planner has to find the ids first."""

    arg_joiner = " = ANY (ARRAY"
    template = "%(expressions)s)"
    output_field = models.BooleanField()


class OutboxEventQuerySet(QuerySet["OutboxEvent"]):
    """Events by status. The log may hold millions, so ``limit`` bounds what has no index."""

    def with_status(self) -> Self:
        """Annotate ``status``, an ``EventStatus``."""
        return self.annotate(status=event_status())

    def only_published(self) -> Self:
        """Those among these events that are published."""
        return self.with_status().filter(status=EventStatus.PUBLISHED)

    def pending(self, limit: int = LIMIT) -> Self:
        """Events that wait to be published: the oldest of each shard, up to ``limit``."""
        ids = f"SELECT id FROM ({statement('pending', cap=limit)}) AS pending"
        return self.filter(OneOf(F("pk"), RawSQL(ids, ())))

    def published(self, limit: int = LIMIT) -> Self:
        """Events that are published: the newest of each shard, about ``limit``."""
        candidates = self.filter(
            OneOf(F("pk"), RawSQL(statement("published", cap=limit, reach=limit + HELD_AMONG), ()))
        )
        return candidates.only_published()

    def held(self, limit: int = LIMIT) -> Self:
        """Events behind holds: the newest, up to ``limit``."""
        return self._among_held(limit, discarded_at__isnull=True)

    def discarded(self, limit: int = LIMIT) -> Self:
        """Events that were discarded: the newest, up to ``limit``."""
        return self._among_held(limit, discarded_at__isnull=False)

    def last_id(self) -> int:
        """The largest id of the log, 0 where it is empty."""
        events = self.model._default_manager.using(self.db)
        return events.order_by("-pk").values_list("pk", flat=True).first() or 0

    def last_id_before(self, moment: datetime) -> int:
        """About the largest id of what was created before ``moment``, 0 if there is none."""
        with connections[self.db].cursor() as cursor:
            cursor.execute(statement("last_id_before"), [moment])
            return int(cursor.fetchone()[0])

    def _among_held(self, limit: int, **condition: bool) -> Self:
        held = apps.get_model("outbox", "Held")._default_manager.using(self.db).filter(**condition)
        return self.filter(OneOf(F("pk"), Subquery(held.order_by("-event_id").values("event_id")[:limit])))
