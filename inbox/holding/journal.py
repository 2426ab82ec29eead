"""Ledger entries for what a consumer does by itself, written in the transaction of what they record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db import connections

from inbox.handling.routing import Delivery
from inbox.models import HeldEvent, Ledger
from inbox.models.held import cause_of
from inbox.source import Partition
from outbox_core.operations import deeds
from outbox_core.operations.deeds import Deed, Diary
from outbox_core.operations.ledger import DONE, FAILED_AGAIN, GIVEN_UP, RETRIED, UNDECIDED

DIED = "process died"


class Journal:
    """The journal of one consumer. It names an error by its type, because its message may hold data of the
    payload.
    """

    def __init__(self, consumer: str, database: str) -> None:
        self._consumer = consumer
        self._database = database
        self._diary = Diary(f"consumer {consumer}")

    def held(self, deliveries: Iterable[Delivery], retry_in: float | None) -> None:
        """These events failed and are held. Events that only wait behind them have no entry."""
        outcome = UNDECIDED if retry_in is None else RETRIED
        rows = [HeldEvent.of(self._consumer, delivery) for delivery in deliveries]
        self._of_events(Ledger.Verb.HOLD, rows, outcome, before="not handled")

    def failed(self, held: HeldEvent, error: str, retry_in: float | None) -> None:
        """A held event was tried again, without success."""
        outcome = GIVEN_UP if retry_in is None else FAILED_AGAIN
        self._of_events(Ledger.Verb.RETRY, [held], outcome, error=error, before="held")

    def handled(self, held: Iterable[HeldEvent]) -> None:
        """Events that had failed before are handled now."""
        self._of_events(Ledger.Verb.RELEASE, [row for row in held if row.error], DONE, before="held")

    def moved(self, partition: Partition, before: int, after: int, why: str) -> None:
        """The consumer continues at another offset than it had stored."""
        self._of_partition(Ledger.Verb.SEEK, partition, f"{why}: continues at {after}", f"at {before}")

    def missed(self, partition: Partition, first: int, last: int) -> None:
        """Kafka deleted offsets that were not read."""
        why = f"Kafka deleted offsets {first} to {last} before they were read"
        self._of_partition(Ledger.Verb.SEEK, partition, why, f"at {first}")

    def took_over(self, partition: Partition, offset: int) -> None:
        """The group gave it a partition."""
        self._of_partition(Ledger.Verb.TAKE_OVER, partition, f"continues at {offset}")

    def _of_partition(self, verb: Ledger.Verb, partition: Partition, why: str, before: str = "") -> None:
        topic, number = partition
        self._write(
            Deed(
                verb=verb,
                scope=f"{topic}/{number}",
                group=f"partitions of {topic}",
                common={"consumer": self._consumer, "topic": topic},
                own={"partition": number},
                reason=why,
                before=before,
            )
        )

    def _of_events(
        self, verb: Ledger.Verb, rows: Sequence[HeldEvent], outcome: str, *, before: str, error: str = ""
    ) -> None:
        groups: dict[tuple[str, str, str], list[HeldEvent]] = defaultdict(list)
        for row in rows:
            groups[row.topic, row.type, cause_of(error or row.error) or DIED].append(row)
        for (topic, type_, cause), alike in groups.items():
            first, only = alike[0], len(alike) == 1
            words = f"{type_ or 'unreadable records'} of {topic}: {cause}"
            self._write(
                Deed(
                    verb=verb,
                    scope=f"event {first.event_id}, {words}" if only else words,
                    group=words,
                    common={"consumer": self._consumer, "topic": topic, "type": type_, "cause": cause},
                    own={"event": first.event_id, **({"key": first.key} if first.key else {})}
                    if only
                    else {},
                    reason=f"handler {first.handler}" if first.handler else "",
                    before=before,
                    outcome=outcome,
                    count=len(alike),
                )
            )

    def _write(self, deed: Deed) -> None:
        with connections[self._database].cursor() as cursor:
            cursor.execute(deeds.statement(Ledger._meta.db_table), self._diary.parameters(deed))
            (row,) = cursor.fetchone()
        self._diary.noted(deed, row)
