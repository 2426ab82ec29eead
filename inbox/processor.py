from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from inbox.database import drop_dead_connection
from inbox.delivery import Delivery, Routes
from inbox.effects import Effects
from inbox.errors import Abandoned, Poison
from inbox.outages import Outages
from inbox.record import Record
from inbox.signals import batch_failed, event_parked
from inbox.transient import is_transient
from outbox_core.process.backoff import delays

HANDLING = "what its handlers need"
PARKING = "what parking an event needs"


class Processor:
    """Has records handled: a batch in one transaction, and singly if that fails.

    What may go well later is waited for in place, in order. An event that fails ``attempts`` times is parked.
    ``wait`` sleeps and ``go_on`` is asked between transactions; both raise Abandoned when the rest is to be
    let go.
    """

    def __init__(
        self,
        *,
        routes: Routes,
        effects: Effects,
        outages: Outages,
        wait: Callable[[float], None],
        go_on: Callable[[], None],
        batch_size: int,
        attempts: int,
    ) -> None:
        self.handled = 0
        self._routes = routes
        self._effects = effects
        self._outages = outages
        self._wait = wait
        self._go_on = go_on
        self._batch_size = batch_size
        self._attempts = attempts

    def process(self, records: Sequence[Record]) -> Iterator[Record]:
        """Yield each record once it is done with.

        Raises:
            Abandoned: the records not yet yielded are to be delivered again.
        """
        for start in range(0, len(records), self._batch_size):
            self._go_on()
            batch = records[start : start + self._batch_size]
            deliveries = [delivery for record in batch if (delivery := self._routes(record)) is not None]
            if not deliveries or (len(deliveries) > 1 and self._together(deliveries)):
                yield from batch
            else:
                yield from self._singly(batch)

    def _together(self, deliveries: Sequence[Delivery]) -> bool:
        try:
            self._apply(deliveries)
        except Abandoned:
            raise
        except Exception as error:
            if not is_transient(error):
                batch_failed.send(self._effects.consumer, error=error, size=len(deliveries))
            drop_dead_connection(self._effects.database)
            return False
        self._end_outages()
        return True

    def _singly(self, batch: Sequence[Record]) -> Iterator[Record]:
        for record in batch:
            self._go_on()
            delivery = self._routes(record)
            if delivery is not None:
                self._until_done(delivery)
            yield record

    def _until_done(self, delivery: Delivery) -> None:
        failures = 0
        for delay in delays():
            try:
                self._apply([delivery])
            except Abandoned:
                raise
            except Exception as error:
                drop_dead_connection(self._effects.database)
                if is_transient(error):
                    self._outages.begin(HANDLING, error)
                elif delivery.error:
                    self._outages.begin(PARKING, error)
                else:
                    failures += 1
                    if failures >= self._attempts or isinstance(error, Poison):
                        delivery = delivery.poisoned(error, failures)
                        continue
            else:
                break
            self._wait(delay)
        self._end_outages()

    def _end_outages(self) -> None:
        self._outages.end(HANDLING)
        self._outages.end(PARKING)

    def _apply(self, deliveries: Sequence[Delivery]) -> None:
        applied = self._effects.apply(deliveries)
        self.handled += applied.handled
        for delivery in applied.parked:
            event_parked.send(self._effects.consumer, delivery=delivery)
