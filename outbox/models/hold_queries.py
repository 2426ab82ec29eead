"""What can be asked of holds and done with them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import models, transaction
from django.db.models import F, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Least

from outbox.fields import ClockTimestamp
from outbox.log import tables

if TYPE_CHECKING:
    from typing import Self

    from outbox.models.hold import Held, Hold  # noqa: F401

_WAITING = """(
    SELECT count(*) FROM (
        SELECT FROM {schema}outbox_held AS held
        WHERE held.hold_id = {schema}outbox_hold.id AND discarded_at IS NULL LIMIT %s
    ) AS waiting
)"""


class HoldQuerySet(QuerySet["Hold"]):
    """These methods publish nothing themselves. The relays that own the shards do, when they see
    the change.
    """

    def with_waiting(self, limit: int) -> Self:
        """Annotate ``waiting``, the number of events behind the hold, counted up to ``limit``."""
        waiting = _WAITING.format(schema=tables.qualifier())
        return self.annotate(waiting=RawSQL(waiting, (limit,), output_field=models.BigIntegerField()))

    def with_due(self) -> Self:
        """Annotate ``due``: whether the relays may publish what waits here now."""
        due = RawSQL("coalesce(release_at <= clock_timestamp(), false)", (), models.BooleanField())
        return self.annotate(due=due)

    def pauses(self) -> Self:
        """Topics paused by an operator."""
        return self.filter(scope=self.model.Scope.TOPIC, reason=self.model.Reason.PAUSED)

    def ending_by_themselves(self, seconds: float) -> Self:
        """Holds of topics that the relays try again, made at most ``seconds`` ago, with waiting events."""
        since = ClockTimestamp() - timedelta(seconds=seconds)
        young = self.filter(scope=self.model.Scope.TOPIC, release_at__isnull=False, created_at__gt=since)
        return young.filter(held__discarded_at__isnull=True, held__isnull=False)

    def pause(self, topic: str, detail: str = "") -> Hold:
        """Hold a topic until it is released. An existing hold of the topic becomes a pause."""
        scope = {"scope": self.model.Scope.TOPIC, "topic": topic, "key": None, "event": None}
        pause = {"reason": self.model.Reason.PAUSED, "detail": detail}
        with transaction.atomic(using=self.db):
            hold, made = self.select_for_update(no_key=True).get_or_create(**scope, defaults=pause)
            if not made:
                self.filter(pk=hold.pk).update(**pause, release_at=None)
                hold.refresh_from_db()
        return hold

    def release(self) -> int:
        """Let the relays publish what waits here, in order, and end the holds. Returns how many holds there
        were.
        """
        now = ClockTimestamp()
        return self.update(release_at=Least(Coalesce(F("release_at"), now), now))


class HeldQuerySet(QuerySet["Held"]):
    def waiting(self) -> Self:
        """Events that will be published when their hold is released."""
        return self.filter(discarded_at__isnull=True)
