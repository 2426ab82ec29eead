from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from inbox.delivery import Delivery
from inbox.effects import Effects
from inbox.errors import Poison
from inbox.models import Parked
from inbox.models.parked import ParkedQuerySet
from inbox.record import Record
from inbox.signals import requeued
from inbox.transient import is_transient
from outbox_core.people.failure import describe, without_rows
from outbox_core.people.text import line


@dataclass(frozen=True, slots=True, kw_only=True)
class Requeue:
    """Takes up parked events that somebody requeued, each in a transaction of its own, each key in order.

    One that fails again stays parked, and its key with it.
    """

    effects: Effects
    route: Callable[[Record], Delivery | None]

    def run(self, limit: int, go_on: Callable[[], None] = lambda: None) -> int:
        """Take up to ``limit`` of them, asking ``go_on`` before each; returns how many.

        Raises what is transient, and what ``go_on`` raises; the event is still requeued then.
        """
        outcomes: Counter[bool | None] = Counter()
        try:
            while outcomes.total() < limit:
                go_on()
                if not self._requested():
                    break
                outcomes[self._take_first()] += 1
        finally:
            if outcomes[True] or outcomes[False]:
                requeued.send(self.effects.consumer, handled=outcomes[True], failed=outcomes[False])
        return outcomes.total()

    def _requested(self) -> bool:
        return self._requeued().exists()

    def _requeued(self) -> ParkedQuerySet:
        return self.effects.parked.waiting(self.effects.consumer).filter(requeued_at__isnull=False)

    def _take_first(self) -> bool | None:
        """Whether the first could be handled; None if somebody else has dealt with it, or asked anew."""
        parked: Parked | None = None
        try:
            with self.effects.transaction():
                self.effects.parked.lock(self.effects.consumer)
                parked = self._requeued().first()
                if parked is None:
                    return None
                self.effects.take_up(parked, self.route(parked.as_record()))
        except Exception as error:
            if parked is None or is_transient(error):
                raise
            return self._leave(parked, error)
        return True

    def _leave(self, parked: Parked, error: Exception) -> bool | None:
        """Whether it is handled after all: gone, and only a hook behind the commit has failed."""
        text = without_rows(str(error)) if isinstance(error, Poison) else describe(error)
        with self.effects.transaction():
            self.effects.parked.lock(self.effects.consumer)
            if self.effects.parked.failed_again(parked, line(text)):
                return False
            return None if self.effects.parked.filter(id=parked.id).exists() else True
