"""What outbox and Kafka have in common so far: the part that every audit has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from outbox_core.operations.doctor.probe_record import TYPE as TEST_TYPE
from outbox_core.wire.consumed import ConsumerRecord
from outbox_core.wire.encode import Row
from relay.audit.checker import Checker
from relay.audit.claims import Claim, claim
from relay.audit.expected import Expected
from relay.audit.findings import Difference, Findings, Wrong
from relay.audit.kafka import KafkaLog
from relay.audit.log import Log
from relay.audit.scope import Scope

BATCH_RECORDS, BATCH_BYTES = 1_000, 4_000_000
FEW = 100


class Compared:
    """The events that must be in Kafka (``expected``), those that were seen there (by ``checker``), and the
    ``findings``.
    """

    def __init__(self, log: Log, kafka: KafkaLog, scope: Scope) -> None:
        self.log = log
        self.kafka = kafka
        self.findings = Findings()
        self.expected = Expected(log, kafka, scope, self.findings)
        self.checker = Checker(log, self.expected, self.findings)

    def claims(self, batches: Iterable[list[ConsumerRecord]]) -> Iterator[list[Claim]]:
        """Our records among these, in batches that a query can take; an empty one after each list of records,
        so that the caller may wait. All others are counted.
        """
        batch: list[Claim] = []
        size = 0
        for records in batches:
            self.findings.records += len(records)
            for found in filter(None, map(self._ours, records)):
                batch.append(found)
                size += len(found.record.value or b"")
                if len(batch) >= BATCH_RECORDS or size >= BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
            yield []
        yield batch

    def find_missing(self) -> Iterator[int]:
        """Add what is expected and was not seen. Yields before each query."""
        self.kafka.forget()  # it may have deleted more meanwhile
        missing = self.expected.ids.without(self.checker.seen)
        while ids := list(islice(missing, FEW)):
            yield len(ids)
            for row in self.log.rows(ids).values():
                kept = self.kafka.kept(row.topic)
                if row.created_at < kept.since:
                    self.findings.published[row.topic] -= 1
                    self.findings.outside[f"of {row.topic} ({kept.why})"] += 1
                else:
                    self._add_missing(row)

    def _ours(self, record: ConsumerRecord) -> Claim | None:
        found = claim(record)
        if found is None or found.source not in self.expected.sources:
            self.findings.others += 1
        elif found.type == TEST_TYPE:
            self.findings.tests += 1
        elif self.expected.has_time(found.time):
            return found
        return None

    def _add_missing(self, row: Row) -> None:
        there = self.kafka.exists(row.topic)
        self.findings.add(
            Difference(
                wrong=Wrong.MISSING,
                event_id=row.event_id,
                topic=row.topic,
                key=row.key,
                where=f"#{row.id} of {row.created_at}",
                detail="published, and not in Kafka" if there else "its topic does not exist",
            )
        )
